//! Frames with times, through decoder and engine to the last event and the page that shows it.
//!
//! The first byte chooses the settings (`tripline_fuzz::setup`), the rest is a script.
#![no_main]

mod contract;
mod page;

use libfuzzer_sys::fuzz_target;
use tripline_core::event::{Event, Summary};
use tripline_core::{Config, Engine};
use tripline_fuzz::{Script, setup};
use tripline_packet::{Decoder, Packet};

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, script)) = bytes.split_first() else {
        return;
    };
    let mut decoder = Decoder::new();
    let packets: Vec<Packet> =
        Script::new(script).filter_map(|frame| decoder.decode(&frame).ok().flatten()).collect();
    let config = setup::config(choice, &packets);
    let told = run(config.clone(), &packets);
    contract::check(&told, &config, packets.len());
    let again = run(config, &packets);
    assert_eq!(contract::lines(&told), contract::lines(&again));
    page::check(told);
});

/// What an engine told, and its totals. The services of the inventory are events, too.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) events: Vec<Event>,
    pub(crate) summary: Summary,
}

fn run(config: Config, packets: &[Packet]) -> Told {
    let mut engine = Engine::new(config);
    let mut events = Vec::new();
    for packet in packets {
        engine.handle(packet);
        events.extend(std::iter::from_fn(|| engine.poll()));
    }
    engine.finish();
    events.extend(std::iter::from_fn(|| engine.poll()));
    events.extend(engine.services().into_iter().map(Event::Service));
    Told { events, summary: engine.summary() }
}
