//! Hooks of a sensor that really watches: a sweep between two namespaces is told to a command and
//! to a web server, and the end of the sensor is not the end of what it has to say.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

#[expect(dead_code, reason = "other tests use the rest")]
mod web;

use std::path::{Path, PathBuf};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use tripline_lab::{Job, Network};
use web::{Reply, Server};

fn main() -> anyhow::Result<()> {
    tripline_lab::enter()?;
    let trials = vec![Trial::test("a_sweep_is_told_to_hooks", a_sweep_is_told_to_hooks)];
    libtest_mimic::run(&Arguments::from_args(), trials).exit()
}

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn a_sweep_is_told_to_hooks() -> Result<(), Failed> {
    let network = Network::new(&[
        ("server", &["192.0.2.10/24", "2001:db8:1::10/64"]),
        ("client", &["192.0.2.20/24", "2001:db8:1::20/64"]),
    ])?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = Folder(folder.join(format!("tripline-hooks-{}", std::process::id())));
    let file = folder.0.join("told");
    std::fs::create_dir_all(&folder.0)?;
    // Loopback of the machine that watches, which it does not watch.
    let web = network.machine("server").within(|| Server::start(&[Reply::Status(410, "")]))?;
    let settings = folder.0.join("tripline.toml");
    std::fs::write(
        &settings,
        format!(
            "[watch]\nstate = \"{folder}/state\"\n\
             [[hooks]]\nname = \"file\"\nevents = [\"incident\", \"curtailment\", \"notice\"]\n\
             command = [\"/bin/sh\", \"-c\", \"cat >> {file}; grep CapBnd /proc/self/status >> \
             {file}.rights\"]\n\
             [[hooks]]\nname = \"web\"\nurl = \"{url}\"\n",
            folder = folder.0.display(),
            file = file.display(),
            url = web.url
        ),
    )?;
    let mut command = network.machine("server").command(env!("CARGO_BIN_EXE_tripline"));
    command.args(["watch", "--json", "--settings"]).arg(&settings);
    command.env_remove("http_proxy").env_remove("HTTP_PROXY");
    let mut sensor = Job::start(command)?;
    let long = Duration::from_secs(30);
    sensor.wait_for("a start", long, |said| said.contains("watching").then_some(()))?;
    for port in 20..60 {
        let try_it = format!("exec 3<>/dev/tcp/192.0.2.10/{port}");
        network.machine("client").try_run(&format!("timeout 1 bash -c '{try_it}'"))?;
    }
    let request = web.next();
    assert_eq!(event(&request.body)["sources"][0], "192.0.2.20");
    // The server wants no more, which the sensor tells: to people, and to no hook.
    let trouble = sensor.wait_for("the trouble", long, |said| {
        let of_hooks = |line: &&str| line.contains("hook_trouble");
        said.lines().find(of_hooks).map(event)
    })?;
    let message = trouble["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("hook `web`: an event was given up after one try"), "{message}");
    let said = sensor.stop()?;
    let told: Vec<Value> = read(&file).lines().map(event).collect();
    let kinds: Vec<&str> = told.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"incident") && kinds.contains(&"curtailment"), "{kinds:?}\n{said}");
    let incidents = kinds.iter().filter(|kind| **kind == "incident").count();
    assert!(incidents <= 3, "told {incidents} times");
    assert!(told.iter().all(|event| event["name"] != "hook_trouble"));
    let rights = read(&folder.0.join("told.rights"));
    assert!(rights.lines().all(|line| line.ends_with("\t0000000000000000")), "{rights}");
    Ok(())
}

fn event(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
