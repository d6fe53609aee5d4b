//! Maintainer tasks, started as `cargo xtask TASK`.
#![expect(
    clippy::print_stdout,
    reason = "a maintainer's command speaks on the terminal"
)]

mod record;

use std::process::ExitCode;

use clap::Parser;

/// Maintainer tasks of the tripline workspace.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Record golden captures with real tools between network namespaces, or look after them.
    Record(record::Args),
}

fn main() -> ExitCode {
    let Task::Record(args) = Task::parse();
    match record::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
