//! Those in whose name somebody sweeps, and those who are taken for somebody else.

use std::time::SystemTime;

use anyhow::{Result, ensure};
use tripline_core::settings::Visit;
use tripline_core::{Protocol, Service};
use tripline_packet::{Addr, Timestamp};
use tripline_store::Store;

use crate::Test;
use crate::curtail::session;
use crate::rig::{Family, GATEWAY, RESOLVER, Rig, SECOND, V4, V6, is_incident};

pub(crate) fn trials() -> Vec<Test> {
    vec![
        ("a_sweep_in_the_name_of_the_gateway", || in_the_name_of(V4, GATEWAY)),
        ("a_sweep_in_the_name_of_the_gateway_v6", || in_the_name_of(V6, "2001:db8:1::1")),
        ("a_sweep_in_the_name_of_the_resolver", || in_the_name_of(V4, RESOLVER)),
        ("a_sweep_in_the_name_of_a_neighbour", || in_the_name_of(V4, V4.neighbour)),
        ("a_sweep_in_the_name_of_a_neighbour_v6", || in_the_name_of(V6, V6.neighbour)),
        ("decoys", || decoys(V4)),
        ("decoys_v6", || decoys(V6)),
        ("an_idle_scan", idle),
        ("an_administrator_who_scans_stays_in", administrator),
        ("who_only_knocks_at_the_administrators_door_is_none", knocker),
        ("a_friend_is_never_touched", friend),
        ("a_published_port_of_a_container_is_offered", container),
        ("who_was_known_before_a_restart_still_is", regular),
    ]
}

/// A first visit amid a sweep is part of it; who has come before may be swept with by others.
fn regular() -> Result<()> {
    let rig = Rig::new()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs().cast_signed();
    let before = Timestamp::from_parts(now - 86_400, 0);
    let addr = |text: &str| text.parse::<std::net::IpAddr>().map(Addr::from);
    let service = Service { host: addr(V4.server)?, protocol: Protocol::Tcp, port: 80 };
    let visit = Visit { source: addr(V4.scanner)?, service, first: before, last: before };
    Store::open(&rig.state())?.put_visits(&[visit])?;
    let mut sensor = rig.sensor("--enforce")?;
    // The clock of older kernels would tell that it is he who sweeps.
    rig.machine("scanner").run("sysctl -qw net.ipv4.tcp_timestamps=0")?;
    rig.machine("scanner").run(&format!("nmap -n -Pn -sT -p 1-60,80 {}", V4.server))?;
    let told = sensor.wait_for_step("curtailed", V4.scanner)?;
    ensure!(told["from"] == "unoffered", "cut off without proof: {told}");
    ensure!(rig.gets_page("scanner", V4.server)?, "the regular is cut off");
    Ok(())
}

/// Frames with somebody else's address on them.
fn in_the_name_of(family: Family, victim: &str) -> Result<()> {
    let Family { server, neighbour, nmap, .. } = family;
    let rig = Rig::new()?;
    let sensor = rig.sensor("--enforce")?;
    let mut session = session(&rig, "neighbour", server)?;
    for scan in ["-sS", "-sA", "-sF"] {
        let line = format!(
            "nmap {nmap}-n -Pn {scan} -e eth0 -S {victim} --max-retries 0 --host-timeout 4s -p 1-60 {server}"
        );
        rig.machine("scanner").try_run(&line)?;
    }
    std::thread::sleep(6 * SECOND);
    nobody_is_cut_off(&rig, &sensor.stop()?)?;
    session.ask()?;
    ensure!(rig.gets_page("neighbour", server)?, "{neighbour} is cut off");
    ensure!(rig.gets_page("gateway", server)?, "the gateway is cut off");
    Ok(())
}

/// No target may be dropped for everything; services that nobody offers may be rationed.
fn nobody_is_cut_off(rig: &Rig, events: &[serde_json::Value]) -> Result<()> {
    for event in events.iter().filter(|event| event["step"] == "curtailed") {
        ensure!(event["from"] == "unoffered", "cut off without proof: {event}");
    }
    for innocent in [GATEWAY, RESOLVER, "2001:db8:1::1"] {
        ensure!(!rig.is_dropped(innocent)?, "{innocent} is in a set:\n{}", rig.dropped()?);
    }
    Ok(())
}

/// The scanner hides among addresses of innocents.
fn decoys(family: Family) -> Result<()> {
    let Family { server, neighbour, nmap, .. } = family;
    let gateway = if nmap.is_empty() { GATEWAY } else { "2001:db8:1::1" };
    let rig = Rig::new()?;
    let sensor = rig.sensor("--enforce")?;
    let mut session = session(&rig, "neighbour", server)?;
    rig.machine("scanner")
        .run(&format!("nmap {nmap}-n -Pn -sS -D {neighbour},{gateway},ME -p 1-60 {server}"))?;
    std::thread::sleep(2 * SECOND);
    let events = sensor.stop()?;
    nobody_is_cut_off(&rig, &events)?;
    // Who reads the alert learns that it may be another one of these.
    let is_told = |event: &&serde_json::Value| {
        event["signature"] == "Decoy_Scan" && is_incident(event, "sweep", family.scanner)
    };
    ensure!(events.iter().any(|event| is_told(&event)), "the decoys are not told: {events:#?}");
    session.ask()?;
    ensure!(rig.gets_page("neighbour", server)?, "{neighbour} is cut off");
    Ok(())
}

