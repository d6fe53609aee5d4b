//! A sweeper is cut off, at once, and nobody else.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::Test;
use crate::rig::{Family, Rig, SECOND, V4, V6, is_incident, is_step};

pub(crate) fn trials() -> Vec<Test> {
    vec![
        ("a_fresh_server_sees_a_sweep_and_touches_nothing", fresh_server),
        ("a_connect_scanner_is_cut_off_within_a_second", || cut_off(V4)),
        ("a_connect_scanner_is_cut_off_within_a_second_v6", || cut_off(V6)),
        ("a_half_open_scanner_is_slowed_down_at_most", || half_open(V4)),
        ("a_half_open_scanner_is_slowed_down_at_most_v6", || half_open(V6)),
        ("people_curtail_and_release", by_hand),
        ("the_second_time_is_longer", second_time),
        ("a_restart_remembers", restart),
    ]
}

const PORTS: &str = "15-34,80";

/// No settings, no options: what an owner sees who has just installed it.
fn fresh_server() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("")?;
    rig.machine("scanner").run(&format!("nmap -n -Pn -sT -p {PORTS} {}", V4.server))?;
    let ended = Instant::now();
    let incident = sensor.wait("sweep", |event| is_incident(event, "sweep", V4.scanner))?;
    ensure!(ended.elapsed() < SECOND, "told after {:?}", ended.elapsed());
    ensure!(incident["score"].as_f64() >= incident["threshold"].as_f64(), "{incident}");
    sensor.wait("a proven address", |event| event["proof"]["level"] == "proven")?;
    sensor.wait("a word on what would be done", |event| {
        is_step(event, "would_curtail", V4.scanner) && event["from"] == "everything"
    })?;
    ensure!(!rig.dropped()?.contains("tripline"), "observing must not change the firewall");
    ensure!(rig.gets_page("scanner", V4.server)?, "nobody is held off");
    let events = sensor.stop()?;
    let named = |name: &str| events.iter().any(|event| probe_names(event).any(|one| one == name));
    ensure!(named("TCP_Probe_Ftp"), "port 21 was tried");
    Ok(())
}

/// Names of the single probe, or of what an incident touched.
fn probe_names(event: &Value) -> impl Iterator<Item = &Value> {
    let touches = event["touches"].as_array().into_iter().flatten();
    touches.chain([event]).map(|one| &one["signature"])
}

/// The scanner is cut off; a neighbour keeps his session and opens new ones.
fn cut_off(family: Family) -> Result<()> {
    let Family { server, scanner, nmap, .. } = family;
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    let mut session = session(&rig, "neighbour", server)?;

    rig.machine("scanner").run(&format!("nmap {nmap}-n -Pn -sT -p {PORTS} {server}"))?;
    let told = sensor.wait("a full curtailment", |event| is_from_everything(event, scanner))?;
    let incident = sensor.events().into_iter().find(|event| event["kind"] == "incident");
    let incident = incident.unwrap_or_default();
    let late = seconds(&told["time"])? - seconds(&incident["verdict_at"])?;
    ensure!((0.0..1.0).contains(&late), "{late} s after the verdict");
    ensure!(rig.is_dropped(scanner)?, "{}", rig.dropped()?);

    // Nothing gets through any more, whatever he asks for.
    ensure!(!rig.gets_page("scanner", server)?, "the scanner still gets the page");
    let again = rig.machine("scanner").run(&format!(
        "nmap {nmap}-n -Pn -sT --max-retries 0 --host-timeout 5s -p 80,443 {server} -oG -"
    ))?;
    ensure!(!again.out.contains("80/open"), "{}", again.out);
    // And everybody else is where he was.
    session.ask()?;
    ensure!(rig.gets_page("neighbour", server)?, "the neighbour is cut off");
    Ok(())
}

/// At first the source may be unproven, and is only slowed down.
pub(crate) fn is_from_everything(event: &Value, source: &str) -> bool {
    is_step(event, "curtailed", source) && event["from"] == "everything"
}

/// Half-open sweeps prove no address: nobody is cut off for them.
fn half_open(family: Family) -> Result<()> {
    let Family { server, scanner, nmap, .. } = family;
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    rig.machine("scanner").run(&format!("nmap {nmap}-n -Pn -sS -p 15-34 {server}"))?;
    let told = sensor.wait_for_step("curtailed", scanner)?;
    ensure!(told["from"] == "unoffered", "{told}");
    // What is offered is open to him, as it would be to whoever owns the address.
    for _ in 0..10 {
        ensure!(rig.gets_page("scanner", server)?, "cut off without proof");
    }
    // Of what is not offered he sees a few a minute.
    let again = rig
        .machine("scanner")
        .run(&format!("nmap {nmap}-n -Pn -sS --max-retries 0 -T4 -p 100-199 {server} -oG -"))?;
    let refused = again.out.matches("/closed/").count();
    ensure!(refused < 20, "{refused} of 100 ports answered him:\n{}", again.out);
    Ok(())
}

