//! What happens in a year: kills, a second start, a foreign hand in the firewall, a full disk, a
//! cable that is pulled.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tripline_lab::{Machine, SetClock};

use crate::Test;
use crate::rig::{Family, Rig, SECOND, Sensor, V4, V6, is_incident, is_step};

pub(crate) fn trials() -> Vec<Test> {
    vec![
        ("a_second_sensor_does_not_start", second_instance),
        ("what_a_foreign_hand_removes_comes_back", || foreign_flush(V4)),
        ("what_a_foreign_hand_removes_comes_back_v6", || foreign_flush(V6)),
        ("what_nobody_asked_for_goes", foreign_element),
        ("a_full_disk_does_not_stop_the_sensor", || full_disk(V4)),
        ("a_full_disk_does_not_stop_the_sensor_v6", || full_disk(V6)),
        ("a_cable_that_is_pulled_and_put_back", || down_and_up(V4)),
        ("a_cable_that_is_pulled_and_put_back_v6", || down_and_up(V6)),
        ("an_interface_that_is_taken_away_and_made_again", || gone_and_back(V4)),
        ("an_interface_that_is_taken_away_and_made_again_v6", || gone_and_back(V6)),
        ("a_clock_that_is_set_hurts_nobody", clock_set),
        ("settings_are_read_again_whole_or_not_at_all", reload),
        ("a_new_address_is_protected_at_once", new_address),
        ("the_doctor_tells_what_would_be_done", doctor),
        ("the_sensor_has_no_rights_left", rights),
        ("metrics_count_what_happens", metrics),
        ("a_service_without_root_does_it_all", service),
        ("what_is_recorded_tells_the_same", || record(V4)),
        ("what_is_recorded_tells_the_same_v6", || record(V6)),
        ("an_early_drop_is_one_more_lock", xdp),
        ("what_would_be_done_is_text_for_nft", dry_run),
        ("what_makes_no_sense_is_refused", nonsense),
        ("a_sensor_without_its_helper_ends", helpless),
        ("a_helper_that_stalls_is_not_misunderstood", stalled),
        ("what_a_foreign_hand_changes_around_the_sets_comes_back", || foreign_frame(V4)),
        ("what_a_foreign_hand_changes_around_the_sets_comes_back_v6", || foreign_frame(V6)),
        ("what_is_counted_of_who_is_slowed_down_was_dropped", slow_counter),
        ("fifty_kills_leave_nothing_wrong", kills),
    ]
}

fn sweep(rig: &Rig, of: Family, ports: &str) -> Result<()> {
    let line = format!("nmap {}-n -Pn -sT -p {ports},80 {}", of.nmap, of.server);
    rig.machine("scanner").run(&line)?;
    Ok(())
}

fn second_instance() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("")?;
    let second = rig.tripline("watch --json")?;
    ensure!(!second.success && second.err.contains("another tripline"), "{}", second.err);
    sweep(&rig, V4, "1-30")?;
    sensor.wait("sweep", |event| is_incident(event, "sweep", V4.scanner))?;
    Ok(())
}

fn foreign_flush(of: Family) -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    sweep(&rig, of, "1-30")?;
    sensor.wait("a curtailment", |event| {
        is_step(event, "curtailed", of.scanner) && event["from"] == "everything"
    })?;
    let hosts = if of.server == V4.server { "hosts4" } else { "hosts6" };
    for vandalism in ["flush ruleset", &format!("flush set inet tripline {hosts}")] {
        rig.machine("server").run(&format!("nft {vandalism}"))?;
        rig.eventually("it is back", 8 * SECOND, |rig| rig.is_dropped(of.scanner))?;
        sensor.wait_for_step("repaired", of.scanner)?;
        ensure!(!rig.gets_page("scanner", of.server)?, "let in by `{vandalism}`");
        ensure!(rig.gets_page("neighbour", of.server)?, "the repair cut off the neighbour");
    }
    Ok(())
}

