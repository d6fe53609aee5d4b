//! The command `tripline`; everything is in the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    tripline::command::main(std::env::args_os()).into()
}
