//! Running a command that is told of an event.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::time::Instant;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tripline_packet::Duration;

use super::Failure;
use super::worker::Letter;
use crate::term;

/// Where programs are looked for if the environment does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How often it is looked whether the command has ended; output wakes us at once.
const LOOK_MILLIS: u8 = 20;
/// The end of standard error that is kept, in bytes.
const TAIL: usize = 4_096;
/// Characters of its last line that are told.
const TOLD: usize = 200;

/// Runs a command with the event on its standard input, and ends it and all that it has left in its
/// process group: when it is done, when `timeout` is over, or at the moment that `end` names.
///
/// No shell sees the words of the command, and nothing of our environment but PATH.
pub(super) fn run(
    words: &[String],
    letter: &Letter,
    timeout: Duration,
    end: impl Fn() -> Option<Instant>,
) -> Result<(), Failure> {
    let mut running = Running::start(words, letter)
        .map_err(|error| Failure::passing(format!("cannot start the command: {error}")))?;
    let due = Instant::now() + timeout;
    loop {
        let now = Instant::now();
        if now >= due {
            return Err(running.failed(&format!("killed, because it took longer than {timeout:?}")));
        }
        if end().is_some_and(|end| now >= end) {
            return Err(running.failed("killed, because the sensor has ended"));
        }
        match running.step() {
            Ok(None) => {}
            Ok(Some(WaitStatus::Exited(_, 0))) => return Ok(()),
            Ok(Some(WaitStatus::Exited(_, code))) => {
                return Err(running.failed(&format!("exit code {code}")));
            }
            Ok(Some(WaitStatus::Signaled(_, signal, _))) => {
                return Err(running.failed(&format!("ended by {signal}")));
            }
            Ok(Some(_)) => {}
            Err(error) => return Err(running.failed(&format!("lost sight of it: {error}"))),
        }
    }
}

/// A command and our ends of its pipes. One thread serves both pipes, so that no end of them can
/// hold it up: neither a command that does not read nor one that leaves its output to a child.
struct Running {
    child: Child,
    group: Pid,
    /// Until everything is written, or the command does not want to know more.
    input: Option<ChildStdin>,
    left: Vec<u8>,
    errors: Option<ChildStderr>,
    tail: Vec<u8>,
}

