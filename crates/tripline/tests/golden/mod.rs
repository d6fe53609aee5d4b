//! Loading and running the golden cases.

pub(crate) mod compare;
pub(crate) mod form;
pub(crate) mod table;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, anyhow, bail};
use tripline::output::{JsonLines, Sink as _};
use tripline::{capture, run, settings};
use tripline_core::event::Event;

use crate::schema::Schema;
use form::Form;

/// Names that the input of a case may have.
const INPUTS: [&str; 6] = [
    "input.pcap",
    "input.pcap.zst",
    "input.pcap.gz",
    "input.pcapng",
    "input.pcapng.zst",
    "input.pcapng.gz",
];

/// A folder with a capture and what is expected of it.
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) form: Form,
    input: Vec<PathBuf>,
    ran: OnceLock<Result<Ran, String>>,
}

/// What came out of a case.
pub(crate) struct Ran {
    pub(crate) events: Vec<Event>,
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases")
}

/// All cases, by name.
pub(crate) fn load() -> Result<Vec<Golden>> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder())? {
        let folder = entry?.path();
        let description = folder.join("case.toml");
        if !description.is_file() {
            continue;
        }
        let text = std::fs::read_to_string(&description)?;
        let form = toml::from_str(&text).with_context(|| description.display().to_string())?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let inputs = INPUTS.iter().map(|name| folder.join(name));
        cases.push(Golden {
            name,
            form,
            input: inputs.filter(|path| path.is_file()).collect(),
            ran: OnceLock::new(),
        });
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    if cases.is_empty() {
        bail!("no case in {}", folder().display());
    }
    Ok(cases)
}

impl Golden {
    /// Runs the case, the first time that it is asked for.
    pub(crate) fn ran(&self) -> Result<&Ran, String> {
        let ran = self.ran.get_or_init(|| self.run().map_err(|error| format!("{error:#}")));
        ran.as_ref().map_err(Clone::clone)
    }

    /// Runs the case twice; the events must be the same, byte for byte, and what the schema says.
    fn run(&self) -> Result<Ran> {
        let (events, again) = (self.run_once()?, self.run_once()?);
        let (one, two) = (json_lines(&events)?, json_lines(&again)?);
        if one != two {
            let differing = one.lines().zip(two.lines()).find(|(one, two)| one != two);
            bail!("two runs over the same input differ, first in {differing:#?}");
        }
        keeps_the_contract(&one)?;
        Ok(Ran { events })
    }

    fn run_once(&self) -> Result<Vec<Event>> {
        if self.input.is_empty() {
            bail!("no input; it must have one of the names {INPUTS:?}");
        }
        let settings = toml::to_string(&self.form.settings)?;
        let settings = settings::parse(&settings, "[settings] of case.toml")?.detection;
        let mut source = capture::open(&self.input)?;
        let mut events = Vec::new();
        let finished = run::run(&mut source, settings, &mut events, &mut ())?;
        if finished.frames == 0 {
            bail!("nothing could be read from {:?}", self.input);
        }
        Ok(events)
    }
}

/// Real traffic reaches words and nulls that no hand-made event thinks of.
fn keeps_the_contract(lines: &str) -> Result<()> {
    let schema = Schema::of_events();
    for line in lines.lines() {
        let checked = schema.check(&serde_json::from_str(line)?);
        checked.map_err(|problem| anyhow!("{problem}\nin {line}"))?;
    }
    Ok(())
}

fn json_lines(events: &[Event]) -> Result<String> {
    let mut lines = JsonLines(Vec::new());
    for event in events {
        lines.event(event.clone())?;
    }
    Ok(String::from_utf8(lines.0)?)
}
