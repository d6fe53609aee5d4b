//! The golden cases: every folder of `tests/cases/` is read as `tripline read` reads it, and what
//! comes out is compared with what `case.toml` says the scanner or client really did. Every event must
//! also be what the schema of the event contract says.
//!
//! Each case is a test of its own. One more compares `tests/cases/RESULTS.md`, the table of how
//! many attempts each verdict took; `TRIPLINE_BLESS=1` writes it anew.

mod golden;
mod schema;

use std::process::ExitCode;
use std::sync::Arc;

use golden::Golden;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let cases = match golden::load() {
        Ok(cases) => Arc::new(cases),
        Err(error) => panic!("cannot load the cases: {error:#}"),
    };
    let mut trials: Vec<Trial> = (0..cases.len())
        .map(|index| {
            let cases = Arc::clone(&cases);
            Trial::test(cases[index].name.clone(), move || check(&cases[index]))
        })
        .collect();
    trials.push(Trial::test("results_table", move || {
        golden::table::check(&cases).map_err(Failed::from)
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn check(case: &Golden) -> Result<(), Failed> {
    let ran = case.ran().map_err(Failed::from)?;
    let problems = golden::compare::problems(&case.form.expect, &ran.events);
    if problems.is_empty() {
        return Ok(());
    }
    Err(golden::compare::explain(&problems, &case.form.expect, &ran.events).into())
}
