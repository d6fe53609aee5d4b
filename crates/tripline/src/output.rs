//! Where events go.

use std::io::{self, Write};

use tripline_core::event::Event;

use crate::report::Report;

/// Something that takes events.
pub trait Sink {
    /// Takes the next event.
    ///
    /// # Errors
    /// It cannot be written.
    fn event(&mut self, event: Event) -> io::Result<()>;
}

/// Keeps all events.
impl Sink for Vec<Event> {
    fn event(&mut self, event: Event) -> io::Result<()> {
        self.push(event);
        Ok(())
    }
}

/// Keeps what a person is shown.
impl Sink for Report {
    fn event(&mut self, event: Event) -> io::Result<()> {
        self.take(event);
        Ok(())
    }
}

/// Writes one JSON object a line.
#[derive(Debug)]
pub struct JsonLines<W: Write>(pub W);

impl<W: Write> Sink for JsonLines<W> {
    fn event(&mut self, event: Event) -> io::Result<()> {
        // Control characters are escaped by JSON itself.
        serde_json::to_writer(&mut self.0, &event)?;
        self.0.write_all(b"\n")
    }
}