/// An element that is in no ledger may be an innocent's.
fn foreign_element() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    for (set, address) in [("hosts4", V4.neighbour), ("hosts6", V6.neighbour)] {
        rig.machine("server")
            .run(&format!("nft 'add element inet tripline {set} {{ {address} timeout 1h }}'"))?;
        sensor.wait_for_step("repaired", address)?;
        ensure!(!rig.is_dropped(address)?, "{}", rig.dropped()?);
    }
    ensure!(rig.gets_page("neighbour", V4.server)?, "the neighbour is cut off");
    ensure!(rig.gets_page("neighbour", V6.server)?, "the neighbour is cut off");
    Ok(())
}

fn full_disk(of: Family) -> Result<()> {
    let rig = Rig::new()?;
    let state = rig.state();
    std::fs::create_dir_all(&state)?;
    let mount = format!("mount -t tmpfs -o size=1m none {}", state.display());
    rig.machine("server")
        .within(|| std::process::Command::new("sh").args(["-c", &mount]).status())??;
    let fill = format!("head -c 2m /dev/zero > {}/fill || true", state.display());
    let empty = format!("rm {}/fill", state.display());
    let shell = |line: &str| std::process::Command::new("sh").args(["-c", line]).status();

    let mut sensor = rig.sensor("--enforce")?;
    shell(&fill)?;
    sweep(&rig, of, "1-30")?;
    sensor.wait_for_step("curtailed", of.scanner)?;
    ensure!(!rig.gets_page("scanner", of.server)?, "not cut off on a full disk");
    let told = sensor.events().iter().any(|event| event["name"] == "store_trouble");
    ensure!(told, "no word on the disk:\n{}", sensor.job.said());
    // Room again: it is written down after all, and outlives a restart.
    shell(&empty)?;
    rig.eventually("the incident is kept", 15 * SECOND, |rig| {
        Ok(rig.tripline("incidents")?.out.contains(of.scanner))
    })?;
    sensor.stop()?;
    let sensor = rig.sensor("--enforce")?;
    let list = rig.tripline("curtailed")?.out;
    ensure!(list.contains(of.scanner), "forgotten over a restart:\n{list}");
    // A start without room is a start all the same.
    drop(sensor);
    shell(&fill)?;
    let mut sensor = rig.sensor("--enforce")?;
    rig.tripline(&format!("release {}", of.scanner))?;
    sweep(&rig, of, "31-60")?;
    sensor.wait_for_step("curtailed", of.scanner)?;
    Ok(())
}

fn down_and_up(of: Family) -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    rig.machine("server").run("ip link set eth0 down")?;
    sensor.wait("word on the interface", |event| event["name"] == "interface_down")?;
    rig.machine("server")
        .run("ip link set eth0 up && ip -6 addr add 2001:db8:1::10/64 dev eth0 nodad")?;
    sensor.wait("word on the interface", |event| event["name"] == "interface_up")?;
    sweep(&rig, of, "1-30")?;
    sensor.wait_for_step("curtailed", of.scanner)?;
    Ok(())
}

fn gone_and_back(of: Family) -> Result<()> {
    let rig = Rig::new()?;
    let server = rig.machine("server");
    let mut sensor = rig.sensor("--enforce")?;
    make_again(server, &mut sensor)?;
    sweep(&rig, of, "1-30")?;
    sensor.wait_for_step("curtailed", of.scanner)?;
    Ok(())
}

/// A name that goes with one interface and comes with another.
fn make_again(server: &Machine, sensor: &mut Sensor) -> Result<()> {
    server.run("ip link set eth0 down && ip link set eth0 name gone0")?;
    sensor.wait("word on the interface", |event| event["name"] == "interface_down")?;
    server.run("ip link add eth0 type bridge && ip link set eth0 up")?;
    sensor.wait("word on the interface", |event| event["name"] == "interface_up")?;
    server.run("ip link del eth0")?;
    sensor.wait("word on the interface", |event| event["name"] == "interface_down")?;
    server.run(
        "ip link set gone0 name eth0 && ip link set eth0 up && \
         ip -6 addr add 2001:db8:1::10/64 dev eth0 nodad",
    )?;
    sensor.wait("word on the interface", |event| event["name"] == "interface_up")?;
    Ok(())
}

