//! The live view of a running sensor on a terminal.
//!
//! ```text
//! Sensor ──▶ Board ──▶ App ──▶ Screen
//!                       ▲
//!            terminal ──┴─ keys
//! ```
//!
//! The view has a thread of its own and looks at the sensor's [`Board`] four times a second. The
//! sensor waits for it at no time: a terminal that hangs, or goes away, blinds nobody. When the view
//! breaks down, events come as lines from then on.

mod app;
mod details;
mod draw;
mod keys;
mod list;
mod paint;
mod panes;
mod screen;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use tripline_core::event::Event;

use crate::log::held;
use crate::output::Sink;
use crate::watch::status::Board;

pub use app::{App, Flow, Look};
pub use keys::Key;

use screen::Screen;

/// Between two looks at the board.
const PERIOD: Duration = Duration::from_millis(250);
/// A terminal that takes nothing is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// A view that is up. It ends when it is dropped.
#[derive(Debug)]
pub struct View {
    stop: Arc<AtomicBool>,
    is_up: Arc<AtomicBool>,
    ended: Receiver<()>,
}

/// Whether standard input and output are a terminal that a view can be shown on.
pub fn is_possible() -> bool {
    screen::is_possible()
}

impl View {
    /// Shows what is on a board. `quit` is set when somebody asks for the end. What the program logs
    /// is shown among the notices, and written to standard error when the view has ended.
    ///
    /// # Errors
    /// The terminal cannot be a screen.
    pub fn start(board: Board, look: Look, quit: Arc<AtomicBool>) -> io::Result<Self> {
        let screen = Screen::enter(look.terminal.color)?;
        held::hold();
        let (stop, is_up) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
        let (ending, ended) = channel::<()>();
        let view = Self { stop: stop.clone(), is_up: is_up.clone(), ended };
        let watch = move || {
            // Whatever becomes of it, from here on events are lines, and somebody may wait for that.
            let _end = End { is_up, _ending: ending };
            if let Err(error) = show(screen, App::new(look), &board, &stop, &quit) {
                tracing::warn!("the view has ended, events come as lines: {error}");
            }
        };
        let thread = thread::Builder::new().name("view".to_owned()).spawn(watch);
        thread.inspect_err(|_| held::release())?;
        Ok(view)
    }

    /// Where events go that the view shows by itself; to `plain` when it is up no more.
    pub fn sink(&self, plain: Box<dyn Sink>) -> impl Sink + use<> {
        Quiet { is_up: self.is_up.clone(), plain }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.ended.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            screen::abandon();
        }
    }
}

/// The end of the view's thread, by whatever way.
struct End {
    is_up: Arc<AtomicBool>,
    /// Whoever waits is told by its end.
    _ending: std::sync::mpsc::Sender<()>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.is_up.store(false, Ordering::Relaxed);
        held::release();
    }
}

fn show(
    mut screen: Screen,
    mut app: App,
    board: &Board,
    stop: &AtomicBool,
    quit: &AtomicBool,
) -> io::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        app.update(board.get(), held::held(), Instant::now());
        if !screen.draw(&mut app)? {
            return Ok(());
        }
        for key in screen::keys(PERIOD)? {
            match app.key(key) {
                Flow::On => {}
                Flow::Redraw => screen.clear()?,
                Flow::Quit => {
                    quit.store(true, Ordering::Relaxed);
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Passes events on only while no view is up.
struct Quiet {
    is_up: Arc<AtomicBool>,
    plain: Box<dyn Sink>,
}

impl Sink for Quiet {
    fn event(&mut self, event: Event) -> io::Result<()> {
        if self.is_up.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.plain.event(event)
    }
}
