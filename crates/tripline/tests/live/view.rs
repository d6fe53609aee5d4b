//! The live view on a real terminal: it shows what happens, ends as it is told,
//! leaves the terminal as it was, and keeps the sensor waiting at no time.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tripline::term::Terminal;
use tripline::view::{Look, View};
use tripline::watch::status::Board;
use tripline_lab::{Job, Terminal as Person};

use crate::Test;
use crate::rig::{Rig, SECOND, V4, tripline};

pub(crate) fn trials() -> Vec<Test> {
    vec![
        ("view_shows_what_happens_and_q_ends_it", quit),
        ("view_is_ended_in_order_by_a_signal", terminated),
        ("view_on_a_terminal_that_hangs_does_not_stop_the_sensor", hangs),
        ("view_on_a_terminal_that_hangs_ends_all_the_same", hangs_at_the_end),
        ("view_on_a_terminal_that_goes_away_ends_with_the_sensor", gone),
        ("view_leaves_the_terminal_to_whoever_panics", panics),
        ("view_is_not_shown_to_whoever_wants_lines", plain),
    ]
}

/// A sensor with its view.
struct Watched {
    /// Whoever looks at it, unless he has gone.
    person: Option<Person>,
    job: Job,
    sensor: Pid,
}

/// Says at its end how the sensor ended, and whether the terminal is as it was.
const SHELL: &str = "trap : INT; before=$(stty -g); \
     sh -c 'echo $$ > pid; exec \"$@\"' sh \"$@\"; \
     echo \"ended with $?\"; test \"$(stty -g)\" = \"$before\" && echo terminal restored";

fn start(rig: &Rig, options: &str) -> Result<Watched> {
    rig.write_settings("")?;
    let program = format!("{} watch {options} --settings tripline.toml", tripline());
    let watched = on_terminal(rig, &program)?;
    rig.eventually("the sensor answers", 10 * SECOND, |rig| {
        Ok(rig.tripline("curtailed")?.success)
    })?;
    Ok(watched)
}

fn on_terminal(rig: &Rig, program: &str) -> Result<Watched> {
    let folder = rig.folder.path();
    std::fs::write(folder.join("start.sh"), format!("set -- {program}; {SHELL}"))?;
    let line = format!("cd {} && exec sh start.sh", folder.display());
    let (person, job) = rig.machine("server").start_on_terminal(&line)?;
    let mut sensor = None;
    rig.eventually("a process", 10 * SECOND, |_| {
        let id = std::fs::read_to_string(folder.join("pid")).unwrap_or_default();
        sensor = id.trim().parse().ok();
        Ok(sensor.is_some())
    })?;
    let sensor = Pid::from_raw(sensor.context("no process")?);
    Ok(Watched { person: Some(person), job, sensor })
}

impl Watched {
    fn press(&mut self, keys: &str) -> Result<()> {
        self.person.as_mut().context("nobody is there")?.press(keys)
    }

    /// Nobody reads any more what is written to the terminal, as behind a connection that hangs.
    fn hang(&self) -> Result<()> {
        self.person.as_ref().context("nobody is there")?.hang(true);
        let mut terminal = OpenOptions::new()
            .write(true)
            .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
            .open(format!("/proc/{}/fd/1", self.sensor))?;
        let deadline = Instant::now() + 2 * SECOND;
        // Its buffers are filled in the background.
        while Instant::now() < deadline {
            if terminal.write(&[0; 256]).is_err() {
                std::thread::sleep(SECOND / 50);
            }
        }
        ensure!(terminal.write(&[0]).is_err(), "the terminal still takes something");
        Ok(())
    }

    fn goes_on(&self) {
        if let Some(person) = &self.person {
            person.hang(false);
        }
    }

    /// What is blank already is not drawn, so there is not always a space where one is seen.
    fn shows(&mut self, text: &str) -> Result<()> {
        self.job.wait_for(text, 15 * SECOND, |said| said.contains(text).then_some(()))
    }

    fn is_alive(&self) -> bool {
        // One that has ended may wait for somebody who asks how.
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.sensor));
        status.is_ok_and(|status| !status.contains("\nState:\tZ"))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // The job's own end would be that of the shell around it.
        let _ = kill(self.sensor, Signal::SIGKILL);
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
    watched.shows("nominally")?;
    watched.press("\x1b")?;
    watched.press("3")?;
    watched.shows("[3 Services")?;
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
    watched.hang()?;
    still_watches(&rig)?;
    watched.goes_on();
    watched.shows("TCP_Port_Scan")?;
    watched.press("q")?;
    ended_well(&mut watched)
}

fn hangs_at_the_end() -> Result<()> {
    let rig = Rig::new()?;
    let mut watched = start(&rig, "")?;
    watched.shows("Incidents")?;
    watched.hang()?;
    still_watches(&rig)?;
    kill(watched.sensor, Signal::SIGTERM)?;
    rig.eventually("the sensor ends", 10 * SECOND, |_| Ok(!watched.is_alive()))?;
    watched.goes_on();
    watched.shows("terminal restored")
}

fn still_watches(rig: &Rig) -> Result<()> {
    sweep(rig)?;
    rig.eventually("the incident", 10 * SECOND, |rig| {
        Ok(rig.tripline("incidents")?.out.contains("TCP_Port_Scan"))
    })?;
    Ok(())
}

/// Set for the process that [`panics`] starts.
pub(crate) const PANIC: &str = "TRIPLINE_TEST_PANIC";

/// What that process does: a view is up, and something else panics.
pub(crate) fn panic_beside_a_view() -> Result<()> {
    let terminal = Terminal { color: true, unicode: true, width: 80 };
    let look = Look { terminal, what: String::new(), options: String::new() };
    let _view = View::start(Board::default(), look, Arc::default())?;
    std::thread::sleep(SECOND);
    panic!("as it was to be expected");
}

fn panics() -> Result<()> {
    let rig = Rig::new()?;
    let program = std::env::current_exe()?;
    let mut watched = on_terminal(&rig, &format!("env {PANIC}=1 {}", program.display()))?;
    watched.shows("Incidents")?;
    watched.shows("ended with 101")?;
    watched.shows("terminal restored")?;
    let said = watched.job.said();
    let left = said.find("\x1b[?1049l").context("the screen was not left")?;
    ensure!(said[left..].contains("as it was to be expected"), "nobody sees why:\n{said}");
    Ok(())
}

fn gone() -> Result<()> {
    let rig = Rig::new()?;
    let mut watched = start(&rig, "")?;
    watched.shows("Incidents")?;
    watched.person = None;
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
