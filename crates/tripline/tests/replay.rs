//! `tripline replay`: what other settings change in recorded cases, against kept texts in
//! `tests/replay/` (`TRIPLINE_BLESS=1` writes them anew), and in what a sensor recorded.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]
#![cfg(target_os = "linux")]

#[expect(dead_code, reason = "the captures are there already")]
mod rig;
#[expect(dead_code, reason = "other tests compare recordings")]
#[path = "recording/rig.rs"]
mod sensor;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde_json::Value;
use tripline::capture;
use tripline::output::Sink;
use tripline::run::run_telling;
use tripline::watch::record::{FOLDER, Options};
use tripline_core::Emit;
use tripline_core::event::{Event, Incident, Verdict};
use tripline_core::settings::Settings;
use tripline_packet::{LinkType, Timestamp};
use tripline_store::Store;

use sensor::Sensor;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases")
}

/// Shows the difference for cases, with the paths of this machine left out.
fn replay(folder: &rig::Folder, new: &str, old: &str, names: &[&str], more: &[&str]) -> rig::Ran {
    let new = folder.write("new.toml", new);
    let old = folder.write("old.toml", old);
    let mut command = rig::tripline();
    command.current_dir(cases()).arg("replay").arg("--settings").arg(&new);
    command.arg("--against").arg(&old).args(more);
    for name in names {
        command.arg(Path::new(name).join("input.pcap"));
    }
    let mut ran = rig::Ran::from(command.output().unwrap());
    let path = format!("{}/", folder.path().display());
    ran.out = ran.out.replace(&path, "");
    ran
}

fn check(name: &str, ran: &rig::Ran) {
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay").join(name);
    if std::env::var_os("TRIPLINE_BLESS").is_some() {
        std::fs::write(&path, &ran.out).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == ran.out, "{name} differs; expected:\n{expected}\ngot:\n{}", ran.out);
}

const HOME: &str = "home = [\"192.0.2.0/24\"]\n";

#[test]
fn a_scanner_that_is_authorised_from_now_on() {
    let scanner = "[[scanners]]\nname = \"nightly\"\nsource = \"198.51.100.66\"\n\
                   targets = [\"192.0.2.10/32\"]\n";
    let folder = rig::Folder::new();
    let ran = replay(&folder, &format!("{HOME}{scanner}"), HOME, &["follow-up-ssh"], &[]);
    check("scanner.txt", &ran);
}

#[test]
fn a_friend_a_bound_and_longer_curtailments() {
    let new = format!(
        "{HOME}friends = [\"198.51.100.67\"]\n[detection]\nalpha = 1e-8\n\
         [curtail]\nlengths = [\"10m\", \"1h\"]\n"
    );
    let folder = rig::Folder::new();
    check("friend.txt", &replay(&folder, &new, HOME, &["two-scanners"], &[]));
    // The other way round everything that was lost is gained.
    let ran = replay(&folder, HOME, &new, &["two-scanners"], &["--json"]);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let lengths = |of: &Value| ["gained", "lost"].map(|key| of[key].as_array().unwrap().len());
    assert_eq!(lengths(&told["incidents"]), [1, 0], "{}", ran.out);
    assert_eq!(lengths(&told["curtailments"]), [1, 0], "{}", ran.out);
    assert_eq!(told["incidents"]["gained"][0]["sources"][0], "198.51.100.67");
}

#[test]
fn a_declared_service_is_no_probe_any_more() {
    let declared = "[[services]]\nhosts = \"192.0.2.10\"\ntcp = [\"15-34\"]\n";
    let folder = rig::Folder::new();
    let ran = replay(&folder, &format!("{HOME}{declared}"), HOME, &["follow-up-ssh"], &["--json"]);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["incidents"]["lost"][0]["id"], "I-d38d63a307", "{}", ran.out);
    assert_eq!(told["curtailments"]["gained"], serde_json::json!([]));
    assert_eq!(told["curtailments"]["lost"][1]["from"], "everything");
}