/// Killed at random instants amid sweeps: what was told is remembered, and kernel and memory agree.
fn kills() -> Result<()> {
    const RUNS: u64 = 50;
    let rig = Rig::new()?;
    let mut told = std::collections::BTreeSet::new();
    for run in 0..RUNS {
        let of = if run % 2 == 0 { V4 } else { V6 };
        let sensor = rig.sensor("--enforce")?;
        let first = 1 + run * 20;
        let scan = format!(
            "nmap {}-n -Pn -sT --host-timeout 2s -p {first}-{},80 {}",
            of.nmap,
            first + 19,
            of.server
        );
        let _scan = rig.machine("scanner").start(&scan)?;
        // Instants that are spread over start, verdict and curtailment; the same in each run of the
        // test, so that a failure can be looked at.
        let instant = (run * 7_919 + 131) % 600;
        std::thread::sleep(std::time::Duration::from_millis(instant));
        sensor.job.signal(Signal::SIGKILL)?;
        std::thread::sleep(std::time::Duration::from_millis(30));
        for event in sensor.events().iter().filter(|event| event["kind"] == "incident") {
            told.insert(event["id"].as_str().unwrap_or_default().to_owned());
        }
        drop(sensor);
        let _sensor = rig.sensor("--enforce")?;
        let kept = rig.tripline("incidents --json")?.out;
        for id in &told {
            ensure!(kept.contains(id), "run {run}: incident {id} was told and is lost\n{kept}");
        }
        // Within two comparisons.
        rig.eventually("kernel and memory agree", 8 * SECOND, |rig| {
            let intent = rig.tripline("curtailed --json")?.out;
            let wanted = intent.lines().filter(|line| line.contains("\"everything\"")).count();
            let held = intent.lines().filter(|line| !line.contains("\"kernel\":null")).count();
            Ok(held == intent.lines().count() && rig.is_dropped(of.scanner)? == (wanted > 0))
        })?;
        ensure!(rig.gets_page("neighbour", of.server)?, "run {run}: the neighbour is cut off");
        let done = rig.tripline(&format!("release {}", of.scanner))?;
        ensure!(done.success || done.err.contains("nobody"), "{}", done.err);
    }
    ensure!(told.len() > 10, "only {} sweeps were told: nothing was tested", told.len());
    Ok(())
}

fn reload() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    sweep(&rig, V4, "1-30")?;
    sensor.wait_for_step("curtailed", V4.scanner)?;
    // A friend from now on: he is let in.
    rig.write_settings(&format!("friends = [{:?}]", V4.scanner))?;
    sensor.job.signal(Signal::SIGHUP)?;
    sensor.wait("word on the settings", |event| event["name"] == "settings_read")?;
    sensor.wait_for_step("released", V4.scanner)?;
    ensure!(rig.gets_page("scanner", V4.server)?, "a friend is held off");
    // One wrong word, and nothing is changed.
    rig.write_settings("friends = []\n[detection]\nalpha = 7.0")?;
    sensor.job.signal(Signal::SIGHUP)?;
    let refused = sensor.wait("a refusal", |event| event["name"] == "settings_refused")?;
    ensure!(refused["message"].as_str().is_some_and(|text| text.contains("alpha")), "{refused}");
    sweep(&rig, V4, "31-60")?;
    std::thread::sleep(2 * SECOND);
    ensure!(rig.gets_page("scanner", V4.server)?, "what was refused is in force");
    Ok(())
}

fn new_address() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    rig.machine("server").run("ip addr add 192.0.2.11/24 dev eth0")?;
    std::thread::sleep(2 * SECOND);
    rig.machine("scanner").run("nmap -n -Pn -sT -p 1-30,80 192.0.2.11")?;
    sensor.wait_for_step("curtailed", V4.scanner)?;
    Ok(())
}

fn doctor() -> Result<()> {
    let rig = Rig::new()?;
    rig.write_settings("")?;
    let before = rig.tripline("doctor --width 200")?;
    ensure!(before.success && before.out.contains("no sensor has ever run"), "{before:?}");
    let mut sensor = rig.sensor("")?;
    sweep(&rig, V4, "1-30")?;
    sensor.wait_for_step("would_curtail", V4.scanner)?;
    std::thread::sleep(2 * SECOND);
    let after = rig.tripline("doctor --width 200")?;
    for word in [
        "runs in mode observe",
        "would have been curtailed",
        V4.scanner,
        "a gateway of this machine",
        "a name server of this machine",
        "no frame lost",
    ] {
        ensure!(after.success && after.out.contains(word), "no `{word}` in:\n{}", after.out);
    }
    Ok(())
}

