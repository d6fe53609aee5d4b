//! A server with a sensor, and those who call: an innocent neighbour, a scanner, a gateway.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tripline_lab::{Job, Machine, Network, Output};

/// Addresses of the machines, by family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family {
    pub(crate) server: &'static str,
    pub(crate) neighbour: &'static str,
    pub(crate) scanner: &'static str,
    /// What nmap needs to be told.
    pub(crate) nmap: &'static str,
}

pub(crate) const V4: Family =
    Family { server: "192.0.2.10", neighbour: "192.0.2.20", scanner: "192.0.2.66", nmap: "" };
pub(crate) const V6: Family = Family {
    server: "2001:db8:1::10",
    neighbour: "2001:db8:1::20",
    scanner: "2001:db8:1::66",
    nmap: "-6 ",
};
/// The gateway and the resolver of the server.
pub(crate) const GATEWAY: &str = "192.0.2.1";
pub(crate) const RESOLVER: &str = "192.0.2.53";

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Machines on a wire, and a folder for the sensor.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) network: Network,
    pub(crate) folder: tempfile::TempDir,
    _servers: Vec<Job>,
}

impl Rig {
    /// The server offers HTTP on port 80 (nginx) and nothing else.
    pub(crate) fn new() -> Result<Self> {
        let network = Network::new(&[
            ("server", &["192.0.2.10/24", "2001:db8:1::10/64"]),
            ("gateway", &["192.0.2.1/24", "192.0.2.53/24", "2001:db8:1::1/64"]),
            ("neighbour", &["192.0.2.20/24", "2001:db8:1::20/64"]),
            ("scanner", &["192.0.2.66/24", "2001:db8:1::66/64"]),
        ])?;
        network.machine("server").run(&format!(
            "ip route add default via {GATEWAY} && ip -6 route add default via 2001:db8:1::1"
        ))?;
        // What a scanner forges must not be able to move an address to another port of the wire: that
        // would cut its owner off without our doing.
        for (name, v4, v6) in [
            ("gateway", GATEWAY, "2001:db8:1::1"),
            ("gateway", RESOLVER, "2001:db8:1::1"),
            ("neighbour", V4.neighbour, V6.neighbour),
            ("scanner", V4.scanner, V6.scanner),
        ] {
            let link = network.machine(name).run("ip -br link show eth0")?.out;
            let mac = link.split_whitespace().nth(2).unwrap_or_default().to_owned();
            for address in [v4, v6] {
                let line =
                    format!("ip neigh replace {address} lladdr {mac} nud permanent dev eth0");
                network.machine("server").run(&line)?;
            }
        }
        let folder = tempfile::tempdir()?;
        let nginx = nginx(network.machine("server"), folder.path())?;
        Ok(Self { network, folder, _servers: vec![nginx] })
    }

