//! The live view on a real terminal (that of script(1)): it shows what happens, ends as it is told,
//! leaves the terminal as it was, and keeps the sensor waiting at no time.

use std::fs::{File, OpenOptions};
use std::io::Write as _;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tripline_lab::Job;

use crate::Test;
use crate::rig::{Rig, SECOND, V4, tripline};

pub(crate) fn trials() -> Vec<Test> {
    vec![
        ("the_view_shows_what_happens_and_q_ends_it", quit),
        ("a_signal_ends_the_view_in_order", terminated),
        ("a_terminal_that_hangs_does_not_stop_the_sensor", hangs),
        ("a_terminal_that_goes_away_ends_the_sensor", gone),
        ("without_a_terminal_there_are_lines", plain),
    ]
}

/// A sensor with its view.
struct Watched {
    job: Job,
    keys: File,
    sensor: Pid,
}

/// Says at its end how the sensor ended, and whether the terminal is as it was.
const SHELL: &str = "stty rows 30 cols 110; before=$(stty -g); \
     sh -c 'echo $$ > pid; exec \"$@\"' sh \"$@\"; \
     echo \"ended with $?\"; test \"$(stty -g)\" = \"$before\" && echo terminal restored";

fn start(rig: &Rig, options: &str) -> Result<Watched> {
    rig.write_settings("")?;
    let folder = rig.folder.path();
    let command = format!("set -- {} watch {options} --settings tripline.toml; {SHELL}", tripline());
    std::fs::write(folder.join("start.sh"), command)?;
    let line = format!(
        "cd {} && mkfifo keys && export TERM=xterm && script -qfc 'sh start.sh' /dev/null < keys",
        folder.display()
    );
    let mut job = rig.machine("server").start(&line)?;
    let keys = OpenOptions::new().write(true).open(folder.join("keys"));
    let keys = loop_until(&mut job, keys, || {
        OpenOptions::new().write(true).open(folder.join("keys"))
    })?;
    rig.eventually("the sensor answers", 10 * SECOND, |rig| {
        Ok(rig.tripline("curtailed")?.success)
    })?;
    let sensor = std::fs::read_to_string(folder.join("pid"))?.trim().parse()?;
    Ok(Watched { job, keys, sensor: Pid::from_raw(sensor) })
}

/// The pipe is not there at once.
fn loop_until(
    job: &mut Job,
    first: std::io::Result<File>,
    open: impl Fn() -> std::io::Result<File>,
) -> Result<File> {
    let mut found = first.ok();
    job.wait_for("the pipe for keys", 10 * SECOND, |_| {
        found = found.take().or_else(|| open().ok());
        found.is_some().then_some(())
    })?;
    found.context("no pipe for keys")
}

impl Watched {
    fn press(&mut self, keys: &str) -> Result<()> {
        Ok(self.keys.write_all(keys.as_bytes())?)
    }

    fn shows(&mut self, text: &str) -> Result<()> {
        self.job.wait_for(text, 15 * SECOND, |said| said.contains(text).then_some(()))
    }

    fn is_alive(&self) -> bool {
        kill(self.sensor, None).is_ok()
    }
}

fn sweep(rig: &Rig) -> Result<()> {
    rig.machine("scanner").run(&format!("nmap -n -Pn -sT -p 1-30,80 {}", V4.server))?;
    Ok(())
}

/// The screen was entered and left, and the terminal is as before.
fn ended_well(watched: &mut Watched) -> Result<()> {
    watched.shows("ended with 0")?;
    watched.shows("terminal restored")?;
    let said = watched.job.said();
    let (entered, left) = (said.find("\x1b[?1049h"), said.find("\x1b[?1049l"));
    ensure!(entered.is_some() && left > entered, "no screen, or not left:\n{said}");
    let after = &said[left.unwrap_or_default()..];
    ensure!(after.contains("\x1b[?25h"), "the cursor is hidden:\n{said}");
    Ok(())
}

fn quit() -> Result<()> {
    let rig = Rig::new()?;
    let mut watched = start(&rig, "")?;
    watched.shows("Incidents")?;
    sweep(&rig)?;
    watched.shows("TCP_Port_Scan")?;
    watched.press("\r")?;
    watched.shows("nominally one benign source")?;
    watched.press("\x1b")?;
    watched.press("3")?;
    watched.shows("standing")?;
    watched.press("q")?;
    ended_well(&mut watched)
}

fn terminated() -> Result<()> {
    let rig = Rig::new()?;
    let mut watched = start(&rig, "")?;
    watched.shows("Incidents")?;
    kill(watched.sensor, Signal::SIGTERM)?;
    ended_well(&mut watched)
}

fn hangs() -> Result<()> {
    let rig = Rig::new()?;
    let mut watched = start(&rig, "")?;
    watched.shows("Incidents")?;
    // As a shell does with a terminal that somebody has stopped the output of.
    watched.press("1")?;
    let script = parent(parent(watched.sensor)?)?;
    kill(script, Signal::SIGSTOP)?;
    let tested = (|| {
        for _ in 0..3 {
            sweep(&rig)?;
        }
        rig.eventually("the incident", 10 * SECOND, |rig| {
            Ok(rig.tripline("incidents")?.out.contains("TCP_Port_Scan"))
        })
    })();
    kill(script, Signal::SIGCONT)?;
    tested?;
    watched.shows("TCP_Port_Scan")?;
    watched.press("q")?;
    ended_well(&mut watched)
}

fn gone() -> Result<()> {
    let rig = Rig::new()?;
    let mut watched = start(&rig, "")?;
    watched.shows("Incidents")?;
    let script = parent(parent(watched.sensor)?)?;
    kill(script, Signal::SIGKILL)?;
    // Nobody reads what it would have to say from now on.
    sweep(&rig)?;
    rig.eventually("the sensor ends", 10 * SECOND, |_| Ok(!watched.is_alive()))?;
    Ok(())
}

fn plain() -> Result<()> {
    let rig = Rig::new()?;
    let mut watched = start(&rig, "--plain")?;
    watched.shows("watching")?;
    sweep(&rig)?;
    watched.shows("TCP_Port_Scan")?;
    let said = watched.job.said();
    ensure!(!said.contains("\x1b[?1049h"), "there is a screen:\n{said}");
    watched.press("\x03")?;
    watched.shows("ended with")
}

fn parent(of: Pid) -> Result<Pid> {
    let status = std::fs::read_to_string(format!("/proc/{of}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    Ok(Pid::from_raw(line.context("no parent")?.trim().parse()?))
}
