//! The real binary, fresh folders, and small captures.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own for a test; it goes away with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tripline-cli-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a run of the program gave.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The program, away from the settings and the terminal of whoever runs the tests.
pub(crate) fn tripline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.env_remove("TRIPLINE_SETTINGS").env_remove("NO_COLOR");
    command.stdin(Stdio::null());
    command
}

/// Runs the program with words and paths.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Ran {
    tripline().args(args).output().unwrap().into()
}

/// Runs the program with something on standard input.
pub(crate) fn run_with_input(args: &[&str], input: &[u8]) -> Ran {
    let mut command = tripline();
    command.args(args).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap().into()
}

/// A pcap file in the making, on Ethernet with IPv4 and TCP.
pub(crate) struct Pcap {
    bytes: Vec<u8>,
    millis: u32,
}

pub(crate) const SYN: u8 = 0x02;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const RST_ACK: u8 = 0x14;
pub(crate) const SYN_ACK: u8 = 0x12;
pub(crate) const PSH_ACK: u8 = 0x18;

impl Pcap {
    pub(crate) fn new() -> Self {
        // Magic, version 2.4, no zone, no accuracy, snap length, Ethernet.
        let mut bytes = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
            bytes.extend(word.to_le_bytes());
        }
        Self { bytes, millis: 0 }
    }

    /// A capture of one source that tries 20 closed ports of one host, FTP among them.
    pub(crate) fn of_a_scan() -> Self {
        let mut pcap = Self::new();
        pcap.session([203, 0, 113, 5], [192, 0, 2, 10], 80);
        for (index, port) in (15..35).enumerate() {
            let (from, to) = (([198, 51, 100, 7], 40_000 + index as u16), ([192, 0, 2, 10], port));
            pcap.tcp(from, to, SYN, 0);
            pcap.tcp(to, from, RST_ACK, 0);
        }
        pcap
    }

    /// A capture of nothing but good sessions.
    pub(crate) fn of_peace() -> Self {
        let mut pcap = Self::new();
        for client in 1..6 {
            pcap.session([203, 0, 113, client], [192, 0, 2, 10], 80);
        }
        pcap
    }

    /// A session in which both sides say something.
    fn session(&mut self, client: [u8; 4], server: [u8; 4], port: u16) {
        let (from, to) = ((client, 50_000), (server, port));
        self.tcp(from, to, SYN, 0);
        self.tcp(to, from, SYN_ACK, 0);
        self.tcp(from, to, ACK, 0);
        self.tcp(from, to, PSH_ACK, 40);
        self.tcp(to, from, PSH_ACK, 90);
    }

    fn tcp(&mut self, from: ([u8; 4], u16), to: ([u8; 4], u16), flags: u8, payload: usize) {
        self.millis += 10;
        let mut packet = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        let length = (40 + payload) as u16;
        packet.extend([0x45, 0]);
        packet.extend(length.to_be_bytes());
        packet.extend([self.millis as u8, 7, 0x40, 0, 60, 6, 0, 0]);
        packet.extend(from.0);
        packet.extend(to.0);
        packet.extend(from.1.to_be_bytes());
        packet.extend(to.1.to_be_bytes());
        // The sequence numbers of a session fit, for tell-tale acknowledgements.
        let (seq, ack): (u32, u32) = if flags == SYN { (1_000, 0) } else { (1_001, 1_001) };
        packet.extend(seq.to_be_bytes());
        packet.extend(ack.to_be_bytes());
        packet.extend([0x50, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
        packet.extend(std::iter::repeat_n(b'x', payload));
        self.record(&packet);
    }

    fn record(&mut self, frame: &[u8]) {
        let length = frame.len() as u32;
        let (seconds, micros) = (1_795_399_583 + self.millis / 1000, self.millis % 1000 * 1000);
        for word in [seconds, micros, length, length] {
            self.bytes.extend(word.to_le_bytes());
        }
        self.bytes.extend(frame);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
