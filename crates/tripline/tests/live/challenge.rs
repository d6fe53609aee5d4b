//! Whoever completes a handshake where nobody listens has proven his address; nobody else notices
//! anything.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::Test;
use crate::curtail::{is_from_everything, session};
use crate::rig::{Family, Rig, SECOND, Sensor, V4, V6, is_incident};

pub(crate) fn trials() -> Vec<Test> {
    vec![
        ("challenge_connect_scanner", || connect_scanner(V4)),
        ("challenge_connect_scanner_v6", || connect_scanner(V6)),
        ("challenge_version_scanner", version_scanner),
        ("challenge_banner_grabber", || banner_grabber(V4)),
        ("challenge_banner_grabber_v6", || banner_grabber(V6)),
        ("challenge_half_open_scanner", || half_open(V4)),
        ("challenge_half_open_scanner_v6", || half_open(V6)),
        ("challenge_masscan", masscan),
        ("challenge_measured", measured),
        ("challenge_new_service", new_service),
        ("challenge_published_port", published_port),
        ("challenge_friend", friend),
        ("challenge_forged_sweep_and_a_slip", forged_sweep_and_a_slip),
        ("challenge_killed", killed),
        ("challenge_stopped", stopped),
        ("challenge_own_sessions", own_sessions),
        ("challenge_only_where_it_is_enforced", only_enforced),
    ]
}

const ON: &str = "[curtail]\nchallenge = true\n";

/// A sensor that challenges, as soon as it does.
fn challenging(rig: &Rig, settings: &str) -> Result<Sensor> {
    start(rig, &format!("{settings}{ON}"))
}

fn start(rig: &Rig, settings: &str) -> Result<Sensor> {
    let sensor = rig.sensor_with(settings, "--enforce")?;
    rig.eventually("challenges", 5 * SECOND, |rig| {
        let set = rig.machine("server").try_run("nft list set inet tripline alive")?.out;
        Ok(set.contains("tcp"))
    })?;
    Ok(sensor)
}

fn connect(rig: &Rig, machine: &str, to: &str, port: u16) -> Result<io::Result<TcpStream>> {
    let to = SocketAddr::new(to.parse()?, port);
    rig.machine(machine).within(|| TcpStream::connect_timeout(&to, SECOND))
}

/// The kernel refuses, as it does where nobody listens.
fn is_refused(rig: &Rig, machine: &str, to: &str, port: u16) -> Result<bool> {
    let result = connect(rig, machine, to, port)?;
    Ok(result.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused))
}

fn is_proven_by_challenge(event: &Value, source: &str) -> bool {
    is_incident(event, "sweep", source)
        && event["proof"]["how"].as_str().is_some_and(|how| how.contains("a challenge"))
}

fn connect_scanner(family: Family) -> Result<()> {
    let Family { server, scanner, nmap, .. } = family;
    let rig = Rig::new()?;
    let mut sensor = challenging(&rig, "")?;
    let mut session = session(&rig, "neighbour", server)?;
    rig.machine("scanner").run(&format!("nmap {nmap}-n -Pn -sT -p 15-34 {server}"))?;
    sensor.wait("a proof", |event| is_proven_by_challenge(event, scanner))?;
    sensor.wait("a full curtailment", |event| is_from_everything(event, scanner))?;
    ensure!(!rig.gets_page("scanner", server)?, "the scanner gets the page");
    session.ask()?;
    ensure!(rig.gets_page("neighbour", server)?, "the neighbour is cut off");
    let events = sensor.stop()?;
    let mut incidents = events.iter().filter(|event| is_incident(event, "sweep", scanner));
    let last = incidents.next_back().context("no incident")?;
    // To the detector the ports are as closed as they are.
    ensure!(last["found"] == Value::Array(Vec::new()), "{}", last["found"]);
    let steps = last["evidence"].as_array().into_iter().flatten();
    let of_ports = steps.filter(|step| step["technique"] == "connect");
    let other: Vec<_> = of_ports.filter(|step| step["outcome"] != "refused").collect();
    ensure!(other.is_empty(), "{other:?}");
    Ok(())
}

fn version_scanner() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = challenging(&rig, "")?;
    rig.machine("scanner")
        .run(&format!("nmap -n -Pn -sV --host-timeout 60s -p 15-24 {}", V4.server))?;
    sensor.wait("a proof", |event| is_proven_by_challenge(event, V4.scanner))?;
    sensor.wait("a full curtailment", |event| is_from_everything(event, V4.scanner))?;
    Ok(())
}

