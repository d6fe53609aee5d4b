//! `tripline replay`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use tripline_core::settings::Settings as Detection;
use tripline_packet::{Prefix, Timestamp};
use tripline_store::Store;

use crate::capture;
use crate::cli::replay::ReplayArgs;
use crate::human;
use crate::progress::Progress;
use crate::replay::compare::Difference;
use crate::replay::recorded::{self, Recording};
use crate::replay::show::{self, Compared};
use crate::replay::{Outcome, Update, decide, hear};
use crate::run::Watch;
use crate::settings::{self, Settings};

use super::{Exit, print, print_page, read, wall_clock};

/// What a capture cannot tell of curtailments.
const PROTECTED: &str = "whom the sensor protects by itself (gateways, name servers, sessions of \
    administrators): the captures do not tell who that was, so curtailments may be among these that \
    would be refused";

pub(super) fn replay(args: &ReplayArgs) -> Result<Exit> {
    let after = settings::read(&args.settings)?;
    let old = args.against.clone().or_else(settings::file_from_environment);
    let before = old.as_deref().map(settings::read).transpose()?.unwrap_or_default();
    let mut unknown = vec![PROTECTED.to_owned()];
    let (input, [was, would_be]) = if args.files.is_empty() {
        let since = args.since.seen_from(wall_clock());
        let recordings = recorded::find(&before.watch.state, since)?;
        let outcomes = of_recordings(&recordings, [&before, &after], since)?;
        unknown.extend(not_recorded(&before.watch.state, since, &outcomes[0])?);
        (recordings.into_iter().flat_map(|recording| recording.captures).collect(), outcomes)
    } else {
        (args.files.clone(), of_captures(&args.files, [&before, &after])?)
    };
    let difference = Difference::new(&was, &would_be);
    let compared = Compared {
        settings: args.settings.display().to_string(),
        against: match &old {
            Some(path) => path.display().to_string(),
            None => "the built-in defaults".to_owned(),
        },
        input: input.iter().map(|path| path.display().to_string()).collect(),
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

/// Judges captures by both settings.
fn of_captures(files: &[PathBuf], settings: [&Settings; 2]) -> Result<[Outcome; 2]> {
    if files.iter().any(|file| file == Path::new("-")) {
        bail!("standard input can be read only once; name a file");
    }
    let [before, after] = settings;
    let mut progress = Progress::new(true);
    let was = heard(files, &before.detection, &mut progress);
    progress.clear();
    // What is damaged has been told the first time.
    let would_be = heard(files, &after.detection, &mut ())?;
    Ok([decide(before, Vec::new(), was?), decide(after, Vec::new(), would_be)])
}

fn heard(files: &[PathBuf], settings: &Detection, watch: &mut dyn Watch) -> Result<Vec<Update>> {
    let mut source = capture::open(files)?;
    let (updates, finished) = hear(&mut source, settings, watch)?;
    if !read::is_readable(finished) {
        bail!("nothing could be read");
    }
    Ok(updates)
}

/// Judges recordings by both settings, each by itself: each has facts of its own. The policy decides
/// about all of them together.
fn of_recordings(
    recordings: &[Recording],
    settings: [&Settings; 2],
    since: Timestamp,
) -> Result<[Outcome; 2]> {
    let mut near: Vec<Prefix> = recordings.iter().flat_map(Recording::near).copied().collect();
    near.sort_unstable();
    near.dedup();
    let outcome = |settings: &Settings| -> Result<Outcome> {
        let mut told = Vec::new();
        for recording in recordings {
            let detection = recording.complete(&settings.detection);
            told.push((recording, heard(&recording.captures, &detection, &mut ())?));
        }
        let mut outcome = decide(settings, near.clone(), recorded::merge(told));
        // A recording may begin before the time that was asked for.
        outcome.incidents.retain(|_, incident| incident.last >= since);
        outcome.curtailments.retain(|step| step.time >= since);
        Ok(outcome)
    };
    Ok([outcome(settings[0])?, outcome(settings[1])?])
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
