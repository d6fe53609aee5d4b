//! Keyed hashing. Addresses and ports are chosen by attackers; without the key they cannot choose
//! them to collide.

use std::hash::{Hash, Hasher};

use siphasher::sip::SipHasher13;

/// The key of all hashes of one engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key(pub(crate) [u64; 2]);

impl Key {
    /// `SipHash`-1-3 of a value. The same on every machine, so anything whose outcome depends on
    /// the hash (filters, set-associative tables) uses this.
    pub(crate) fn hash(self, value: &impl Hash) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0[0], self.0[1]);
        value.hash(&mut hasher);
        hasher.finish()
    }

    /// Hasher state for exact maps, where only speed depends on the hash.
    pub(crate) fn map_state(self) -> ahash::RandomState {
        let [a, b] = self.0;
        ahash::RandomState::with_seeds(a, b, a.rotate_left(32) ^ b, b.rotate_left(17) ^ a)
    }
}

/// An exact map with keyed hashing.
pub(crate) type Map<K, V> = hashbrown::HashMap<K, V, ahash::RandomState>;
