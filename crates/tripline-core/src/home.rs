//! Which networks are ours, when nobody said so.

use tripline_packet::{Packet, Prefix};

/// Guesses the home networks from the first packets of a capture.
#[derive(Clone, Debug, Default)]
pub struct HomeInference {
    _private: (),
}

/// The guess, with its reason in words.
#[derive(Clone, Debug, PartialEq)]
pub struct InferredHome {
    /// The networks.
    pub home: Vec<Prefix>,
    /// Why these.
    pub reason: String,
}

impl HomeInference {
    /// Packets that the driver should show (and keep, to hand them to the engine afterwards).
    pub const SAMPLE: usize = 50_000;

    /// Looks at one packet.
    pub fn observe(&mut self, packet: &Packet) {
        let _ = packet;
    }

    /// The guess after what was seen.
    pub fn infer(&self) -> InferredHome {
        InferredHome {
            home: Vec::new(),
            reason: String::new(),
        }
    }
}