fn by_hand() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    let done = rig.tripline(&format!("curtail {} --for 1h --because 'a test'", V4.scanner))?;
    ensure!(done.success, "{}", done.err);
    sensor.wait_for_step("curtailed", V4.scanner)?;
    ensure!(!rig.gets_page("scanner", V4.server)?, "curtailed, and gets the page");
    let list = rig.tripline("curtailed")?.out;
    for word in [V4.scanner, "a test", "root", "holds"] {
        ensure!(list.contains(word), "no `{word}` in:\n{list}");
    }
    let done = rig.tripline(&format!("release {}", V4.scanner))?;
    ensure!(done.success, "{}", done.err);
    sensor.wait_for_step("released", V4.scanner)?;
    ensure!(rig.gets_page("scanner", V4.server)?, "released, and does not get the page");
    let none = rig.tripline(&format!("release {}", V4.scanner))?;
    ensure!(!none.success && none.err.contains("nobody"), "{}", none.err);
    // Not even a person cuts off what the machine lives by.
    let refused = rig.tripline("curtail 192.0.2.1 --for 1h --because 'a slip'")?;
    ensure!(!refused.success && refused.err.contains("gateway"), "{}", refused.err);
    Ok(())
}

/// Growing expiry: five minutes, then an hour.
fn second_time() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    rig.machine("scanner").run(&format!("nmap -n -Pn -sT -p 1-40,80 {}", V4.server))?;
    let first = sensor.wait("a curtailment", |event| is_from_everything(event, V4.scanner))?;
    ensure!((length(&first)? - 300.0).abs() < 1.0, "{first}");
    rig.tripline(&format!("release {}", V4.scanner))?;
    sensor.wait_for_step("released", V4.scanner)?;
    rig.machine("scanner").run(&format!("nmap -n -Pn -sT -p 41-80 {}", V4.server))?;
    let second = sensor.wait("a curtailment", |event| is_from_everything(event, V4.scanner))?;
    ensure!((length(&second)? - 3_600.0).abs() < 1.0, "{second}");
    ensure!(second["strikes"] == 1, "{second}");
    Ok(())
}

fn restart() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    rig.machine("scanner").run(&format!("nmap -n -Pn -sT -p {PORTS} {}", V4.server))?;
    let told = sensor.wait("a curtailment", |event| is_from_everything(event, V4.scanner))?;
    sensor.stop()?;
    // It is the kernel's to end it; that nobody watches changes nothing.
    ensure!(!rig.gets_page("scanner", V4.server)?, "let in because the sensor was stopped");
    let sensor = rig.sensor("--enforce")?;
    let list = rig.tripline("curtailed --json")?.out;
    let in_force = list.lines().find(|line| line.contains("everything")).unwrap_or_default();
    let in_force: Value = serde_json::from_str(in_force)?;
    ensure!(in_force["source"] == V4.scanner && in_force["until"] == told["until"], "{list}");
    ensure!(!rig.gets_page("scanner", V4.server)?, "let in by the restart");
    let incidents = rig.tripline("incidents")?.out;
    ensure!(incidents.contains(V4.scanner), "{incidents}");
    ensure!(sensor.steps("repaired").is_empty(), "nothing was to be repaired");
    Ok(())
}

fn length(told: &Value) -> Result<f64> {
    Ok(seconds(&told["until"])? - seconds(&told["time"])?)
}

/// Seconds of the day.
pub(crate) fn seconds(time: &Value) -> Result<f64> {
    let text = time.as_str().unwrap_or_default();
    let time: tripline_packet::Timestamp =
        text.parse().map_err(|error| anyhow::anyhow!("{text}: {error:?}"))?;
    Ok((time.nanos() / 1_000_000) as f64 / 1e3)
}

/// A session that is kept open, and asks for a page when it is told to.
pub(crate) struct Session(std::net::TcpStream);

impl Session {
    /// Asks for the page, and reads the answer.
    pub(crate) fn ask(&mut self) -> Result<()> {
        use std::io::{Read as _, Write as _};
        self.0.set_read_timeout(Some(2 * SECOND))?;
        self.0.write_all(b"GET / HTTP/1.1\r\nHost: server\r\n\r\n")?;
        let mut answer = [0; 1_024];
        let length = self.0.read(&mut answer)?;
        ensure!(answer[..length].starts_with(b"HTTP/1.1 200"), "the session is broken");
        Ok(())
    }
}

pub(crate) fn session(rig: &Rig, machine: &str, server: &str) -> Result<Session> {
    let address = std::net::SocketAddr::new(server.parse()?, 80);
    let stream = rig.machine(machine).within(|| std::net::TcpStream::connect(address))??;
    let mut session = Session(stream);
    session.ask()?;
    Ok(session)
}
