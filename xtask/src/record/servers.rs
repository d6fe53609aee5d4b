//! The real servers of the lab. Each is a short script in `xtask/lab/servers` that writes its
//! settings into the current folder and becomes the daemon, in the foreground.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::lab::Lab;
use super::process::{Finished, Job};

/// What recording needs beside Rust, as Debian packages.
pub(super) const PACKAGES: &[&str] = &[
    // the lab
    "ethtool",
    "iproute2",
    "nftables",
    "procps",
    "tcpdump",
    "zstd",
    // scanners
    "hping3",
    "masscan",
    "nmap",
    "python3-scapy",
    "zmap",
    // servers
    "bind9",
    "chrony",
    "dnsmasq-base",
    "dovecot-imapd",
    "dovecot-pop3d",
    "git",
    "iperf3",
    "nginx-light",
    "openssh-server",
    "opensmtpd",
    "openssl",
    "postgresql",
    "redis-server",
    "rsync",
    "samba",
    "snmpd",
    "tftpd-hpa",
    "vsftpd",
    // clients
    "bind9-dnsutils",
    "curl",
    "dhcpcd-base",
    "iputils-arping",
    "iputils-ping",
    "lftp",
    "ndisc6",
    "netcat-openbsd",
    "openssh-client",
    "postgresql-client",
    "redis-tools",
    "smbclient",
    "snmp",
    "sshpass",
    "swaks",
    "telnet",
    "tftp-hpa",
    "traceroute",
    "transmission-cli",
];

/// The host of a server that names none.
const DEFAULT_HOST: &str = "main";

/// A server that the lab can run.
pub(super) struct Server {
    /// Name of its script, without the ending.
    name: &'static str,
    /// TCP port that opens when it is ready; those without one get a moment.
    ready: Option<u16>,
}

const SERVERS: &[Server] = &[
    Server { name: "chronyd", ready: None },
    Server { name: "dnsmasq", ready: None },
    Server { name: "dovecot", ready: Some(143) },
    Server { name: "gitd", ready: Some(9418) },
    Server { name: "iperf3", ready: Some(5201) },
    Server { name: "named", ready: Some(53) },
    Server { name: "nginx", ready: Some(80) },
    Server { name: "nmbd", ready: None },
    Server { name: "postgres", ready: Some(5432) },
    Server { name: "redis", ready: Some(6379) },
    Server { name: "rsyncd", ready: Some(873) },
    Server { name: "smbd", ready: Some(445) },
    Server { name: "smtpd", ready: Some(25) },
    Server { name: "snmpd", ready: None },
    Server { name: "sshd", ready: Some(22) },
    Server { name: "tftpd", ready: None },
    Server { name: "vsftpd", ready: Some(21) },
];

/// Reads `NAME` or `NAME@HOST`.
pub(super) fn find(text: &str) -> Result<(&'static Server, &str)> {
    let (name, host) = text.split_once('@').unwrap_or((text, DEFAULT_HOST));
    let server = SERVERS.iter().find(|server| server.name == name);
    Ok((server.with_context(|| format!("unknown server `{name}`"))?, host))
}

/// Starts the servers and waits until they can be used.
pub(super) fn start(names: &[String], lab: &Lab, work: &Path) -> Result<Vec<Job>> {
    let scripts = super::root().join("xtask/lab/servers");
    let mut jobs = Vec::new();
    for text in names {
        let (server, host) = find(text)?;
        let folder = work.join(format!("{}-{host}", server.name));
        fs::create_dir(&folder)?;
        let script = scripts.join(format!("{}.sh", server.name));
        let command = format!(". {}", script.display());
        jobs.push((server, host, Job::start(&lab.namespace(host)?, host, &command, &folder)?));
    }
    for (server, host, job) in &mut jobs {
        wait_ready(server, host, job, lab, work)?;
    }
    Ok(jobs.into_iter().map(|(.., job)| job).collect())
}

/// Asks over the server's own loopback, so that nothing of it is on the wire.
fn wait_ready(server: &Server, host: &str, job: &mut Job, lab: &Lab, work: &Path) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let question = match server.ready {
        Some(port) => format!("until (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>&-; do sleep 0.1; done"),
        None => "sleep 1".into(),
    };
    let asked = Job::start(&lab.namespace(host)?, host, &question, work)?.wait_until(deadline)?;
    if !matches!(asked, Finished::Success) || job.has_ended()? {
        let said = fs::read_to_string(&job.log).unwrap_or_default();
        bail!("{} on {host} did not come up:\n{said}", server.name);
    }
    // a daemon may open its IPv6 socket a little after the other
    sleep(Duration::from_millis(200));
    Ok(())
}
