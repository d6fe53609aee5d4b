//! What a sensor costs that has nothing to see.

use std::time::Duration;

use anyhow::Result;

use crate::{Sensor, cpu, memory, network};

/// Long enough for everything that is done once a minute.
const SPAN: Duration = Duration::from_mins(2);

pub(crate) fn measure() -> Result<()> {
    let network = network()?;
    let folder = tempfile::tempdir()?;
    let sensor = Sensor::start(network.machine("server"), folder.path(), "", "--enforce")?;
    let before = cpu(sensor.job.id())?;
    std::thread::sleep(SPAN);
    let used = cpu(sensor.job.id())? - before;
    println!("\n| nothing to see | |\n|---|---:|");
    println!("| share of one core | {:.2} % |", 100.0 * used / SPAN.as_secs_f64());
    println!("| memory | {:.0} MB |", memory(sensor.job.id())? / 1e6);
    Ok(())
}