#[test]
fn the_same_settings_change_nothing() {
    let folder = rig::Folder::new();
    let names = ["follow-up-ssh", "two-scanners", "nmap-decoys"];
    let ran = replay(&folder, HOME, HOME, &names, &["--exit-code"]);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(ran.out.ends_with("Nothing would change.\n"), "{}", ran.out);
    let off = format!("{HOME}[curtail]\nmode = \"off\"\n");
    let ran = replay(&folder, &off, HOME, &names, &["--exit-code"]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(ran.out.contains("observe → off"), "{}", ran.out);
}

#[test]
fn what_cannot_be_read_is_told() {
    let folder = rig::Folder::new();
    let run = |args: &[&str]| {
        let mut command = rig::tripline();
        command.current_dir(folder.path()).arg("replay").args(args);
        rig::Ran::from(command.output().unwrap())
    };
    folder.write("new.toml", "[watch]\nstate = \".\"\n");
    for (args, words) in [
        (vec!["--settings", "none.toml", "a.pcap"], "cannot read the settings file none.toml"),
        (vec!["--settings", "new.toml", "-"], "standard input can be read only once"),
        (vec!["--settings", "new.toml", "a.pcap"], "a.pcap"),
        (vec!["--settings", "new.toml", "--against", "new.toml"], "watch --record"),
    ] {
        let ran = run(&args);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.err.contains(words), "{}", ran.err);
    }
}

/// The last state of each incident.
#[derive(Default)]
struct Last(BTreeMap<String, Incident>);

impl Sink for Last {
    fn event(&mut self, event: Event) -> std::io::Result<()> {
        if let Event::Incident(incident) = event {
            self.0.insert(incident.id.clone(), Incident { update: 0, ..*incident });
        }
        Ok(())
    }
}

/// A sensor tells each update, a file is told of at its end; what is compared must not depend on it.
#[test]
fn the_last_update_is_the_final_state() {
    let mut compared = 0;
    for entry in std::fs::read_dir(cases()).unwrap() {
        let folder = entry.unwrap().path();
        let input = folder.join("input.pcap");
        if !input.exists() {
            continue;
        }
        let told = |emit| {
            let mut last = Last::default();
            let mut source = capture::open(std::slice::from_ref(&input)).unwrap();
            run_telling(&mut source, Settings::default(), emit, &mut last, &mut ()).unwrap();
            last.0.retain(|_, incident| incident.verdict != Verdict::Withdrawn);
            last.0
        };
        let (live, of_file) = (told(Emit::Updates), told(Emit::Final));
        assert!(live == of_file, "{}", folder.display());
        compared += of_file.len();
    }
    assert!(compared > 50, "{compared} incidents");
}

/// Records a case as a sensor does, and remembers its incidents.
fn record(state: &Path, name: &str) -> Vec<Incident> {
    let case = sensor::cases().into_iter().find(|case| case.name == name).unwrap();
    let options = Options::new(state.join(FOLDER), 1 << 24);
    let mut link = LinkType::Ethernet;
    sensor::each_frame(&case.input, |frame| link = frame.link);
    let mut sensor = Sensor::new(&case.settings, &options, link);
    sensor::each_frame(&case.input, |frame| sensor.frame(frame));
    let (events, end) = sensor.finish();
    // As if it had been written when the frames came.
    let written = UNIX_EPOCH + end.since(Timestamp::EPOCH);
    for file in std::fs::read_dir(state.join(FOLDER)).unwrap() {
        let file = File::options().append(true).open(file.unwrap().path()).unwrap();
        file.set_modified(written).unwrap();
    }
    let store = Store::open(state).unwrap();
    let mut told = BTreeMap::new();
    for incident in sensor::incidents(&events) {
        store.put_incident(incident).unwrap();
        told.insert(incident.id.clone(), incident.clone());
    }
    told.into_values().collect()
}

#[test]
fn recordings_of_a_sensor_are_replayed() {
    let folder = rig::Folder::new();
    let told = record(folder.path(), "follow-up-ssh");
    assert_eq!(told.len(), 1);
    // One whose frames are gone.
    let gone = Incident { id: "I-00000000aa".to_owned(), ..told[0].clone() };
    Store::open(folder.path()).unwrap().put_incident(&gone).unwrap();

    let state = folder.path().display();
    let old = folder.write("old.toml", format!("[watch]\nstate = \"{state}\"\n"));
    let new = folder.write("new.toml", "friends = [\"198.51.100.66\"]\n");
    let run = |since: &str| {
        let mut command = rig::tripline();
        command.arg("replay").arg("--settings").arg(&new).arg("--against").arg(&old);
        rig::Ran::from(command.args(["--json", "--since", since]).output().unwrap())
    };
    let ran = run("2026-11-23T00:00:00Z");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(found["incidents"]["lost"][0]["id"], told[0].id.as_str(), "{found}");
    assert_eq!(found["curtailments"]["lost"][1]["from"], "everything", "{found}");
    let unknown = found["unknown"].to_string();
    assert!(unknown.contains("I-00000000aa") && !unknown.contains(&told[0].id), "{unknown}");
    assert!(unknown.contains("nothing of them was recorded"), "{unknown}");
    // Later than all that was recorded.
    let ran = run("2026-11-24T00:00:00Z");
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    assert!(ran.err.contains("no recordings of that time"), "{}", ran.err);
}
