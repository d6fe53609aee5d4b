//! How many packets a sensor can take, and what each costs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tripline_lab::{Job, Machine};

use crate::{Sensor, captures, cpu, network};

/// What takes the packets.
#[derive(Clone, Copy, Debug)]
enum Taker {
    /// `tripline watch`, with its filter in the kernel or without.
    Tripline { filter: bool },
    /// `tcpdump -w /dev/null`, with a buffer of so many KiB.
    Tcpdump { buffer: Option<u32> },
}

const TAKERS: [(&str, Taker); 4] = [
    ("tripline", Taker::Tripline { filter: true }),
    ("tripline, no filter", Taker::Tripline { filter: false }),
    ("tcpdump", Taker::Tcpdump { buffer: None }),
    ("tcpdump -B 32768", Taker::Tcpdump { buffer: Some(32_768) }),
];

/// How often each taker is tried on each capture; odd, for the median.
const ROUNDS: usize = 3;

/// One run.
#[derive(Clone, Copy, Debug)]
struct Run {
    sent: f64,
    per_second: f64,
    /// Frames that came to the taker, those that it lost among them.
    seen: f64,
    lost: f64,
    cpu: f64,
}

pub(crate) fn measure() -> Result<()> {
    println!(
        "\n| capture | sent a second | program | passed the filter | lost | CPU s a million sent |"
    );
    println!("|---|---:|---|---:|---:|---:|");
    for file in captures::write(Path::new(env!("CARGO_TARGET_TMPDIR")))? {
        for (name, taker) in TAKERS {
            let mut runs = (0..ROUNDS).map(|_| run(&file, taker)).collect::<Result<Vec<_>>>()?;
            runs.sort_by(|one, other| one.lost.total_cmp(&other.lost));
            let Run { sent, per_second, seen, lost, cpu } = runs[ROUNDS / 2];
            println!(
                "| {} | {:.0} k | {name} | {:.2} % | {:.2} % | {:.2} |",
                file.file_stem().unwrap_or_default().to_string_lossy(),
                per_second / 1e3,
                100.0 * seen / sent,
                100.0 * lost / sent,
                cpu / sent * 1e6,
            );
        }
    }
    Ok(())
}

fn run(file: &Path, taker: Taker) -> Result<Run> {
    let network = network()?;
    network.mirror()?;
    let (server, scanner) = (network.machine("server"), network.machine("scanner"));
    match taker {
        Taker::Tripline { filter } => {
            let folder = tempfile::tempdir()?;
            let options = "-i eth0 --home 192.0.2.0/24 --home 198.51.100.0/24";
            let whole = if filter { "" } else { " --whole" };
            let sensor = Sensor::start(server, folder.path(), "", &format!("{options}{whole}"))?;
            let id = sensor.job.id();
            let (before, cpu_before) = (counted(server)?, cpu(id)?);
            let (sent, per_second) = replay(scanner, file)?;
            let (after, cpu_after) = (counted(server)?, cpu(id)?);
            let (seen, lost) = (after.0 - before.0, after.1 - before.1);
            Ok(Run { sent, per_second, seen, lost, cpu: cpu_after - cpu_before })
        }
        Taker::Tcpdump { buffer } => {
            let buffer = buffer.map(|size| format!("-B {size}")).unwrap_or_default();
            let line = format!("tcpdump -n -i eth0 {buffer} -w /dev/null");
            let mut job = server.start(&line)?;
            job.wait_for("tcpdump", Duration::from_secs(10), |said| {
                said.contains("listening on").then_some(())
            })?;
            let cpu_before = cpu(job.id())?;
            let (sent, per_second) = replay(scanner, file)?;
            let used = cpu(job.id())? - cpu_before;
            let (seen, lost) = dumped(job)?;
            Ok(Run { sent, per_second, seen, lost, cpu: used })
        }
    }
}

/// Sends a capture as fast as it goes; gives the number of packets, and of those in a second.
fn replay(scanner: &Machine, file: &Path) -> Result<(f64, f64)> {
    let said = scanner.run(&format!("tcpreplay -q -K -t -i eth0 {}", file.display()))?;
    let text = said.out + &said.err;
    let number = |before: &str, after: &str| -> Result<f64> {
        let (_, rest) = text.split_once(before).with_context(|| text.clone())?;
        let number = rest.split_once(after).with_context(|| text.clone())?.0;
        let number = number.rsplit([' ', ',']).next().unwrap_or_default();
        number.parse().with_context(|| text.clone())
    };
    // What is still on its way.
    std::thread::sleep(Duration::from_secs(2));
    Ok((number("Actual: ", " packets")?, number("Rated: ", " pps")?))
}

/// Frames of the interface, and those that were lost, as the sensor's metrics have them.
fn counted(server: &Machine) -> Result<(f64, f64)> {
    let text = server.run("curl -s http://127.0.0.1:9717/metrics")?.out;
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.rsplit(' ').next());
        number.and_then(|number| number.parse().ok()).with_context(|| format!("no {name}"))
    };
    Ok((value("tripline_interface_frames_total")?, value("tripline_interface_drops_total")?))
}

/// What tcpdump says at its end.
fn dumped(job: Job) -> Result<(f64, f64)> {
    let said = job.stop()?;
    let value = |what: &str| {
        let line = said.lines().find(|line| line.ends_with(what));
        let number = line.and_then(|line| line.split(' ').next());
        number.and_then(|number| number.parse().ok()).with_context(|| said.clone())
    };
    Ok((value("packets received by filter")?, value("packets dropped by kernel")?))
}
