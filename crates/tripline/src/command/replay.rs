//! `tripline replay`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use tripline_packet::Timestamp;
use tripline_store::Store;

use crate::capture;
use crate::cli::replay::ReplayArgs;
use crate::human;
use crate::progress::Progress;
use crate::replay::compare::Difference;
use crate::replay::recorded::Recorded;
use crate::replay::show::{self, Compared};
use crate::replay::{Outcome, judge};
use crate::settings::{self, Settings};

use super::{Exit, print, print_page, read, wall_clock};

/// What a capture cannot tell of curtailments.
const PROTECTED: &str = "whom the sensor protects by itself (gateways, name servers, sessions of \
    administrators): the captures do not tell who that was, so curtailments may be among these that \
    would be refused";

pub(super) fn replay(args: &ReplayArgs) -> Result<Exit> {
    let mut after = settings::read(&args.settings)?;
    let old = args.against.clone().or_else(settings::file_from_environment);
    let mut before = old.as_deref().map(settings::read).transpose()?.unwrap_or_default();
    let mut unknown = vec![PROTECTED.to_owned()];
    let since = args.since.seen_from(wall_clock());
    let files = if args.files.is_empty() {
        let recorded = Recorded::find(&before.watch.state, since)?;
        recorded.complete(&mut before.detection);
        recorded.complete(&mut after.detection);
        recorded.captures
    } else {
        args.files.clone()
    };
    let mut outcomes = both(&files, [&before, &after])?;
    if args.files.is_empty() {
        for outcome in &mut outcomes {
            forget_before(outcome, since);
        }
        unknown.extend(not_recorded(&before.watch.state, since, &outcomes[0])?);
    }
    let [was, would_be] = &outcomes;
    let difference = Difference::new(was, would_be);
    let compared = Compared {
        settings: args.settings.display().to_string(),
        against: match &old {
            Some(path) => path.display().to_string(),
            None => "the built-in defaults".to_owned(),
        },
        input: files.iter().map(|path| path.display().to_string()).collect(),
        unknown,
    };
    if args.json {
        print(&show::json(&compared, &difference)?)?;
    } else {
        print_page(&show::page(&compared, &difference, args.display.terminal()))?;
    }
    let is_changed = args.exit_code && !difference.is_empty();
    Ok(if is_changed { Exit::Found } else { Exit::Fine })
}

/// Judges the frames by both settings.
fn both(files: &[PathBuf], settings: [&Settings; 2]) -> Result<[Outcome; 2]> {
    if files.iter().any(|file| file == Path::new("-")) {
        bail!("standard input can be read only once; name a file");
    }
    let judged = |settings: &Settings, tells: bool| -> Result<Outcome> {
        let mut source = capture::open(files)?;
        let mut progress = Progress::new(true);
        let judged = if tells {
            judge(&mut source, settings, &mut progress)
        } else {
            // What is damaged has been told the first time.
            judge(&mut source, settings, &mut ())
        };
        progress.clear();
        let (outcome, finished) = judged?;
        if !read::is_readable(finished) {
            bail!("nothing could be read");
        }
        Ok(outcome)
    };
    Ok([judged(settings[0], true)?, judged(settings[1], false)?])
}

/// A capture may begin before the time that was asked for.
fn forget_before(outcome: &mut Outcome, since: Timestamp) {
    outcome.incidents.retain(|_, incident| incident.last >= since);
    outcome.curtailments.retain(|step| step.time >= since);
}

/// What the recordings do not tell.
fn not_recorded(state: &Path, since: Timestamp, was: &Outcome) -> Result<Vec<String>> {
    let mut unknown = vec![
        "incidents of sources that no incident was told of then: nothing of them was recorded"
            .to_owned(),
    ];
    if !state.join(tripline_store::FILE).exists() {
        return Ok(unknown);
    }
    let remembered = Store::open(state)?.incidents(since)?;
    let gone: Vec<&str> = remembered
        .iter()
        .map(|stored| stored.id.as_str())
        .filter(|id| !was.incidents.contains_key(*id))
        .collect();
    if !gone.is_empty() {
        let shown = gone.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        let more = if gone.len() > 5 { ", …" } else { "" };
        unknown.push(format!(
            "what would become of {} that the sensor remembers and the recordings do not give again \
             ({shown}{more}): their frames are gone, or were not recorded",
            human::counted(gone.len() as u64, "incident")
        ));
    }
    Ok(unknown)
}