fn banner_grabber(family: Family) -> Result<()> {
    let Family { server, scanner, .. } = family;
    let rig = Rig::new()?;
    let mut sensor = challenging(&rig, "")?;
    for port in [81, 443, 3_000, 5_000, 8_000, 8_008, 8_080, 8_443, 8_888, 9_000] {
        if let Ok(mut stream) = connect(&rig, "scanner", server, port)? {
            stream.write_all(b"GET /.env HTTP/1.0\r\nUser-Agent: grab\x01\r\n\r\n")?;
            stream.set_read_timeout(Some(SECOND))?;
            let answer = stream.read(&mut [0; 100]);
            ensure!(answer.is_err(), "{answer:?} of a service that is none");
        }
    }
    sensor.wait("a proof", |event| is_proven_by_challenge(event, scanner))?;
    sensor.wait("a full curtailment", |event| is_from_everything(event, scanner))?;
    let events = sensor.stop()?;
    let mut told = events.iter().flat_map(|event| event["said"].as_array().into_iter().flatten());
    let said = told.find_map(|said| said["text"].as_str()).unwrap_or_default();
    let expected = r"GET /.env HTTP/1.0\r\nUser-Agent: grab\x01\r\n\r\n";
    ensure!(said == expected, "{said:?}");
    let shown = rig.tripline("incidents")?.out;
    ensure!(shown.contains(scanner), "{shown}");
    Ok(())
}

/// Nobody is proven by answers that he did not answer.
fn is_unproven(rig: &Rig, events: &[Value], family: Family) -> Result<()> {
    let Family { server, scanner, .. } = family;
    let sweep = events.iter().any(|event| is_incident(event, "sweep", scanner));
    ensure!(sweep, "no sweep: {events:?}");
    let proven = events.iter().find(|event| event["proof"]["level"] == "proven");
    ensure!(proven.is_none(), "{proven:?}");
    let cut_off = events.iter().find(|event| is_from_everything(event, scanner));
    ensure!(cut_off.is_none(), "{cut_off:?}");
    ensure!(rig.gets_page("scanner", server)?, "cut off without proof");
    Ok(())
}

fn half_open(family: Family) -> Result<()> {
    let Family { server, nmap, .. } = family;
    let rig = Rig::new()?;
    let sensor = challenging(&rig, "")?;
    rig.machine("scanner").run(&format!("nmap {nmap}-n -Pn -sS -p 15-34 {server}"))?;
    std::thread::sleep(2 * SECOND);
    is_unproven(&rig, &sensor.stop()?, family)
}

fn masscan() -> Result<()> {
    let rig = Rig::new()?;
    let sensor = challenging(&rig, "")?;
    let scan = rig.machine("scanner").run(&masscan_line(&rig, V4.scanner)?)?;
    ensure!(scan.out.contains("Discovered open port"), "no challenge:\n{}", scan.out);
    is_unproven(&rig, &sensor.stop()?, V4)
}

fn masscan_line(rig: &Rig, source: &str) -> Result<String> {
    let link = rig.machine("server").run("ip -br link show eth0")?.out;
    let mac = link.split_whitespace().nth(2).context("no link")?.to_owned();
    Ok(format!(
        "masscan --interface eth0 --source-ip {source} --router-mac {mac} --rate 100 --wait 3 \
         -p 15-34 {}",
        V4.server
    ))
}

/// The table of docs/challenge.md. `PORT` stands for one port after the other.
const TOOLS: [(&str, &str, Option<&str>); 13] = [
    ("nmap -sT", "nmap -n -Pn -sT -p 15-34 SERVER", Some("")),
    ("nmap -sV", "nmap -n -Pn -sV --host-timeout 60s -p 15-34 SERVER", Some("")),
    ("nmap -sT, one a second", "nmap -n -Pn -sT --scan-delay 1s -p 15-24 SERVER", Some("")),
    ("curl", "curl -s -m 1 http://SERVER:PORT/login", Some("GET /login HTTP/1.1")),
    ("curl, https", "curl -s -m 1 https://SERVER:PORT/", Some(r"\x16\x03\x01")),
    ("nc -z", "nc -z -w 1 SERVER PORT", Some("")),
    ("nc with a line", "echo hello | nc -w 1 SERVER PORT", Some("hello")),
    (
        "a grabber of banners",
        "python3 -c 'import socket; s = socket.create_connection((\"SERVER\", 'PORT'), 1); \
         s.send(b\"\\0\\1probe\"); s.recv(9)'",
        Some(r"\x00\x01probe"),
    ),
    ("masscan --banners", "MASSCAN --banners", Some("")),
    ("masscan", "MASSCAN", None),
    ("zmap", "zmap -q -i eth0 -G MAC -b /dev/null -c 1 -p PORT SERVER/32 -o -", None),
    ("nmap -sS", "nmap -n -Pn -sS -p 15-34 SERVER", None),
    ("hping3 -S", "hping3 -q -S -p ++15 -c 20 -i u20000 SERVER", None),
];

