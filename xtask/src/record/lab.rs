//! The lab: hosts as network namespaces on bridges, documentation addresses only (RFC 5737,
//! RFC 3849), no route out. Torn down when dropped; what a killed run left over is removed by
//! the next one.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{fs, process};

use anyhow::{Context, Result, bail, ensure};

use super::process::kill;
use super::topology::{Host, LABS, Port, Segment};

/// Who answers name queries; every host has it in its `resolv.conf`.
const RESOLVER: &str = "192.0.2.12";

/// Fails with a clear message when `name` is no lab.
pub(super) fn check_name(name: &str) -> Result<()> {
    definition(name).map(|_| ())
}

/// Fails with a clear message when the lab has no such host.
pub(super) fn check_host(lab: &str, name: &str) -> Result<()> {
    let (_, hosts, _) = definition(lab)?;
    ensure!(hosts.iter().any(|host| host.name == name), "no host `{name}` in the lab `{lab}`");
    Ok(())
}

fn definition(name: &str) -> Result<&'static (&'static str, &'static [Host], &'static str)> {
    let found = LABS.iter().find(|(known, ..)| *known == name);
    found.with_context(|| format!("unknown lab `{name}`; known: routed, lan"))
}

/// Refuses to go on without the right to make namespaces.
pub(super) fn require_root() -> Result<()> {
    let status = fs::read_to_string("/proc/self/status")?;
    let effective =
        status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1));
    ensure!(
        effective == Some("0"),
        "recording makes network namespaces and needs root; run it with sudo (--check and --list do not)"
    );
    Ok(())
}

/// Removes the namespaces of recordings whose process is gone.
pub(super) fn remove_stale() -> Result<()> {
    for namespace in namespaces()? {
        let owner = namespace.strip_prefix("tl-").and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|id| !PathBuf::from(format!("/proc/{id}")).exists()) {
            remove_namespace(&namespace);
        }
    }
    Ok(())
}

fn namespaces() -> Result<Vec<String>> {
    let output = Command::new("ip").args(["netns", "list"]).output().context("start ip")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let first_words = text.lines().filter_map(|line| line.split_whitespace().next());
    Ok(first_words.map(str::to_owned).collect())
}

/// Ends what still runs in a namespace, by process id, and removes it.
fn remove_namespace(namespace: &str) {
    if let Ok(output) = Command::new("ip").args(["netns", "pids", namespace]).output() {
        for pid in String::from_utf8_lossy(&output.stdout).split_whitespace() {
            kill("-KILL", pid);
        }
    }
    // both may be gone already; nothing is left to do then
    let _gone = Command::new("ip").args(["netns", "del", namespace]).stderr(Stdio::null()).status();
    let _gone = fs::remove_dir_all(resolver_folder(namespace));
}

/// `ip netns exec` shows the files of this folder in place of those in `/etc`.
fn resolver_folder(namespace: &str) -> PathBuf {
    PathBuf::from("/etc/netns").join(namespace)
}

/// A standing lab.
pub(super) struct Lab {
    hosts: &'static [Host],
    tap: &'static str,
    prefix: String,
}

impl Lab {
    /// Builds the lab of that name: `routed` or `lan`.
    pub(super) fn build(name: &str) -> Result<Self> {
        let (_, hosts, tap) = definition(name)?;
        // the process id keeps recordings that run at the same time apart
        let lab = Self { hosts, tap, prefix: format!("tl-{}", process::id()) };
        lab.add_segments()?;
        for host in *hosts {
            lab.add_host(host)?;
        }
        Ok(lab)
    }

    /// Takes the lab down; the same as dropping it, said aloud.
    pub(super) fn remove(self) {
        drop(self);
    }

