//! What a running sensor says about itself, on standard error.
//!
//! For a person with the time and a word for how grave it is; for the journal with the priority that
//! it understands (sd-daemon(3)), and without a time, which the journal has of its own.

pub mod held;

use std::fmt;
use std::os::linux::fs::MetadataExt as _;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::term;
use crate::watch::clock::Clock;

/// Starts logging of this level and graver ones. Once; later calls change nothing.
pub fn start(level: Level) {
    let form = if is_journal() { Form::Journal } else { Form::Person };
    // Somebody who uses this as a library may have a subscriber already.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .event_format(form)
        .try_init();
}

/// Whether standard error is the journal (systemd.exec(5), `$JOURNAL_STREAM`).
fn is_journal() -> bool {
    let named = std::env::var("JOURNAL_STREAM").ok();
    let ours = std::fs::metadata("/dev/stderr")
        .map(|found| format!("{}:{}", found.st_dev(), found.st_ino()));
    matches!((named, ours), (Some(named), Ok(ours)) if named == ours)
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Person,
    Journal,
}

impl<S, N> FormatEvent<S, N> for Form
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        context.field_format().format_fields(Writer::new(&mut text), event)?;
        // Names and messages may come from outside.
        let text = term::clean(&text, true);
        let level = event.metadata().level();
        match self {
            Self::Journal => writeln!(writer, "<{}>{text}", priority(level)),
            Self::Person => {
                let said = held::Said { time: Clock::start().now(), level: *level, text };
                match held::keep(said) {
                    // What is written is empty then.
                    None => Ok(()),
                    Some(said) => writeln!(writer, "{said}"),
                }
            }
        }
    }
}

/// As syslog(3) counts.
fn priority(level: &Level) -> u8 {
    match *level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}
