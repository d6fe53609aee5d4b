//! What `tripline read` costs, against `tcpdump -r FILE -w /dev/null` on the same file.
//!
//! `cargo bench -p tripline --bench read` writes captures of three kinds and measures both programs
//! in turns, so that a busy moment of the machine does not hit one of them alone; `-- FILE…` takes
//! the files named. Prints the table of `docs/speed.md`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod captures;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};
use wait4::Wait4 as _;

/// Runs of each program on each file; odd, for the median.
const ROUNDS: usize = 7;

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1).filter(|argument| argument != "--bench");
    match run(arguments.map(PathBuf::from).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut files: Vec<PathBuf>) -> Result<()> {
    if files.is_empty() {
        files = captures::write(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
    }
    println!("| file | MB | program | CPU s | wall s | CPU ÷ tcpdump | peak MiB |");
    println!("|---|---:|---|---:|---:|---:|---:|");
    for file in &files {
        measure(file)?;
    }
    Ok(())
}

/// What one run took.
#[derive(Clone, Copy, Debug)]
struct Usage {
    /// User and system time in seconds.
    cpu: f64,
    /// From start to end, in seconds.
    wall: f64,
    /// The largest resident set, in bytes.
    peak: u64,
}

fn measure(file: &Path) -> Result<()> {
    let programs: [(&str, Vec<&str>); 2] = [
        (env!("CARGO_BIN_EXE_tripline"), vec!["read", "--json"]),
        ("tcpdump", vec!["-w", "/dev/null", "-r"]),
    ];
    let mut usages = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        for ((program, arguments), usages) in programs.iter().zip(&mut usages) {
            usages.push(once(program, arguments, file)?);
        }
    }
    let [ours, theirs] = usages.map(median);
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let megabytes = std::fs::metadata(file)?.len() / 1_000_000;
    for (program, usage) in [("tripline", ours), ("tcpdump", theirs)] {
        println!(
            "| {name} | {megabytes} | {program} | {:.2} | {:.2} | {:.2} | {:.1} |",
            usage.cpu,
            usage.wall,
            usage.cpu / theirs.cpu,
            usage.peak as f64 / f64::from(1 << 20),
        );
    }
    Ok(())
}

/// Runs a program on a file; its output is thrown away.
fn once(program: &str, arguments: &[&str], file: &Path) -> Result<Usage> {
    let start = std::time::Instant::now();
    let child = Command::new(program)
        .args(arguments)
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| {
            format!("cannot start {program} (tcpdump is in the package of that name)")
        })?;
    let ended = child.wait4()?;
    let wall = start.elapsed().as_secs_f64();
    ensure!(ended.status.success(), "{program} failed on {}", file.display());
    let cpu = (ended.rusage.utime + ended.rusage.stime).as_secs_f64();
    Ok(Usage { cpu, wall, peak: ended.rusage.maxrss })
}

/// The run in the middle, by CPU time.
fn median(mut usages: Vec<Usage>) -> Usage {
    usages.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
    usages[usages.len() / 2]
}
