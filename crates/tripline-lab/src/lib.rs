//! Machines for tests: network namespaces with addresses of the documentation (RFC 5737, RFC 3849)
//! and no way out. What a test sends stays in what it made, and goes away with it.
//!
//! A test program calls [`enter`] before anything else: who is not root gets a user namespace in
//! which he is. If that is not allowed either, the test fails and says so.
#![cfg(target_os = "linux")]

mod clock;
mod namespace;
mod process;

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Result, bail};

pub use clock::SetClock;
pub use namespace::{Machine, Network};
pub use process::{Job, Output};

/// Set in the program that runs in namespaces of its own.
const INSIDE: &str = "TRIPLINE_LAB";

/// Goes on as root in namespaces of its own: network, mounts, processes. All that is started in
/// there ends with it.
///
/// # Errors
/// The kernel or an administrator forbids it.
pub fn enter() -> Result<()> {
    if std::env::var_os(INSIDE).is_some() {
        return Ok(());
    }
    let mut command = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    // The names of namespaces lie in /run/netns, those of processes in /proc.
    command
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["sh", "-c", "mount -t tmpfs none /run && ip link set lo up && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1");
    let error = command.exec();
    bail!("these tests need namespaces of their own; unshare(1): {error}")
}
