//! Frames with times, through the decoder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tripline_fuzz::Script;
use tripline_packet::{Body, Decoder, Packet};

/// Tunnels that are opened inside each other, at most: more is an attack on whoever opens them.
const DEEPEST: u8 = 4;

fuzz_target!(|bytes: &[u8]| {
    let mut decoder = Decoder::new();
    let mut again = Decoder::new();
    let mut reused = Packet::EMPTY;
    let (mut nothing, mut wrong) = (0, 0);
    for frame in Script::new(bytes) {
        let read = decoder.decode(&frame);
        match &read {
            Ok(Some(packet)) => {
                assert_eq!((packet.time, packet.wire_len), (frame.time, frame.wire_len));
                check(packet);
            }
            Ok(None) => nothing += 1,
            Err(_) => wrong += 1,
        }
        // What the packet before it left behind must not show.
        let in_place = again.decode_into(&frame, &mut reused);
        assert_eq!(in_place.map(|is_packet| is_packet.then_some(reused)), read);
    }
    // Each frame that was no packet is counted once. Some kinds are counted and read on.
    assert_eq!(decoder.skipped().map(|(_, count)| count).sum::<u64>(), nothing);
    assert!(decoder.malformed().map(|(_, count)| count).sum::<u64>() >= wrong);
    assert!(decoder.malformed().eq(again.malformed()));
});

/// What holds for every packet, whatever the frame was.
fn check(packet: &Packet) {
    assert!(packet.tunnel_depth <= DEEPEST, "{packet:?}");
    if matches!(packet.body, Body::Arp(_)) {
        assert!(packet.src.is_v4(), "{packet:?}");
    }
    assert_eq!(packet.src.is_v4(), packet.dst.is_v4(), "{packet:?}");
}
