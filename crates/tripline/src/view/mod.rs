//! The live view of a running sensor: what happened, who is under suspicion, what is offered, who is
//! held off. It shows the sensor's [`crate::watch::status::Status`], and changes nothing.
//!
//! ```text
//! Sensor ──Status──▶ Board ──▶ view (a thread of its own) ──▶ terminal
//!                                 ▲ keys
//! ```

mod app;
mod draw;
mod rows;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::term::Terminal;
use crate::watch::status::Board;

use app::{App, Next};

/// How long a key is waited for before the picture is drawn anew.
const PERIOD: Duration = Duration::from_millis(250);

/// A view that is shown.
#[derive(Debug)]
pub struct View(JoinHandle<io::Result<()>>);

impl View {
    /// Takes the terminal, and shows the board until somebody quits or `stop` is set; whoever quits
    /// sets it.
    ///
    /// # Errors
    /// There is no room for another thread.
    pub fn start(board: Board, terminal: Terminal, stop: Arc<AtomicBool>) -> io::Result<Self> {
        let thread = std::thread::Builder::new().name("view".to_owned());
        thread
            .spawn(move || {
                let result = show(&board, terminal, &stop);
                stop.store(true, Ordering::Relaxed);
                result
            })
            .map(Self)
    }

    /// Waits until the terminal has been given back.
    ///
    /// # Errors
    /// The terminal cannot be written.
    pub fn end(self) -> io::Result<()> {
        self.0.join().unwrap_or_else(|_| Err(io::Error::other("the view failed")))
    }
}

fn show(board: &Board, options: Terminal, stop: &AtomicBool) -> io::Result<()> {
    // Gives the terminal back when it panics, too.
    let mut terminal = ratatui::try_init()?;
    let mut app = App::new(options);
    let result = turn(&mut terminal, &mut app, board, stop);
    ratatui::try_restore()?;
    result
}

fn turn(
    terminal: &mut ratatui::DefaultTerminal,
    app: &mut App,
    board: &Board,
    stop: &AtomicBool,
) -> io::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        app.take(board.get());
        terminal.draw(|frame| draw::draw(frame, app))?;
        if event::poll(PERIOD)?
            && let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
            && app.key(key) == Next::Quit
        {
            break;
        }
    }
    Ok(())
}