fn measured() -> Result<()> {
    for (name, line, expected) in TOOLS {
        let rig = Rig::new()?;
        let link = rig.machine("server").run("ip -br link show eth0")?.out;
        let mac = link.split_whitespace().nth(2).context("no link")?.to_owned();
        // With an address of its own, or the kernel would reset what masscan opens.
        let source = if name == "masscan --banners" { "192.0.2.67" } else { V4.scanner };
        let line = line.replace("MASSCAN", &masscan_line(&rig, source)?);
        let line = line.replace("SERVER", V4.server).replace("MAC", &mac);
        let line = if line.contains("PORT") {
            format!("for port in $(seq 15 24); do {}; done", line.replace("PORT", "$port"))
        } else {
            line
        };
        // What is slowed down may have nothing left to prove itself with; that is another matter.
        let sensor = start(&rig, &format!("{ON}slow_per_minute = 600\n"))?;
        let ran = rig.machine("scanner").try_run(&line)?;
        std::thread::sleep(SECOND);
        let events = sensor.stop()?;
        let mut incidents = events.iter().filter(|event| is_incident(event, "sweep", source));
        let last = incidents.next_back().with_context(|| format!("{name}: no sweep; {ran:?}"))?;
        let is_cut_off = events.iter().any(|event| is_from_everything(event, source));
        let is_proven = last["proof"]["level"] == "proven";
        ensure!(is_proven == is_cut_off, "{name}: proven {is_proven}, cut off {is_cut_off}");
        ensure!(is_proven == expected.is_some(), "{name}: {}\n{}", last["proof"], ran.out);
        let mut said = last["said"].as_array().into_iter().flatten();
        let expected = expected.unwrap_or_default();
        let begins = |said: &Value| said["text"].as_str().is_some_and(|t| t.starts_with(expected));
        ensure!(expected.is_empty() || said.any(begins), "{name} said {}", last["said"]);
    }
    Ok(())
}

/// Who begins to listen is reachable from the first moment on, and stays so.
fn new_service() -> Result<()> {
    let rig = Rig::new()?;
    let sensor = challenging(&rig, "")?;
    for (family, bind) in [(V4, "0.0.0.0:8000"), (V6, "[::]:8001")] {
        let port = if bind.starts_with('0') { 8_000 } else { 8_001 };
        let bind: SocketAddr = bind.parse()?;
        let listener = rig.machine("server").within(|| TcpListener::bind(bind))??;
        for _ in 0..30 {
            let mut stream = connect(&rig, "neighbour", family.server, port)??;
            let (mut served, _) = listener.accept()?;
            served.write_all(b"welcome")?;
            let mut answer = [0; 7];
            stream.set_read_timeout(Some(SECOND))?;
            stream.read_exact(&mut answer)?;
        }
        drop(listener);
        // And when nobody listens any more, nobody is thought to.
        let again = connect(&rig, "neighbour", family.server, port)?;
        ensure!(again.is_ok(), "no challenge once the service is gone: {again:?}");
    }
    let events = sensor.stop()?;
    let wrong = events.iter().find(|event| is_incident(event, "sweep", V4.neighbour));
    ensure!(wrong.is_none(), "{wrong:?}");
    Ok(())
}

/// Ports that are published for another machine, as containers are, and for this one.
fn published_port() -> Result<()> {
    let rig = Rig::new()?;
    let folder = rig.folder.path().join("page");
    std::fs::create_dir_all(&folder)?;
    let _page = rig
        .machine("neighbour")
        .start(&format!("python3 -m http.server -d {} 9090", folder.display()))?;
    rig.machine("server").run(&format!(
        "sysctl -qw net.ipv4.ip_forward=1 && nft add table ip published && \
         nft 'add chain ip published in {{ type nat hook prerouting priority dstnat; }}' && \
         nft 'add chain ip published out {{ type nat hook postrouting priority srcnat; }}' && \
         nft add rule ip published in tcp dport 8080 redirect to :80 && \
         nft add rule ip published in tcp dport 9090 dnat to {} && \
         nft add rule ip published out tcp dport 9090 masquerade",
        V4.neighbour
    ))?;
    let sensor = challenging(&rig, "")?;
    rig.eventually("the page of the neighbour", 5 * SECOND, |rig| {
        let line = format!("curl -s -m 1 -o /dev/null http://{}:9090/", V4.server);
        Ok(rig.machine("gateway").try_run(&line)?.success)
    })?;
    for _ in 0..10 {
        for port in [8_080, 9_090] {
            let line = format!("curl -s -m 2 -o /dev/null http://{}:{port}/", V4.server);
            rig.machine("gateway").run(&line)?;
        }
    }
    let events = sensor.stop()?;
    let wrong = events.iter().find(|event| event["kind"] == "incident");
    ensure!(wrong.is_none(), "{wrong:?}");
    Ok(())
}

