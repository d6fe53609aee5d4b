//! Maintainer tasks, started as `cargo xtask TASK`.
#![expect(clippy::print_stdout, reason = "a maintainer's command speaks on the terminal")]

mod measure;
mod record;
mod schema;

use std::process::ExitCode;

use clap::Parser;

/// Maintainer tasks of the tripline workspace.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Read captures of known content: which give incidents, and what their contacts weigh.
    Measure(measure::Args),
    /// Record golden captures with real tools between network namespaces, or look after them.
    Record(record::Args),
    /// Write the JSON Schema of the events, or check that it is fresh.
    Schema(schema::Args),
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Measure(args) => measure::run(&args),
        Task::Record(args) => record::run(&args),
        Task::Schema(args) => schema::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
