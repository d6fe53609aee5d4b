//! A bounded memory of recent keys.

use std::collections::VecDeque;
use std::hash::Hash;

use hashbrown::hash_map::Entry;
use tripline_packet::{Duration, Timestamp};

use crate::keyed::{Key, Map};

/// Keys with a value, each remembered for a fixed time; when full, the oldest goes first.
#[derive(Clone, Debug)]
pub(crate) struct Recent<K, V> {
    map: Map<K, (Timestamp, V)>,
    order: VecDeque<(Timestamp, K)>,
    capacity: usize,
    lifetime: Duration,
}

impl<K: Copy + Eq + Hash, V: Copy> Recent<K, V> {
    pub(crate) fn new(key: Key, capacity: usize, lifetime: Duration) -> Self {
        let map = Map::with_capacity_and_hasher(capacity + 1, key.map_state());
        Self { map, order: VecDeque::with_capacity(capacity + 1), capacity, lifetime }
    }

    /// Remembers `key` from `now` on.
    pub(crate) fn insert(&mut self, now: Timestamp, key: K, value: V) {
        self.expire(now);
        match self.map.entry(key) {
            Entry::Occupied(mut known) => {
                let (time, old) = known.get_mut();
                *old = value;
                // Renewing at each packet of a busy pair would fill the queue with its renewals.
                if now.since(*time) < self.lifetime / 4 {
                    return;
                }
                *time = now;
            }
            Entry::Vacant(vacant) => {
                vacant.insert((now, value));
            }
        }
        self.order.push_back((now, key));
        while self.order.len() > self.capacity {
            self.forget_oldest();
        }
    }

    /// The value of `key`, if it is still remembered.
    pub(crate) fn get(&self, now: Timestamp, key: &K) -> Option<V> {
        let (time, value) = self.map.get(key)?;
        (now.since(*time) <= self.lifetime).then_some(*value)
    }

    /// Forgets `key`.
    pub(crate) fn remove(&mut self, key: &K) {
        self.map.remove(key);
    }

    /// What was remembered or renewed after `since`, each with that time and its value, the latest
    /// first.
    pub(crate) fn since(&self, since: Timestamp) -> impl Iterator<Item = (K, Timestamp, V)> {
        let late = self.order.iter().rev().take_while(move |(time, _)| *time > since);
        late.filter_map(|(queued, key)| {
            let (time, value) = self.map.get(key)?;
            (time == queued).then_some((*key, *time, *value))
        })
    }

    fn expire(&mut self, now: Timestamp) {
        while self.order.front().is_some_and(|(time, _)| now.since(*time) > self.lifetime) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((queued, key)) = self.order.pop_front() {
            // A renewed key has a later time in the map and a later place in the queue.
            if let Entry::Occupied(known) = self.map.entry(key)
                && known.get().0 == queued
            {
                known.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_by_age_and_by_number() {
        let at = |seconds| Timestamp::from_parts(seconds, 0);
        let mut recent = Recent::new(Key([1, 2]), 2, Duration::from_secs(10));
        recent.insert(at(0), 'a', 1);
        assert_eq!(recent.get(at(10), &'a'), Some(1));
        assert_eq!(recent.get(at(11), &'a'), None);
        recent.insert(at(1), 'b', 2);
        recent.insert(at(2), 'c', 3);
        assert_eq!(recent.get(at(2), &'a'), None, "the oldest made room");
        assert_eq!(recent.get(at(2), &'b'), Some(2));
    }

    #[test]
    fn renewal_prolongs() {
        let at = |seconds| Timestamp::from_parts(seconds, 0);
        let mut recent = Recent::new(Key([1, 2]), 8, Duration::from_secs(10));
        recent.insert(at(0), 'a', 1);
        recent.insert(at(6), 'a', 2);
        recent.insert(at(12), 'b', 0);
        assert_eq!(recent.get(at(15), &'a'), Some(2));
    }
}