/// No thread of the sensor has a capability; only the helper keeps one.
fn rights() -> Result<()> {
    let rig = Rig::new()?;
    let sensor = rig.sensor("--enforce")?;
    let id = sensor.job.id();
    for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
        let status = std::fs::read_to_string(thread?.path().join("status"))?;
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            ensure!(status.contains(&format!("{set}:\t0000000000000000")), "{status}");
        }
        ensure!(status.contains("NoNewPrivs:\t1"), "{status}");
    }
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
    let helper = children.split_whitespace().next().unwrap_or_default();
    let status = std::fs::read_to_string(format!("/proc/{helper}/status"))?;
    // CAP_NET_ADMIN is number 12.
    ensure!(status.contains("CapPrm:\t0000000000001000"), "{status}");
    // What is remembered is nobody else's business, nor is who may be asked to change it.
    let mode = std::fs::metadata(rig.state())?.permissions().mode() & 0o777;
    ensure!(mode == 0o700, "the memory is open to others: {mode:o}");
    Ok(())
}

fn metrics() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    sweep(&rig, V4, "1-30")?;
    sensor.wait("a curtailment", |event| event["from"] == "everything")?;
    // What is in the kernel is compared every two seconds.
    let metrics = |rig: &Rig| rig.machine("server").run("curl -s http://127.0.0.1:9717/metrics");
    rig.eventually("both are in the kernel", 10 * SECOND, |rig| {
        Ok(metrics(rig)?.out.contains("tripline_curtailments_in_kernel 2"))
    })?;
    let text = metrics(&rig)?.out;
    for line in [
        "tripline_interface_up{interface=\"eth0\"} 1",
        "tripline_interface_drops_total{interface=\"eth0\"} 0",
        "tripline_attempts_total{outcome=\"refused\"} 30",
        "tripline_verdict_latency_seconds_count 1",
        "tripline_curtailments 2",
    ] {
        ensure!(text.contains(line), "no `{line}` in:\n{text}");
    }
    // From outside nobody gets an answer.
    let outside = format!("curl -s -m 2 http://{}:9717/metrics", V4.server);
    ensure!(!rig.machine("neighbour").try_run(&outside)?.success, "metrics for everybody");
    Ok(())
}

/// As the service manager runs it: an ordinary user with two capabilities, who is told when it is
/// ready, that it lives, and when it ends.
fn service() -> Result<()> {
    let rig = Rig::new()?;
    rig.write_settings("")?;
    let shell = |line: &str| std::process::Command::new("sh").args(["-c", line]).status();
    let (folder, state) = (rig.folder.path().display(), rig.state());
    shell(&format!("mkdir {0} && chown 65534 {0} && chmod 755 {folder}", state.display()))?;
    let path = rig.folder.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path)?;
    shell(&format!("chmod 777 {}", path.display()))?;
    manager.set_read_timeout(Some(10 * SECOND))?;
    let told = |wanted: &str| -> Result<()> {
        let mut buffer = [0; 512];
        loop {
            let length = manager.recv(&mut buffer).with_context(|| format!("no {wanted}"))?;
            if String::from_utf8_lossy(&buffer[..length]).contains(wanted) {
                return Ok(());
            }
        }
    };
    let rights = "+net_raw,+net_admin";
    let job = rig.machine("server").start(&format!(
        "env NOTIFY_SOCKET={} setpriv --reuid=65534 --clear-groups --inh-caps={rights} \
         --ambient-caps={rights} --bounding-set=-all,{rights} --no-new-privs {} watch --enforce --json \
         --settings {folder}/tripline.toml",
        path.display(),
        env!("CARGO_BIN_EXE_tripline"),
    ))?;
    told("READY=1").with_context(|| job.said())?;
    told("WATCHDOG=1")?;
    sweep(&rig, V4, "1-30")?;
    rig.eventually("the scanner is cut off", 5 * SECOND, |rig| rig.is_dropped(V4.scanner))
        .with_context(|| job.said())?;
    job.signal(Signal::SIGHUP)?;
    told("RELOADING=1")?;
    told("READY=1")?;
    job.signal(Signal::SIGTERM)?;
    told("STOPPING=1").with_context(|| job.said())?;
    Ok(())
}

