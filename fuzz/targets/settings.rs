//! Text, as a settings file.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use tripline_core::settings::{Declared, Settings};
use tripline_packet::Duration;

const NAME: &str = "any.toml";

fuzz_target!(|text: &str| {
    match tripline::settings::parse(text, NAME) {
        Ok(settings) => {
            check(&settings.detection);
            let again = tripline::settings::parse(text, NAME);
            assert_eq!(again.expect("it was read a moment ago"), settings);
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.starts_with(NAME) && message.len() > NAME.len() + 2, "{message}");
        }
    }
});

/// Whatever was accepted is what the detector may rely on.
fn check(settings: &Settings) {
    assert!(settings.alpha > 0.0 && settings.alpha < 1.0);
    for span in [settings.silence, settings.quiet, settings.stale_after] {
        assert!(span > Duration::ZERO);
    }
    let limits = settings.limits;
    for size in [
        limits.flows,
        limits.sources,
        limits.trails,
        limits.services,
        limits.probes,
        limits.incidents,
    ] {
        assert!((1..=1 << 31).contains(&size));
    }
    for scanner in &settings.scanners {
        shown_as_read(&scanner.source);
        scanner.targets.iter().for_each(shown_as_read);
        scanner.ports.iter().for_each(shown_as_read);
    }
    for Declared { hosts, ports, .. } in settings.services.iter().chain(&settings.reserved) {
        shown_as_read(hosts);
        assert!(ports.iter().all(|range| range.first <= range.last));
        ports.iter().for_each(shown_as_read);
    }
    for networks in [&settings.home, &settings.dark, &settings.friends] {
        networks.iter().for_each(shown_as_read);
    }
}

/// A value is shown in a form that reads as the same value: messages tell people what to write.
fn shown_as_read<T: Display + FromStr<Err: Debug> + PartialEq + Debug>(value: &T) {
    assert_eq!(&value.to_string().parse::<T>().expect("it was read a moment ago"), value);
}