/// The neighbour's counter of packets is used to scan in his name; he answers what he did not ask.
fn idle() -> Result<()> {
    let rig = Rig::new()?;
    let zombie = concat!(env!("CARGO_MANIFEST_DIR"), "/../../xtask/lab/zombie.py");
    let _zombie = rig.machine("neighbour").start(&format!("/usr/bin/python3 {zombie} eth0"))?;
    let sensor = rig.sensor("--enforce")?;
    std::thread::sleep(3 * SECOND);
    let scan = rig
        .machine("scanner")
        .run(&format!("nmap -n -Pn -sI {}:113 -p 70-90 {}", V4.neighbour, V4.server))?;
    ensure!(scan.out.contains("80/tcp open"), "the idle scan itself failed:\n{}", scan.out);
    std::thread::sleep(6 * SECOND);
    nobody_is_cut_off(&rig, &sensor.stop()?)?;
    ensure!(rig.gets_page("neighbour", V4.server)?, "the zombie is cut off");
    Ok(())
}

/// Who is logged in to administer the machine may sweep it and is told of, not thrown out.
fn administrator() -> Result<()> {
    let rig = Rig::new()?;
    let settings = "[watch]\nadmin_ports = [\"80\"]\nadmin_after = \"2s\"\n";
    let mut sensor = rig.sensor_with(settings, "--enforce")?;
    let mut session = session(&rig, "scanner", V4.server)?;
    std::thread::sleep(4 * SECOND);
    rig.machine("scanner").run(&format!("nmap -n -Pn -sT -p 1-60 {}", V4.server))?;
    let told = sensor.wait_for_step("refused", V4.scanner)?;
    ensure!(told["reason"].as_str().is_some_and(|why| why.contains("administrator")), "{told}");
    session.ask()?;
    ensure!(rig.gets_page("scanner", V4.server)?, "the administrator is cut off");
    Ok(())
}

/// Anybody can open a session on port 22 and say nothing.
fn knocker() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor_with("[watch]\nadmin_ports = [\"80\"]\n", "--enforce")?;
    let address = std::net::SocketAddr::new(V4.server.parse()?, 80);
    let _held = rig.machine("scanner").within(|| std::net::TcpStream::connect(address))??;
    std::thread::sleep(2 * SECOND);
    rig.machine("scanner").run(&format!("nmap -n -Pn -sT -p 1-60 {}", V4.server))?;
    sensor.wait_for_step("curtailed", V4.scanner)?;
    Ok(())
}

fn friend() -> Result<()> {
    let rig = Rig::new()?;
    let settings = format!("friends = [{:?}]", V4.scanner);
    let sensor = rig.sensor_with(&settings, "--enforce")?;
    rig.machine("scanner").run(&format!("nmap -n -Pn -sT -p 1-60 {}", V4.server))?;
    std::thread::sleep(2 * SECOND);
    ensure!(rig.gets_page("scanner", V4.server)?, "a friend is cut off");
    let events = sensor.stop()?;
    ensure!(!events.iter().any(|event| is_incident(event, "sweep", V4.scanner)), "{events:?}");
    Ok(())
}

/// Nothing listens on a published port; the kernel rewrites the address, and somebody answers.
fn container() -> Result<()> {
    let rig = Rig::new()?;
    rig.machine("server").run(
        "nft add table ip published && \
         nft 'add chain ip published in { type nat hook prerouting priority dstnat; }' && \
         nft add rule ip published in tcp dport 8080-8089 redirect to :80",
    )?;
    let mut sensor = rig.sensor("--enforce")?;
    // Each client uses all ports: as many attempts at services without a listener as a sweep has.
    for machine in ["neighbour", "gateway", "scanner"] {
        for port in 8_080..8_090 {
            let line = format!("curl -s -m 2 -o /dev/null http://{}:{port}/", V4.server);
            rig.machine(machine).run(&line)?;
        }
    }
    std::thread::sleep(SECOND);
    let wrong = sensor.events().into_iter().find(|event| event["kind"] == "incident");
    ensure!(wrong.is_none(), "{wrong:?}");
    // Whoever is slowed down because somebody swept in his name loses nothing of what is published.
    let sweep = format!("hping3 -q -i u2000 -c 60 -S -a {} -p ++100 {}", V4.neighbour, V4.server);
    rig.machine("scanner").try_run(&sweep)?;
    sensor.wait_for_step("curtailed", V4.neighbour)?;
    for _ in 0..20 {
        let line = format!("curl -s -m 2 -o /dev/null http://{}:8080/", V4.server);
        rig.machine("neighbour").run(&line)?;
    }
    Ok(())
}