/// Sweeps are judged and curtailed, and nothing that is in force ends, whatever the clock does.
fn clock_set() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    let is_set = |event: &serde_json::Value| event["name"] == "clock_set";
    let forward = SetClock::by(4)?;
    sensor.wait("word on the clock", is_set)?;
    sweep(&rig, V4, "1-30")?;
    sensor.wait_for_step("curtailed", V4.scanner)?;
    drop(forward);
    let word = sensor.wait("word on the clock", is_set)?;
    ensure!(word["message"].as_str().is_some_and(|text| text.contains("set back")), "{word}");
    sweep(&rig, V6, "1-30")?;
    sensor.wait_for_step("curtailed", V6.scanner)?;
    ensure!(rig.is_dropped(V4.scanner)? && rig.is_dropped(V6.scanner)?, "let in too early");
    for server in [V4.server, V6.server] {
        ensure!(rig.gets_page("neighbour", server)?, "the clock cut off the neighbour");
    }
    let events = sensor.stop()?;
    let first = |source: &str| {
        let incident = events.iter().find(|event| is_incident(event, "sweep", source));
        incident.map(|event| event["first"].to_string())
    };
    ensure!(first(V4.scanner) < first(V6.scanner), "time went back");
    Ok(())
}

/// A capture that was kept, read with the settings beside it, tells what was told live.
fn record(of: Family) -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--record")?;
    ensure!(rig.gets_page("neighbour", of.server)?, "no page");
    sweep(&rig, of, "1-30")?;
    sensor.wait("a proven address", |event| event["proof"]["level"] == "proven")?;
    std::thread::sleep(SECOND);
    let live = sensor.stop()?;
    let live = live.iter().rfind(|event| event["kind"] == "incident").cloned().unwrap_or_default();
    let folder = rig.state().join("record");
    let entries: Vec<_> = std::fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
    let settings = entries.iter().map(std::fs::DirEntry::path);
    let settings =
        settings.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "toml"));
    let settings = settings.with_context(|| format!("no settings in {entries:?}"))?;
    let name = settings.with_extension("");
    let read = rig.machine("server").run(&format!(
        "{} read --json --settings {}.toml {}-*.pcapng",
        env!("CARGO_BIN_EXE_tripline"),
        name.display(),
        name.display()
    ))?;
    let events = read.out.lines().map(serde_json::from_str::<serde_json::Value>);
    let events = events.collect::<Result<Vec<_>, _>>()?;
    let again = events.iter().find(|event| event["kind"] == "incident").context("no incident")?;
    for key in ["id", "verdict", "sources", "shape", "techniques", "found", "proof", "first"] {
        ensure!(again[key] == live[key], "{key}: {} live, {} read", live[key], again[key]);
    }
    // Live, what only adds to an incident is not told each time.
    let steps =
        |event: &serde_json::Value| event["evidence"].as_array().cloned().unwrap_or_default();
    ensure!(!steps(&live).is_empty() && steps(again).starts_with(&steps(&live)), "other evidence");
    ensure!(!read.out.contains(of.neighbour), "a neighbour was recorded");
    Ok(())
}

fn xdp() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor_with("[curtail]\nxdp = true\n", "--enforce")?;
    sweep(&rig, V4, "1-30")?;
    sensor.wait("a curtailment", |event| event["from"] == "everything")?;
    ensure!(!rig.gets_page("scanner", V4.server)?, "not cut off");
    ensure!(rig.gets_page("neighbour", V4.server)?, "the neighbour is cut off");
    // The counter of the set shows what came past the shield: no SYN. The list shows both.
    let list = rig.machine("server").run("nft list set inet tripline hosts4")?.out;
    ensure!(list.contains("counter packets 0"), "{list}");
    // It goes with an interface that is made again.
    make_again(rig.machine("server"), &mut sensor)?;
    ensure!(!rig.gets_page("scanner", V4.server)?, "let in by another interface");
    let list = rig.machine("server").run("nft list set inet tripline hosts4")?.out;
    ensure!(list.contains("counter packets 0"), "{list}");
    let list = rig.tripline("curtailed --json")?.out;
    let held = list.lines().find(|line| line.contains("everything")).unwrap_or_default();
    let held: serde_json::Value = serde_json::from_str(held)?;
    ensure!(held["kernel"][1].as_u64() > Some(0), "{list}");
    rig.tripline("release --all")?;
    ensure!(rig.gets_page("scanner", V4.server)?, "not let in again");
    Ok(())
}

