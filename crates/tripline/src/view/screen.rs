//! The terminal as a screen, and back to what it was, whatever happens.

use std::io::{self, BufWriter, IsTerminal as _, Stdout};
use std::os::fd::AsFd as _;
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{execute, style};
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::app::App;
use super::keys::{self, Key};

/// The terminal is a screen now. There is one terminal, so there is one of this.
static IS_UP: AtomicBool = AtomicBool::new(false);

/// Bytes of keys that are read at once.
const KEYS: usize = 1_024;
/// What a terminal that does not tell its size is taken to have.
const USUAL: (u16, u16) = (80, 24);
/// Beyond this nobody has a terminal, and a wrong answer would cost memory.
const LARGEST: u16 = 1_000;

/// Whether the terminal can be a screen: one reads and writes there, nothing else does at the time,
/// and it can more than lines.
pub(super) fn is_possible() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    // To a background process the terminal says no, by stopping it.
    let is_ours =
        nix::unistd::tcgetpgrp(io::stdin()).is_ok_and(|ours| ours == nix::unistd::getpgrp());
    io::stdout().is_terminal() && io::stdin().is_terminal() && is_ours && !is_dumb
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    size: (u16, u16),
}

impl Screen {
    /// Makes the terminal a screen until this is dropped.
    ///
    /// # Errors
    /// The terminal refuses, or is gone.
    pub(super) fn enter(color: bool) -> io::Result<Self> {
        restore_on_panic();
        // What is to be seen is decided already; the library must not ask the environment again.
        style::force_color_output(color);
        enable_raw_mode()?;
        IS_UP.store(true, Ordering::SeqCst);
        let entered = execute!(io::stdout(), EnterAlternateScreen, Hide, Clear(ClearType::All));
        let size = size();
        match entered.and_then(|()| terminal(size)) {
            Ok(terminal) => Ok(Self { terminal, size }),
            Err(error) => {
                leave();
                Err(error)
            }
        }
    }

    /// Draws; `false`: the terminal is no screen any more, because something panicked.
    ///
    /// # Errors
    /// The terminal cannot be written.
    pub(super) fn draw(&mut self, app: &mut App) -> io::Result<bool> {
        if !IS_UP.load(Ordering::SeqCst) {
            return Ok(false);
        }
        let size = size();
        if size != self.size {
            self.size = size;
            self.clear()?;
        }
        self.terminal.draw(|frame| app.draw(frame.buffer_mut()))?;
        Ok(true)
    }

    /// Begins with an empty screen.
    ///
    /// # Errors
    /// The terminal cannot be written.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        execute!(io::stdout(), Clear(ClearType::All))?;
        self.terminal = terminal(self.size)?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Asking the backend for the size would open the terminal a second time, which a confined sensor
/// must not (`watch::confine`); so the area is ours to look after.
fn terminal(
    (width, height): (u16, u16),
) -> io::Result<Terminal<CrosstermBackend<BufWriter<Stdout>>>> {
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    let backend = CrosstermBackend::new(BufWriter::with_capacity(1 << 16, io::stdout()));
    Terminal::with_options(backend, TerminalOptions { viewport })
}

fn size() -> (u16, u16) {
    let seen = terminal_size::terminal_size_of(io::stdout());
    let seen = seen.map(|(width, height)| (width.0.min(LARGEST), height.0.min(LARGEST)));
    seen.filter(|(width, height)| *width > 0 && *height > 0).unwrap_or(USUAL)
}

/// Makes the terminal what it was, once.
fn leave() {
    if IS_UP.swap(false, Ordering::SeqCst) {
        // If the terminal is gone, there is nothing to restore.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// Gives the terminal back its mode without writing to it: it may be one that takes nothing.
pub(super) fn abandon() {
    let _ = disable_raw_mode();
}

/// Whichever thread panics: its message is for a terminal that shows it.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            leave();
            before(info);
        }));
    });
}

/// The keys that were pressed; waits for them no longer than this.
///
/// # Errors
/// The terminal is gone, or cannot be read.
pub(super) fn keys(patience: Duration) -> io::Result<Vec<Key>> {
    let stdin = io::stdin();
    let mut wait = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    let patience = PollTimeout::try_from(patience).unwrap_or(PollTimeout::ZERO);
    match poll(&mut wait, patience) {
        Ok(0) | Err(Errno::EINTR) => return Ok(Vec::new()),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let mut bytes = [0; KEYS];
    match nix::unistd::read(&stdin, &mut bytes) {
        // Readable without anything to read: that is how a terminal that is gone looks.
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(length) => Ok(keys::parse(&bytes[..length])),
        Err(Errno::EINTR | Errno::EAGAIN) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
