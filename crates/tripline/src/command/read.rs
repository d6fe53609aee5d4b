//! `tripline read`.

use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::capture;
use crate::cli::ReadArgs;
use crate::output::{JsonLines, Sink};
use crate::progress::Progress;
use crate::report::{Options, Report};
use crate::run::{Finished, run};

use super::{Exit, print_page};

pub(super) fn read(args: &ReadArgs) -> Result<Exit> {
    let settings = args.settings.layers().resolve()?.detection;
    let files = input(&args.files)?;
    let mut source = capture::open(&files)?;
    let mut progress = Progress::new(!args.no_progress);
    let run_into = |sink: &mut dyn Sink| {
        let finished = run(&mut source, settings, sink, &mut progress);
        progress.clear();
        finished
    };
    let finished = if args.json {
        let mut sink = JsonLines(BufWriter::new(io::stdout().lock()));
        let finished = run_into(&mut sink)?;
        sink.0.flush().context("cannot write to standard output")?;
        finished
    } else {
        let options = Options {
            quiet: args.quiet,
            incidents: args.incidents,
            probes: args.probes,
            all_services: args.services,
        };
        let names = files.iter().map(|path| name(path)).collect();
        let mut report = Report::new(names, options);
        let finished = run_into(&mut report)?;
        report.set_files(source.files());
        if is_readable(finished) {
            print_page(&report.page(args.display.terminal()))?;
        }
        finished
    };
    if !is_readable(finished) {
        bail!("nothing could be read");
    }
    let is_found = args.exit_code && finished.alerts > 0;
    Ok(if is_found { Exit::Found } else { Exit::Fine })
}

/// An empty capture is read; one that only gives trouble is not.
pub(super) fn is_readable(finished: Finished) -> bool {
    finished.frames > 0 || finished.troubles == 0
}

/// What to read: what was named, else what is piped in.
pub(super) fn input(files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    if !files.is_empty() {
        return Ok(files.to_vec());
    }
    if io::stdin().is_terminal() {
        bail!("no input: name captures or folders, or pipe a capture in");
    }
    Ok(vec![PathBuf::from("-")])
}

/// A file's name as it is shown.
pub(super) fn name(path: &Path) -> String {
    if path == Path::new("-") {
        return "standard input".to_owned();
    }
    path.display().to_string()
}
