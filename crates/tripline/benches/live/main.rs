//! How quickly a sweeper is cut off, and how many packets a sensor can take: measured on machines of
//! network namespaces.
//!
//! `cargo bench -p tripline --bench live` (as root; iproute2, ethtool, nftables, tcpdump and
//! tcpreplay) prints the tables of `docs/live.md`; `-- latency`, `-- idle` or `-- loss` only one of them.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its tables")]

#[path = "../read/captures.rs"]
mod captures;
mod idle;
mod latency;
mod loss;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tripline_lab::{Job, Machine, Network, Output};

fn main() -> ExitCode {
    let result = tripline_lab::enter().and_then(|()| run(std::env::args().skip(1)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: impl Iterator<Item = String>) -> Result<()> {
    let wanted: Vec<String> = arguments.filter(|argument| argument != "--bench").collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    if wants("latency") {
        latency::measure()?;
    }
    if wants("idle") {
        idle::measure()?;
    }
    if wants("loss") {
        loss::measure()?;
    }
    Ok(())
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_tripline");
const SERVER: &str = "192.0.2.10";

fn network() -> Result<Network> {
    Network::new(&[("server", &["192.0.2.10/24"]), ("scanner", &["192.0.2.99/24"])])
}

/// A sensor on the server, and its settings.
struct Sensor<'a> {
    machine: &'a Machine,
    settings: String,
    job: Job,
}

impl<'a> Sensor<'a> {
    fn start(machine: &'a Machine, folder: &Path, settings: &str, options: &str) -> Result<Self> {
        let path = folder.join("tripline.toml");
        let state = folder.join("state").display().to_string();
        std::fs::write(&path, format!("{settings}\n[watch]\nstate = {state:?}\n"))?;
        let settings = path.display().to_string();
        let line = format!("{PROGRAM} watch --json {options} --settings {settings}");
        let sensor = Self { machine, job: machine.start(&line)?, settings };
        let began = Instant::now();
        while !sensor.ask("curtailed")?.success {
            ensure!(began.elapsed().as_secs() < 10, "no sensor: {}", sensor.job.said());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(sensor)
    }

    fn ask(&self, command: &str) -> Result<Output> {
        let settings = &self.settings;
        self.machine.try_run(&format!("{PROGRAM} {command} --settings {settings}"))
    }
}

/// Seconds of processor time that a process has used.
fn cpu(process: u32) -> Result<f64> {
    const TICKS: f64 = 100.0;
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // Behind the name, which may contain anything: user and system time are fields 14 and 15.
    let fields = text.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS)
}

/// Bytes of memory that a process has in use.
fn memory(process: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024.0)
}
