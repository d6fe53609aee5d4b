//! Frames with times, through decoder and engine to the last event.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|_bytes: &[u8]| {});
