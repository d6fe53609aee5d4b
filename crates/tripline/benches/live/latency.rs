//! From the first packet of a sweep to the drop in the kernel.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::{SERVER, Sensor, network};

const SWEEPS: u8 = 100;
/// Ports of a sweep; the last one is open.
const PORTS: [u16; 12] = [21, 22, 23, 25, 53, 110, 139, 445, 1433, 3306, 3389, 80];
/// A pause after each attempt, as of a scanner over a network.
const PAUSE: Duration = Duration::from_millis(1);

/// One sweep, in milliseconds from its first packet.
#[derive(Debug)]
struct Sweep {
    verdict: f64,
    kernel: f64,
    /// Seen from outside: the first attempt that got nothing.
    outside: f64,
}

pub(crate) fn measure() -> Result<()> {
    let network = network()?;
    let (server, scanner) = (network.machine("server"), network.machine("scanner"));
    let folder = tempfile::tempdir()?;
    let listener = server.within(|| TcpListener::bind((SERVER, 80)))??;
    std::thread::spawn(move || listener.incoming().flatten().for_each(drop));
    let settings = "[curtail]\nper_minute = 1000\n";
    let sensor = Sensor::start(server, folder.path(), settings, "--enforce")?;
    let mut sweeps = Vec::new();
    for last in 0..SWEEPS {
        let source = format!("192.0.2.{}", 100 + last);
        scanner.run(&format!("ip addr add {source}/24 dev eth0"))?;
        let (began, cut) = scanner.within(|| sweep(&source))??;
        sweeps.push(told(&sensor, &source, began, cut)?);
    }
    println!("{SWEEPS} sweeps, in milliseconds from their first packet:\n");
    println!("| | least | half | 90 % | 99 % | most |\n|---|---:|---:|---:|---:|---:|");
    row("verdict", sweeps.iter().map(|sweep| sweep.verdict));
    row("held by the kernel", sweeps.iter().map(|sweep| sweep.kernel));
    row("from the verdict to that", sweeps.iter().map(|sweep| sweep.kernel - sweep.verdict));
    row("first attempt without an answer", sweeps.iter().map(|sweep| sweep.outside));
    Ok(())
}

fn row(name: &str, values: impl Iterator<Item = f64>) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    println!(
        "| {name} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
        at(0.0),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
}

/// Connects to all ports, and then to the open one until nobody answers. Gives when it began, and
/// after how many milliseconds the first attempt was made that got nothing.
fn sweep(source: &str) -> Result<(f64, f64)> {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    let began = Instant::now();
    for port in PORTS {
        // What is refused is refused, and what is open is left at once.
        let _ = connect(source, port);
        std::thread::sleep(PAUSE);
    }
    loop {
        let attempt = began.elapsed();
        ensure!(attempt < Duration::from_secs(5), "{source} was never cut off");
        if connect(source, 80).is_err() {
            return Ok((wall, attempt.as_secs_f64() * 1e3));
        }
        std::thread::sleep(PAUSE);
    }
}

fn connect(source: &str, port: u16) -> Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // Closed by RST, so that ports are free again at once.
    socket.set_linger(Some(Duration::ZERO))?;
    socket.bind(&SocketAddr::new(source.parse()?, 0).into())?;
    let target = SocketAddr::new(SERVER.parse()?, port);
    socket.connect_timeout(&target.into(), Duration::from_millis(100))?;
    Ok(socket.into())
}

/// What the sensor told of a sweep.
fn told(sensor: &Sensor<'_>, source: &str, began: f64, outside: f64) -> Result<Sweep> {
    let time = |value: &Value| -> Result<f64> {
        let text = value.as_str().context("no time")?;
        let time: tripline_packet::Timestamp =
            text.parse().map_err(|error| anyhow::anyhow!("{text}: {error}"))?;
        Ok(time.nanos() as f64 / 1e9)
    };
    let said = sensor.job.said();
    let events = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let (mut verdict, mut kernel) = (None, None);
    for event in events {
        if event["kind"] == "incident" && event["sources"][0] == source {
            verdict = Some(time(&event["verdict_at"])?);
        }
        let is_held = event["step"] == "curtailed" && event["from"] == "everything";
        if is_held && event["source"] == source {
            kernel = Some(time(&event["time"])?);
        }
    }
    let millis = |time: Option<f64>| time.map(|time| (time - began) * 1e3);
    let verdict = millis(verdict).with_context(|| format!("no verdict on {source}"))?;
    let kernel = millis(kernel).with_context(|| format!("{source} is not held off"))?;
    Ok(Sweep { verdict, kernel, outside })
}