/// Friends, and what this machine cannot do without, are refused as ever.
fn friend() -> Result<()> {
    let rig = Rig::new()?;
    let friends = format!("friends = [{:?}, {:?}]\n", V4.neighbour, V6.neighbour);
    let _sensor = challenging(&rig, &friends)?;
    for family in [V4, V6] {
        ensure!(is_refused(&rig, "neighbour", family.server, 23)?, "a friend is challenged");
        ensure!(connect(&rig, "scanner", family.server, 23)?.is_ok(), "nobody is challenged");
    }
    // The gateway's own address; it was found, not named.
    ensure!(is_refused(&rig, "gateway", V6.server, 23)?, "the gateway is challenged");
    Ok(())
}

/// Somebody sweeps in the name of a neighbour, who by a slip tries a closed port in that moment.
fn forged_sweep_and_a_slip() -> Result<()> {
    let rig = Rig::new()?;
    let sensor = challenging(&rig, "")?;
    let mut session = session(&rig, "neighbour", V4.server)?;
    let forge = |first: u16| {
        rig.machine("scanner").try_run(&format!(
            "hping3 -q -a {} -S -p ++{first} -c 20 -i u20000 {}",
            V4.neighbour, V4.server
        ))
    };
    forge(1)?;
    let slip = connect(&rig, "neighbour", V4.server, 8_081)?;
    forge(21)?;
    std::thread::sleep(2 * SECOND);
    drop(slip);
    let events = sensor.stop()?;
    ensure!(events.iter().any(|event| is_incident(event, "sweep", V4.neighbour)), "no sweep");
    let wrong = events.iter().find(|event| is_from_everything(event, V4.neighbour));
    ensure!(wrong.is_none(), "cut off for what another did: {wrong:?}");
    session.ask()?;
    ensure!(rig.gets_page("neighbour", V4.server)?, "the neighbour is cut off");
    Ok(())
}

/// The dead man's switch.
fn killed() -> Result<()> {
    let rig = Rig::new()?;
    let sensor = challenging(&rig, "")?;
    ensure!(connect(&rig, "neighbour", V4.server, 23)?.is_ok(), "no challenge");
    sensor.job.signal(Signal::SIGKILL)?;
    let died = Instant::now();
    // What is offered is reachable all the time.
    let at: SocketAddr = "0.0.0.0:8000".parse()?;
    let _service = rig.machine("server").within(|| TcpListener::bind(at))??;
    connect(&rig, "neighbour", V4.server, 8_000)?.context("a service was started")?;
    rig.eventually("closed ports refuse again", 11 * SECOND, |rig| {
        Ok(is_refused(rig, "neighbour", V4.server, 23)?
            && is_refused(rig, "neighbour", V6.server, 23)?)
    })?;
    ensure!(died.elapsed() < 12 * SECOND, "{:?}", died.elapsed());
    Ok(())
}

fn stopped() -> Result<()> {
    let rig = Rig::new()?;
    let sensor = challenging(&rig, "")?;
    ensure!(connect(&rig, "neighbour", V4.server, 23)?.is_ok(), "no challenge");
    sensor.stop()?;
    ensure!(is_refused(&rig, "neighbour", V4.server, 23)?, "closed ports do not refuse");
    Ok(())
}

/// Sessions that this machine opened, even those that the kernel has not tracked from their
/// beginning, and even when the other end speaks first.
fn own_sessions() -> Result<()> {
    let rig = Rig::new()?;
    for family in [V4, V6] {
        let at = SocketAddr::new(family.neighbour.parse()?, 7_000);
        let there = rig.machine("neighbour").within(|| TcpListener::bind(at))??;
        let mut old = connect(&rig, "server", family.neighbour, 7_000)??;
        let (mut old_end, _) = there.accept()?;
        let sensor = challenging(&rig, "")?;
        let mut new = connect(&rig, "server", family.neighbour, 7_000)??;
        let (mut new_end, _) = there.accept()?;
        for _ in 0..5 {
            for (here, end) in [(&mut old, &mut old_end), (&mut new, &mut new_end)] {
                end.write_all(b"news")?;
                here.set_read_timeout(Some(SECOND))?;
                here.read_exact(&mut [0; 4]).context("a session is broken")?;
            }
        }
        // Where nobody listens outside, our own calls are refused by who is called.
        ensure!(is_refused(&rig, "server", family.neighbour, 23)?, "an answer was lost");
        sensor.stop()?;
    }
    Ok(())
}

fn only_enforced() -> Result<()> {
    let rig = Rig::new()?;
    let sensor = rig.sensor_with(ON, "")?;
    ensure!(sensor.job.said().contains("nobody is challenged"), "{}", sensor.job.said());
    ensure!(is_refused(&rig, "neighbour", V4.server, 23)?, "challenged where nothing is done");
    ensure!(!rig.dropped()?.contains("tripline"), "observing must not change the firewall");
    Ok(())
}
