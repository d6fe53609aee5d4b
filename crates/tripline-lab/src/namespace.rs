//! Machines, and the wires between them.

use std::collections::BTreeMap;
use std::fs::File;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, setns};

use crate::process::{Job, Output};

/// Several machines on one wire.
#[derive(Debug)]
pub struct Network {
    machines: BTreeMap<String, Machine>,
    wire: String,
}

/// A machine: a network namespace with one interface, `eth0`, and a loopback.
#[derive(Clone, Debug)]
pub struct Machine {
    namespace: String,
}

/// The names of namespaces are shared by all tests of a program.
static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Network {
    /// Makes machines, each with a name and its addresses (with lengths of the prefixes).
    ///
    /// # Errors
    /// A program is missing, or the kernel refuses.
    pub fn new(machines: &[(&str, &[&str])]) -> Result<Self> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let wire = format!("wire{number}");
        ip(&format!("netns add {wire}"))?;
        let mut network = Self { machines: BTreeMap::new(), wire };
        let at_wire = format!("-n {}", network.wire);
        ip(&format!(
            "{at_wire} link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
        ))?;
        ip(&format!("{at_wire} link set br0 up"))?;
        // A wire is no firewall, though a machine with containers makes one of each bridge.
        let wire = Machine { namespace: network.wire.clone() };
        wire.run("for set in /proc/sys/net/bridge/*; do [ ! -w $set ] || echo 0 > $set; done")?;
        for (at, (name, addresses)) in machines.iter().enumerate() {
            let machine = Machine { namespace: format!("{name}{number}") };
            let Machine { namespace } = &machine;
            ip(&format!("netns add {namespace}"))?;
            network.machines.insert((*name).to_owned(), machine.clone());
            let mac = format!("02:00:00:00:{number:02x}:{:02x}", at + 1);
            ip(&format!(
                "-n {namespace} link add eth0 address {mac} type veth peer name port{at} netns {}",
                network.wire
            ))?;
            // What a real wire carries: whole checksums, and segments of its own size.
            machine
                .run("ethtool -K eth0 tx off gso off tso off gro off >/dev/null 2>&1 || true")?;
            ip(&format!("{at_wire} link set port{at} master br0 up"))?;
            machine.run(
                "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
                 net.ipv6.conf.eth0.accept_dad=0 && ip link set lo up && ip link set eth0 up",
            )?;
            for address in *addresses {
                ip(&format!("-n {namespace} addr add {address} dev eth0 nodad"))?;
            }
        }
        Ok(network)
    }

    /// Makes the wire carry every frame to every machine, as a mirror port does, whoever it is for.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn mirror(&self) -> Result<()> {
        ip(&format!("-n {} link set br0 type bridge ageing_time 0", self.wire))
    }

    /// The machine of that name.
    ///
    /// # Panics
    /// There is none.
    pub fn machine(&self, name: &str) -> &Machine {
        &self.machines[name]
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let namespaces = self.machines.values().map(|machine| &machine.namespace);
        for namespace in namespaces.chain([&self.wire]) {
            // Processes that were left in there lose their network with it.
            let _ = ip(&format!("netns del {namespace}"));
        }
    }
}

impl Machine {
    /// A command that runs on the machine.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Runs a line of shell, and waits for its end.
    ///
    /// # Errors
    /// It cannot be started, or fails.
    pub fn run(&self, line: &str) -> Result<Output> {
        let output = self.try_run(line)?;
        ensure!(output.success, "`{line}` failed:\n{}{}", output.out, output.err);
        Ok(output)
    }

    /// Runs a line of shell that may fail.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn try_run(&self, line: &str) -> Result<Output> {
        let output = self.command("sh").args(["-c", line]).output();
        output.map(Output::from).with_context(|| format!("start `{line}`"))
    }

    /// Starts a line of shell that goes on until the job is dropped.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&self, line: &str) -> Result<Job> {
        let mut command = self.command("sh");
        command.args(["-c", &format!("exec {line}")]);
        Job::start(command).with_context(|| format!("start `{line}`"))
    }

    /// Does something in a thread that is on the machine: its sockets are those of the machine.
    ///
    /// # Errors
    /// There is no such machine any more.
    pub fn within<T: Send>(&self, act: impl FnOnce() -> T + Send) -> Result<T> {
        let namespace = File::open(format!("/run/netns/{}", self.namespace))?;
        thread::scope(|scope| {
            let inside = scope.spawn(move || {
                setns(namespace, CloneFlags::CLONE_NEWNET)?;
                Ok(act())
            });
            match inside.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

fn ip(arguments: &str) -> Result<()> {
    let mut command = Command::new("ip");
    let output =
        command.args(arguments.split(' ')).output().context("start ip (package iproute2)")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`ip {arguments}` failed: {said}");
    Ok(())
}