/// It could do nothing about anybody, and must not look as if it did.
/// What is only told in observe mode can be read, checked, and done by hand.
fn dry_run() -> Result<()> {
    let rig = Rig::new()?;
    rig.write_settings("")?;
    let alone = rig.tripline("curtailed --nft")?;
    ensure!(alone.success && alone.out.contains("no sensor is running"), "{alone:?}");
    let mut sensor = rig.sensor_with("[curtail]\nchallenge = true\n", "")?;
    for (of, ports) in [(V4, "1-30"), (V6, "1-30")] {
        sweep(&rig, of, ports)?;
        sensor.wait_for_step("would_curtail", of.scanner)?;
    }
    let text = rig.tripline("curtailed --nft")?.out;
    let path = rig.folder.path().join("dry.nft");
    std::fs::write(&path, &text)?;
    let server = rig.machine("server");
    server.run(&format!("nft -c -f {}", path.display()))?;
    ensure!(!rig.is_dropped(V4.scanner)?, "it was done: {}", rig.dropped()?);
    server.run(&format!("nft -f {}", path.display()))?;
    for of in [V4, V6] {
        ensure!(rig.is_dropped(of.scanner)?, "{text}");
        ensure!(!rig.gets_page("scanner", of.server)?, "it has no effect:\n{text}");
        ensure!(rig.gets_page("neighbour", of.server)?, "it cuts off the neighbour:\n{text}");
    }
    let undo: String = text
        .lines()
        .filter_map(|line| line.strip_prefix("# ").filter(|line| line.contains(" table inet ")))
        .fold(String::new(), |all, line| all + line + "; ");
    server.run(&format!("nft '{undo}'"))?;
    ensure!(rig.gets_page("scanner", V4.server)?, "`{undo}` left something");
    Ok(())
}

/// Orders and settings that can only be a slip.
fn nonsense() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    for (source, length, why) in [
        ("255.255.255.255", "1h", "no address of another host"),
        ("ff02::1", "1h", "no address of another host"),
        ("0.0.0.0/4", "1h", "no address of another host"),
        ("198.51.100.7", "1ms", "a second at least"),
        ("198.51.100.7", "30000d", "at most a year"),
    ] {
        let said = rig.tripline(&format!("curtail {source} --for {length} --because test"))?;
        ensure!(!said.success && said.err.contains(why), "{source} for {length}: {said:?}");
    }
    // A pipe would be read for ever.
    let path = rig.folder.path().join("tripline.toml");
    std::fs::remove_file(&path)?;
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU)?;
    sensor.job.signal(Signal::SIGHUP)?;
    let told = sensor.wait("word of it", |event| event["name"] == "settings_refused")?;
    ensure!(told["message"].as_str().is_some_and(|why| why.contains("regular file")), "{told}");
    std::fs::remove_file(&path)?;
    for (settings, why) in [
        ("[curtail]\nslow_per_minute = 0\n", "write a number from 1"),
        ("[watch]\nstate = \"\"\n", "names no folder"),
    ] {
        std::fs::write(&path, settings)?;
        let said = rig.tripline("doctor")?;
        ensure!(!said.success && said.err.contains(why), "{settings}: {said:?}");
    }
    Ok(())
}

fn helper(sensor: &Sensor) -> Result<Pid> {
    let id = sensor.job.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
    Ok(Pid::from_raw(children.split_whitespace().next().context("no helper")?.parse()?))
}