    pub(crate) fn machine(&self, name: &str) -> &Machine {
        self.network.machine(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Starts a sensor on the server, and waits until it answers.
    pub(crate) fn sensor(&self, options: &str) -> Result<Sensor> {
        self.sensor_with("", options)
    }

    /// The same with settings.
    pub(crate) fn sensor_with(&self, settings: &str, options: &str) -> Result<Sensor> {
        self.write_settings(settings)?;
        let command =
            format!("{} watch --json {options} --settings {}", tripline(), self.settings());
        let mut sensor = Sensor { job: self.machine("server").start(&command)?, seen: 0 };
        let deadline = Instant::now() + 10 * SECOND;
        while !self.tripline("curtailed")?.success {
            sensor.job.wait_for("a start", 10 * SECOND, |_| Some(()))?;
            ensure!(Instant::now() < deadline, "no sensor answers:\n{}", sensor.job.said());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(sensor)
    }

    /// Writes the settings that all commands of this rig use.
    pub(crate) fn write_settings(&self, settings: &str) -> Result<()> {
        let has_table = settings.contains("[watch]");
        let state = format!("state = {:?}\n", self.state().display().to_string());
        let text = if has_table {
            settings.replacen("[watch]\n", &format!("[watch]\n{state}"), 1)
        } else {
            format!("{settings}\n[watch]\n{state}")
        };
        std::fs::write(self.folder.path().join("tripline.toml"), text).context("write settings")
    }

    fn settings(&self) -> String {
        self.folder.path().join("tripline.toml").display().to_string()
    }

    /// Runs another command of tripline on the server.
    pub(crate) fn tripline(&self, arguments: &str) -> Result<Output> {
        let settings = self.settings();
        self.machine("server").try_run(&format!("{} {arguments} --settings {settings}", tripline()))
    }

    /// Whom the kernel of the server drops.
    pub(crate) fn dropped(&self) -> Result<String> {
        Ok(self.machine("server").try_run("nft list ruleset")?.out)
    }

    /// Whether an address is held off from everything.
    pub(crate) fn is_dropped(&self, address: &str) -> Result<bool> {
        let list = |set: &str| {
            self.machine("server").try_run(&format!("nft list set inet tripline {set}"))
        };
        let all = list("hosts4")?.out + &list("hosts6")?.out;
        let elements = all.split([',', '{', '\n']).map(str::trim);
        let mut addresses = elements.filter_map(|element| element.split(' ').next());
        Ok(addresses.any(|one| one == address))
    }

    /// Waits for something to become true.
    pub(crate) fn eventually(
        &self,
        what: &str,
        time: Duration,
        mut holds: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<Duration> {
        let began = Instant::now();
        while !holds(self)? {
            ensure!(began.elapsed() < time, "waited {time:?} in vain: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(began.elapsed())
    }

    /// Whether a machine gets the server's page.
    pub(crate) fn gets_page(&self, machine: &str, server: &str) -> Result<bool> {
        let host = if server.contains(':') { format!("[{server}]") } else { server.to_owned() };
        let line = format!("curl -s -g -m 1 -o /dev/null http://{host}/");
        Ok(self.machine(machine).try_run(&line)?.success)
    }
}

pub(crate) fn tripline() -> &'static str {
    env!("CARGO_BIN_EXE_tripline")
}

fn nginx(machine: &Machine, folder: &Path) -> Result<Job> {
    let settings = folder.join("nginx.conf");
    let folder = folder.display();
    let text = format!(
        "daemon off; user root; pid {folder}/nginx.pid; error_log stderr;\n\
         events {{ }}\n\
         http {{ access_log off; keepalive_timeout 600; client_body_temp_path {folder}/body;\n\
         proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;\n\
         uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n\
         server {{ listen 80; listen [::]:80; location / {{ return 200 'welcome'; }} }} }}\n"
    );
    std::fs::write(&settings, text)?;
    let job = machine.start(&format!("nginx -c {}", settings.display()))?;
    let began = Instant::now();
    while !machine.try_run("ss -Hltn sport = :80")?.out.contains(":80") {
        ensure!(began.elapsed() < 10 * SECOND, "nginx does not start: {}", job.said());
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(job)
}

/// A sensor that runs.
#[derive(Debug)]
pub(crate) struct Sensor {
    pub(crate) job: Job,
    seen: usize,
}

impl Sensor {
    /// All events so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        let said = self.job.said();
        let lines = said.lines().filter(|line| line.starts_with('{'));
        lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for an event; those before the one that was last waited for are passed over.
    pub(crate) fn wait(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + 15 * SECOND;
        loop {
            let events = self.events();
            let new = events.iter().enumerate().skip(self.seen);
            if let Some((at, event)) = new.into_iter().find(|(_, event)| wanted(event)) {
                self.seen = at + 1;
                return Ok(event.clone());
            }
            if Instant::now() > deadline {
                bail!("no {what}; it said:\n{}", self.job.said());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for a step of a curtailment.
    pub(crate) fn wait_for_step(&mut self, step: &str, source: &str) -> Result<Value> {
        self.wait(&format!("step `{step}` of {source}"), |event| is_step(event, step, source))
    }

    /// Steps of curtailments so far, of one kind.
    pub(crate) fn steps(&self, step: &str) -> Vec<Value> {
        let events = self.events().into_iter();
        events.filter(|event| event["kind"] == "curtailment" && event["step"] == step).collect()
    }

    /// Ends it, and gives all events.
    pub(crate) fn stop(self) -> Result<Vec<Value>> {
        let said = self.job.stop()?;
        let lines = said.lines().filter(|line| line.starts_with('{'));
        lines.map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }
}

pub(crate) fn is_step(event: &Value, step: &str, source: &str) -> bool {
    event["kind"] == "curtailment" && event["step"] == step && event["source"] == source
}

pub(crate) fn is_incident(event: &Value, verdict: &str, source: &str) -> bool {
    event["kind"] == "incident"
        && event["verdict"] == verdict
        && event["sources"].as_array().is_some_and(|all| all.iter().any(|one| one == source))
}

/// Programs that the tests need; without one of them they fail.
pub(crate) fn check_programs() -> Result<()> {
    for (program, package) in [
        ("ip", "iproute2"),
        ("ss", "iproute2"),
        ("ethtool", "ethtool"),
        ("nft", "nftables"),
        ("nmap", "nmap"),
        ("hping3", "hping3"),
        ("masscan", "masscan"),
        ("zmap", "zmap"),
        ("nc", "netcat-openbsd"),
        ("nginx", "nginx-light"),
        ("curl", "curl"),
        ("/usr/bin/python3", "python3-scapy"),
        ("mount", "mount"),
        ("setsid", "util-linux"),
    ] {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("command -v {program}")]).stdout(Stdio::null());
        ensure!(command.status()?.success(), "{program} is missing (package {package})");
    }
    Ok(())
}
