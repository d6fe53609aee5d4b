//! The sensor that runs, end to end: real scanners, real servers and a real nftables, on machines
//! of network namespaces. Needs root or user namespaces, and the programs that
//! [`rig::check_programs`] names.
#![cfg(target_os = "linux")]

mod challenge;
mod curtail;
mod innocent;
mod rig;
mod trouble;
mod view;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> anyhow::Result<()> {
    if std::env::var_os(view::PANIC).is_some() {
        view::panic_beside_a_view()?;
    }
    tripline_lab::enter()?;
    rig::check_programs()?;
    // The name server of the machine, as its C library is told.
    std::fs::write("/run/resolv.conf", format!("nameserver {}\n", rig::RESOLVER))?;
    let mounted = std::process::Command::new("mount")
        .args(["--bind", "/run/resolv.conf", "/etc/resolv.conf"])
        .status()?;
    anyhow::ensure!(mounted.success(), "cannot put another resolv.conf in place");

    let mut arguments = Arguments::from_args();
    // Two cores: what is started beside would be in the way of those who must be quick.
    arguments.test_threads.get_or_insert(1);
    let trials = [
        challenge::trials(),
        curtail::trials(),
        innocent::trials(),
        trouble::trials(),
        view::trials(),
    ]
    .into_trials();
    libtest_mimic::run(&arguments, trials).exit()
}

trait IntoTrials {
    fn into_trials(self) -> Vec<Trial>;
}

impl<const N: usize> IntoTrials for [Vec<Test>; N] {
    fn into_trials(self) -> Vec<Trial> {
        let tests = self.into_iter().flatten();
        tests.map(|(name, test)| Trial::test(name, move || run(test))).collect()
    }
}

/// A test and its name.
type Test = (&'static str, fn() -> anyhow::Result<()>);

fn run(test: fn() -> anyhow::Result<()>) -> Result<(), Failed> {
    test().map_err(|error| Failed::from(format!("{error:#}")))
}