/// It answers after the sensor has given up waiting. That answer is none to what is asked next.
fn stalled() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    let helper = helper(&sensor)?;
    kill(helper, Signal::SIGSTOP)?;
    sensor.wait("word of it", |event| event["name"] == "curtailment_trouble")?;
    sweep(&rig, V4, "1-30")?;
    let told = sensor.wait("the sweep", |event| is_incident(event, "sweep", V4.scanner));
    kill(helper, Signal::SIGCONT)?;
    told?;
    rig.eventually("it is held off", 20 * SECOND, |rig| rig.is_dropped(V4.scanner))?;
    sweep(&rig, V6, "1-30")?;
    sensor.wait_for_step("curtailed", V6.scanner)?;
    ensure!(rig.is_dropped(V6.scanner)?, "{}", rig.dropped()?);
    for server in [V4.server, V6.server] {
        ensure!(!rig.gets_page("scanner", server)?, "let in at {server}");
        ensure!(rig.gets_page("neighbour", server)?, "the neighbour is cut off at {server}");
    }
    // All answers belong to their questions: nothing is repaired that is in order.
    let repaired = sensor.steps("repaired").len();
    std::thread::sleep(5 * SECOND);
    sensor.events();
    ensure!(sensor.steps("repaired").len() == repaired, "{:?}", sensor.steps("repaired"));
    Ok(())
}

/// The sets hold whom they should, and have no effect any more, or one on what is offered.
fn foreign_frame(of: Family) -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    sweep(&rig, of, "1-30")?;
    sensor.wait("a curtailment", |event| {
        is_step(event, "curtailed", of.scanner) && event["from"] == "everything"
    })?;
    for vandalism in [
        "flush chain inet tripline before",
        "'add table inet tripline { flags dormant; }'",
        "flush set inet tripline offered",
        "insert rule inet tripline before accept",
    ] {
        rig.machine("server").run(&format!("nft {vandalism}"))?;
        sensor.wait("word of it", |event| event["name"] == "tables_repaired")?;
        sensor.wait_for_step("repaired", of.scanner)?;
        ensure!(!rig.gets_page("scanner", of.server)?, "let in by `{vandalism}`");
        ensure!(rig.gets_page("neighbour", of.server)?, "the repair cut off the neighbour");
        let offered = rig.machine("server").run("nft list set inet tripline offered")?.out;
        ensure!(offered.contains("tcp . 80"), "`{vandalism}`: {offered}");
    }
    Ok(())
}

/// Who is slowed down and uses what is offered loses nothing, and nothing is counted.
fn slow_counter() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    rig.machine("scanner").run(&format!("nmap -n -Pn -sS -p 1-30 {}", V4.server))?;
    sensor.wait_for_step("curtailed", V4.scanner)?;
    let counted = |rig: &Rig| -> Result<u64> {
        let all = rig.machine("server").run("nft -j list set inet tripline slowed4")?.out;
        let all: serde_json::Value = serde_json::from_str(&all)?;
        let count = all.pointer("/nftables/1/set/elem/0/elem/counter/packets");
        Ok(count.and_then(serde_json::Value::as_u64).unwrap_or_default())
    };
    let before = counted(&rig)?;
    for _ in 0..5 {
        ensure!(rig.gets_page("scanner", V4.server)?, "what is offered is slowed down");
    }
    ensure!(counted(&rig)? == before, "what passed was counted as dropped");
    let scan = format!("nmap -n -Pn -sS --max-retries 0 -p 101-140 {}", V4.server);
    rig.machine("scanner").run(&scan)?;
    let dropped = counted(&rig)? - before;
    // Six a minute pass, and what was left of them.
    ensure!((28..=40).contains(&dropped), "{dropped} of 40 were dropped");
    let told = rig.tripline("curtailed --json")?.out;
    ensure!(told.contains(&format!(",{}]", before + dropped)), "{told}");
    Ok(())
}

fn helpless() -> Result<()> {
    let rig = Rig::new()?;
    let mut sensor = rig.sensor("--enforce")?;
    kill(helper(&sensor)?, Signal::SIGKILL)?;
    let said = sensor.job.wait_for("its end", 10 * SECOND, |said| {
        said.contains("helper that changes the firewall is gone").then(|| said.to_owned())
    })?;
    ensure!(said.contains("error:"), "{said}");
    Ok(())
}