    /// Where a capture is taken unless the case says otherwise.
    pub(super) fn default_tap(&self) -> &'static str {
        self.tap
    }

    /// The namespace of a host or of a segment's bridge.
    pub(super) fn namespace(&self, name: &str) -> Result<String> {
        let is_host = self.hosts.iter().any(|host| host.name == name);
        let is_segment = self.segments().iter().any(|segment| segment.name == name);
        ensure!(is_host || is_segment, "no host `{name}` in this lab");
        Ok(self.full(name))
    }

    fn full(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn segments(&self) -> Vec<Segment> {
        let mut segments: Vec<Segment> = Vec::new();
        for port in self.hosts.iter().flat_map(|host| host.ports) {
            if !segments.contains(&port.segment) {
                segments.push(port.segment);
            }
        }
        segments
    }

    fn add_segments(&self) -> Result<()> {
        for segment in self.segments() {
            let namespace = self.full(segment.name);
            ip(&["netns", "add", &namespace])?;
            // a switch has nothing to say for itself
            shell(
                &namespace,
                "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
                 ip link add br0 type bridge stp_state 0 mcast_snooping 0
                 ethtool -K br0 tx off gso off tso off gro off >/dev/null 2>&1 || true
                 ip link set br0 up",
            )?;
        }
        Ok(())
    }

    fn add_host(&self, host: &Host) -> Result<()> {
        let namespace = self.full(host.name);
        ip(&["netns", "add", &namespace])?;
        let folder = resolver_folder(&namespace);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("resolv.conf"), format!("nameserver {RESOLVER}\n"))?;
        let mut script = String::from("ip link set lo up\n");
        for port in host.ports {
            let bridge = self.full(port.segment.name);
            let number = port.number;
            let far_end = format!("{}{number}", &port.segment.name[..1]);
            ip(&[
                "link",
                "add",
                port.interface,
                "netns",
                &namespace,
                "address",
                &format!("02:00:5e:00:{}:{number:02x}", port.segment.mac),
                "type",
                "veth",
                "peer",
                "name",
                &far_end,
                "netns",
                &bridge,
            ])?;
            shell(
                &bridge,
                &format!("{}\nip link set {far_end} master br0 up", no_offload(&far_end)),
            )?;
            describe(port, &mut script);
        }
        if host.ports.len() > 1 {
            script.push_str("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1\n");
        }
        script.push_str(&default_route(host));
        shell(&namespace, &script)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let mut names: Vec<&str> = self.hosts.iter().map(|host| host.name).collect();
        names.extend(self.segments().iter().map(|segment| segment.name));
        for name in names {
            remove_namespace(&self.full(name));
        }
    }
}

/// Checksums and segment sizes in the capture shall be those of a real wire.
fn no_offload(interface: &str) -> String {
    format!("ethtool -K {interface} tx off rx off gso off tso off gro off >/dev/null 2>&1 || true")
}

/// Adds the commands that give an interface its addresses.
fn describe(port: &Port, script: &mut String) {
    let Port { interface, segment, number, more } = port;
    let (first, last) = more.unwrap_or((1, 0));
    let _infallible = writeln!(script, "{}", no_offload(interface));
    // hosts that wait for no router and no duplicate are ready at once, and quiet
    for setting in ["accept_ra", "accept_dad", "router_solicitations"] {
        let _infallible = writeln!(script, "sysctl -qw net.ipv6.conf.{interface}.{setting}=0");
    }
    for each in std::iter::once(*number).chain(first..=last) {
        // further IPv6 addresses are used only by those who ask for them
        let lifetime = if each == *number { "" } else { " preferred_lft 0" };
        let _infallible = writeln!(
            script,
            "ip addr add {}.{each}/24 dev {interface}\n\
             ip -6 addr add {}::{each}/64 dev {interface} nodad{lifetime}",
            segment.v4, segment.v6
        );
    }
    let _infallible = writeln!(script, "ip link set {interface} up");
}

fn default_route(host: &Host) -> String {
    let Some(port) = host.ports.first().filter(|port| port.number != 1) else {
        return String::new();
    };
    let Segment { v4, v6, .. } = port.segment;
    format!("ip route add default via {v4}.1\nip -6 route add default via {v6}::1\n")
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output().context("start ip")?;
    ensure!(
        output.status.success(),
        "`ip {}`: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// Runs a script in a namespace; every line must succeed.
fn shell(namespace: &str, script: &str) -> Result<()> {
    let mut child = Command::new("ip")
        .args(["netns", "exec", namespace, "bash", "-e"])
        .stdin(Stdio::piped())
        .spawn()
        .context("start ip netns exec")?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(script.as_bytes())?;
    }
    if child.wait()?.success() {
        return Ok(());
    }
    bail!("setting up {namespace} failed at one of:\n{script}")
}