impl Running {
    fn start(words: &[String], letter: &Letter) -> io::Result<Self> {
        let [program, arguments @ ..] = words else {
            return Err(ErrorKind::InvalidInput.into());
        };
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or(PATH.into()))
            .env("TRIPLINE_EVENT", letter.kind.name())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let (input, errors) = (child.stdin.take(), child.stderr.take());
        let group = Pid::from_raw(child.id().cast_signed());
        let left = format!("{}\n", letter.text).into_bytes();
        // From here on it is ended, whatever happens.
        let running = Self { child, group, input, left, errors, tail: Vec::new() };
        running.input.as_ref().map(set_nonblocking).transpose()?;
        running.errors.as_ref().map(set_nonblocking).transpose()?;
        Ok(running)
    }

    /// Moves what can be moved, or waits a little for it; says how the command ended, if it has.
    fn step(&mut self) -> io::Result<Option<WaitStatus>> {
        let pipes = [
            self.input.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)),
            self.errors.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)),
        ];
        let mut pipes: Vec<PollFd<'_>> = pipes.into_iter().flatten().collect();
        match poll(&mut pipes, LOOK_MILLIS) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.write();
        self.read();
        // It stays a zombie: as long as it is not reaped, nobody else can get its number.
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(self.group), flags)? {
            WaitStatus::StillAlive => Ok(None),
            status => Ok(Some(status)),
        }
    }

    fn write(&mut self) {
        let Some(input) = &mut self.input else {
            return;
        };
        match input.write(&self.left) {
            Ok(written) => drop(self.left.drain(..written)),
            Err(error) if is_passing(&error) => return,
            // Whoever closes his input has read enough.
            Err(_) => self.left.clear(),
        }
        if self.left.is_empty() {
            self.input = None;
        }
    }

    fn read(&mut self) {
        let Some(errors) = &mut self.errors else {
            return;
        };
        let mut buffer = [0; TAIL];
        match errors.read(&mut buffer) {
            Ok(0) => self.errors = None,
            Ok(length) => {
                self.tail.extend(&buffer[..length]);
                self.tail.drain(..self.tail.len().saturating_sub(TAIL));
            }
            Err(error) if is_passing(&error) => {}
            Err(_) => self.errors = None,
        }
    }

    /// How it failed, with the last line that it wrote to standard error.
    fn failed(&mut self, how: &str) -> Failure {
        // As much as a pipe holds; who writes more after his end is not listened to.
        for _ in 0..64 * 1_024 / TAIL {
            self.read();
        }
        let text = String::from_utf8_lossy(&self.tail);
        let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
        Failure::passing(match last {
            Some(line) => {
                let line: String = line.chars().take(TOLD).collect();
                format!("{how}: {}", term::clean(&line, true))
            }
            None => how.to_owned(),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Errors mean that nobody is left.
        let _ = killpg(self.group, Signal::SIGKILL);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn set_nonblocking(pipe: &impl AsFd) -> io::Result<()> {
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::EventKind;

    const LONG: Duration = Duration::from_secs(20);

    fn shell(script: &str, text: &str, timeout: Duration) -> Result<(), String> {
        let words = ["/bin/sh", "-c", script].map(str::to_owned);
        let letter = Letter { kind: EventKind::Incident, text: text.into() };
        run(&words, &letter, timeout, || None).map_err(|failure| failure.why)
    }

    #[test]
    fn the_event_is_a_line_on_standard_input() {
        let script = r#"read -r line; [ "$line" = '{"a":1}' ] && [ -z "$(cat)" ]"#;
        assert_eq!(shell(script, r#"{"a":1}"#, LONG), Ok(()));
    }

    #[test]
    fn the_environment_is_path_and_kind() {
        // What the shell itself adds is not exported, but for PWD and its like.
        let script = "env | grep -vE '^(PATH=|TRIPLINE_EVENT=incident$|PWD=|SHLVL=|_=)' && exit 1; \
                      [ -n \"$PATH\" ] && [ \"$TRIPLINE_EVENT\" = incident ]";
        assert_eq!(shell(script, "{}", LONG), Ok(()));
    }

    #[test]
    fn words_are_not_interpreted() {
        let words = ["/usr/bin/test", "$(id) ; *", "=", "$(id) ; *"].map(str::to_owned);
        let letter = Letter { kind: EventKind::Probe, text: "{}".into() };
        assert_eq!(run(&words, &letter, LONG, || None), Ok(()));
    }

    #[test]
    fn failure_tells_the_last_line_of_standard_error() {
        let script = "echo first >&2; printf 'the last\\033[31m one\\n\\n' >&2; exit 3";
        let why = shell(script, "{}", LONG).unwrap_err();
        assert!(why.starts_with("exit code 3: the last"), "{why}");
        assert!(!why.contains('\x1b'), "{why}");
        assert_eq!(shell("kill -TERM $$", "{}", LONG).unwrap_err(), "ended by SIGTERM");
    }

    #[test]
    fn much_output_and_much_input_hold_nobody_up() {
        let long = "x".repeat(1 << 20);
        // Reads nothing; then reads all, slowly, and writes a lot.
        assert_eq!(shell("exit 0", &long, LONG), Ok(()));
        let script = "yes | head -c 300000 >&2; n=$(wc -c); [ $n = 1048577 ]";
        assert_eq!(shell(script, &long, LONG), Ok(()));
    }

    #[test]
    fn who_hangs_is_killed_with_his_children() {
        let began = Instant::now();
        let why = shell("sleep 300 & sleep 300", "{}", Duration::from_millis(200)).unwrap_err();
        assert!(why.starts_with("killed, because it took longer than 200ms"), "{why}");
        assert!(began.elapsed() < LONG);
    }

    #[test]
    fn what_is_left_behind_is_ended() {
        let name = format!("tripline-hook-test-{}", std::process::id());
        let file = std::env::temp_dir().join(name);
        let script = format!("sleep 300 & echo $! > {}", file.display());
        assert_eq!(shell(&script, "{}", LONG), Ok(()));
        let pid = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        // Killed, it is a zombie until its new parent looks, or gone; either takes a moment.
        let is_alive = || {
            let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            status.is_ok_and(|status| !status.contains(") Z "))
        };
        let began = Instant::now();
        while is_alive() {
            assert!(began.elapsed() < LONG);
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_program_that_is_missing_is_named_by_the_error() {
        let letter = Letter { kind: EventKind::Probe, text: "{}".into() };
        let failure = run(&["/nowhere/at-all".to_owned()], &letter, LONG, || None).unwrap_err();
        assert!(failure.why.starts_with("cannot start the command: No such file"), "{failure:?}");
    }
}
