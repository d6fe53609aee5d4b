//! `cargo xtask record`: golden cases under `tests/cases`, recorded with real tools.
//!
//! A case folder holds `README.md`, `case.toml` and one `input.*`. The truth in `case.toml` is
//! written by hand from the command lines that are run, never from what tripline prints; this
//! task makes only the input. See `docs/cases.md`.

mod capture;
mod case;
mod lab;
mod process;
mod servers;
mod topology;

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs, process as this_process};

use anyhow::{Context, Result, bail, ensure};

use capture::Capture;
use case::{Case, Record, Run};
use lab::Lab;
use process::{Finished, Job};

/// What `cargo xtask record` was asked for.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Cases to record again (folders of `tests/cases`).
    names: Vec<String>,
    /// List the cases with their titles and what they expect.
    #[arg(long)]
    list: bool,
    /// Check every case folder: complete, well formed, small enough. Needs no root.
    #[arg(long)]
    check: bool,
    /// Print the Debian packages that recording needs.
    #[arg(long)]
    packages: bool,
    /// Keep the working folder with the logs of servers and commands.
    #[arg(long)]
    keep: bool,
}

/// Does what `args` ask for.
pub(crate) fn run(args: &Args) -> Result<()> {
    let cases = root().join("tests/cases");
    if args.packages {
        println!("{}", servers::PACKAGES.join(" "));
    }
    if args.list {
        case::list(&cases)?;
    }
    if args.check {
        case::check(&cases)?;
    }
    if args.names.is_empty() {
        ensure!(
            args.packages || args.list || args.check,
            "nothing to do: name the cases to record, or use --list, --check or --packages"
        );
        return Ok(());
    }
    lab::require_root()?;
    lab::remove_stale()?;
    for name in &args.names {
        record(&cases.join(name), args.keep).with_context(|| format!("case `{name}`"))?;
    }
    Ok(())
}

/// The workspace's root folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Records the case in `folder`: lab up, servers up, capture on, commands, capture off, all down.
fn record(folder: &Path, keep: bool) -> Result<()> {
    let case = Case::load(folder)?;
    let began = Instant::now();
    let work = WorkFolder::new(keep)?;
    let lab = Lab::build(&case.record.lab)?;
    let capture_file = work.path.join("input.pcap");
    let outcome = perform(&case.record, &lab, &work.path, &capture_file);
    lab.remove();
    let finished = outcome?;
    let input = capture::store(&capture_file, folder)?;
    println!(
        "{}: {} packets, {} bytes as {}, {:.0} s",
        case.name,
        finished.packets,
        fs::metadata(&input)?.len(),
        input.file_name().unwrap_or_default().display(),
        began.elapsed().as_secs_f32()
    );
    Ok(())
}

/// The part of a recording during which the lab stands.
fn perform(record: &Record, lab: &Lab, work: &Path, file: &Path) -> Result<capture::Counts> {
    let deadline = Instant::now() + Duration::from_secs(record.timeout);
    let mut jobs = servers::start(&record.servers, lab, work)?;
    let (before, during): (Vec<&Run>, Vec<&Run>) =
        record.run.iter().partition(|run| run.before_capture);
    jobs.extend(run_all(&before, lab, work, deadline)?);
    let capture = Capture::start(record, lab, file)?;
    jobs.extend(run_all(&during, lab, work, deadline)?);
    // late answers, and the time that a packet needs from the ring into the file
    sleep(Duration::from_millis(1500));
    let counts = capture.stop()?;
    for job in jobs {
        job.stop();
    }
    Ok(counts)
}

/// Runs commands in order; those in the background are handed back still running.
fn run_all(runs: &[&Run], lab: &Lab, work: &Path, deadline: Instant) -> Result<Vec<Job>> {
    let mut background = Vec::new();
    for run in runs {
        let job = Job::start(&lab.namespace(&run.host)?, &run.host, &run.command, work)?;
        if run.background {
            background.push(job);
            continue;
        }
        let log = job.log.clone();
        match job.wait_until(deadline)? {
            Finished::Success => {}
            Finished::Failure if run.may_fail => {}
            Finished::Failure => {
                let said = fs::read_to_string(&log).unwrap_or_default();
                bail!("`{}` on {} failed:\n{said}", run.command, run.host);
            }
            Finished::TimedOut => bail!("`{}` was still running at the timeout", run.command),
        }
    }
    Ok(background)
}

/// A folder for server files and logs, removed at the end.
struct WorkFolder {
    path: PathBuf,
    keep: bool,
}

impl WorkFolder {
    fn new(keep: bool) -> Result<Self> {
        let path = env::temp_dir().join(format!("tl-{}", this_process::id()));
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(Self { path, keep })
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if self.keep {
            println!("kept {}", self.path.display());
        } else if let Err(error) = fs::remove_dir_all(&self.path) {
            println!("could not remove {}: {error}", self.path.display());
        }
    }
}
