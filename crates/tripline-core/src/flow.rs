//! The flow table: both directions of every conversation that is being followed.
//!
//! Fixed capacity. Each flow waits in one of three queues with a constant timeout each, so the
//! order of arrival is the order of expiry and no timer wheel is needed.

use std::hash::{Hash, Hasher};

use hashbrown::HashTable;
use tripline_packet::{Addr, Duration, Timestamp};

use crate::hand::Hand;
use crate::keyed::Key;
use crate::service::{Outcome, Protocol, Service, Technique};

/// A conversation, the same for both directions: the lower end comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlowKey {
    low: Addr,
    high: Addr,
    ports: u32,
    protocol: Protocol,
}

impl FlowKey {
    /// A place among the flows seen last. Not keyed: whoever makes flows collide here gains that
    /// each is looked up in the index.
    #[inline]
    fn place(&self) -> usize {
        let ends = (self.low.bits() ^ self.high.bits().rotate_left(16)) as u64;
        let mixed = (ends ^ u64::from(self.ports)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> (64 - HOT.ilog2())) as usize
    }
}

impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.low.bits());
        state.write_u128(self.high.bits());
        state.write_u64(u64::from(self.ports) << 8 | self.protocol as u64);
    }
}

impl FlowKey {
    /// The key, and whether `src` is its low end.
    pub(crate) fn new(
        protocol: Protocol,
        (src, src_port): (Addr, u16),
        (dst, dst_port): (Addr, u16),
    ) -> (Self, bool) {
        let src_low = (src, src_port) <= (dst, dst_port);
        let ((low, low_port), (high, high_port)) = if src_low {
            ((src, src_port), (dst, dst_port))
        } else {
            ((dst, dst_port), (src, src_port))
        };
        let ports = u32::from(low_port) << 16 | u32::from(high_port);
        (Self { low, high, ports, protocol }, src_low)
    }
}

/// Where a flow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The originator asked; no answer yet.
    Opening,
    /// The responder answered; the originator has not completed it.
    Answered,
    /// A session.
    Open,
    /// A segment outside any session was seen; what comes next tells what it was.
    Stray,
    /// Only an answer was seen (SYN-ACK): backscatter, or the other direction is not captured.
    AnswerOnly,
    /// Resolved, and kept for a while to recognise what comes late.
    Resolved(Outcome),
    /// Was a session and is over, or was judged to be of no interest.
    Closed,
}

/// Why an attempt should not weigh what its outcome says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Circumstance {
    /// Nothing special.
    #[default]
    Plain,
    /// The data connection that an FTP session announced.
    Expected,
    /// A host that the target talked to a moment ago calls back.
    Acquainted,
    /// Comes from FTP's data port to a high port, unannounced.
    FtpDataLike,
    /// Comes from a service port to a high port: probably a late or one-sided answer.
    AnswerLike,
    /// The source goes on as if it had been answered: the other direction may not be captured.
    OneWay,
    /// A step of a traceroute.
    Traceroute,
    /// The name of the target was looked up before.
    Named,
    /// The input ended before it could be answered.
    CutShort,
}

/// One flow. What a packet within a session needs lies in the first line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Flow {
    key: FlowKey,
    touched: Timestamp,
    pub(crate) state: State,
    /// Is the originator the low end of the key?
    pub(crate) origin_low: bool,
    /// The session carried data from the originator.
    pub(crate) has_data: bool,
    pub(crate) technique: Technique,
    pub(crate) circumstance: Circumstance,
    /// Index of the tool rule that matched the opening, or `NO_MARK`.
    pub(crate) mark: u8,
    /// The opening came in fragments that split its transport header.
    pub(crate) fragmented: bool,
    /// The outcome that was already told; another one is a revision.
    pub(crate) told: Option<Outcome>,
    /// Initial sequence number of the originator (or SCTP tag).
    pub(crate) isn: u32,
    /// Initial sequence number of the responder.
    pub(crate) iss: u32,
    pub(crate) opened: Timestamp,
    /// Of the opening.
    pub(crate) hand: Hand,
    queue: Queue,
    prev: u32,
    next: u32,
}

const _: () = assert!(size_of::<Flow>() == 128);

/// No tool rule matched.
pub(crate) const NO_MARK: u8 = u8::MAX;

impl Flow {
    /// Who asked.
    pub(crate) fn origin(&self) -> Addr {
        if self.origin_low { self.key.low } else { self.key.high }
    }

    /// What was asked for.
    pub(crate) fn service(&self) -> Service {
        let (low_port, high_port) = ((self.key.ports >> 16) as u16, self.key.ports as u16);
        let (host, port) =
            if self.origin_low { (self.key.high, high_port) } else { (self.key.low, low_port) };
        Service { host, protocol: self.key.protocol, port }
    }

    /// The originator's end, as a service.
    pub(crate) fn origin_end(&self) -> Service {
        let (low_port, high_port) = ((self.key.ports >> 16) as u16, self.key.ports as u16);
        let port = if self.origin_low { low_port } else { high_port };
        Service { host: self.origin(), protocol: self.key.protocol, port }
    }
}

/// The three queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Waiting for an answer.
    Opening,
    /// Resolved or closed: waiting for latecomers.
    Settling,
    /// Sessions.
    Open,
}

/// Flows that are found without the index.
const HOT: usize = 1 << 10;

const NIL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Ends {
    head: u32,
    tail: u32,
    timeout: Duration,
}

/// A handle to a flow; valid until the flow is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlowId(u32);

/// See the module documentation.
#[derive(Clone, Debug)]
pub(crate) struct FlowTable {
    state: ahash::RandomState,
    index: HashTable<u32>,
    flows: Vec<Flow>,
    free: Vec<u32>,
    /// Where the flows of the last packets are, by [`FlowKey::place`].
    hot: Box<[u32; HOT]>,
    queues: [Ends; 3],
    capacity: usize,
}

/// How long latecomers are still recognised. TCP retransmits a SYN for about 130 s in common
/// stacks; late answers beyond a minute are rare.
const SETTLING: Duration = Duration::from_secs(130);
/// How long a quiet session is remembered: a little more than the keep-alive default of two hours
/// would need twice the memory for sessions that nobody misses.
const OPEN: Duration = Duration::from_secs(3_900);

impl FlowTable {
    pub(crate) fn new(key: Key, capacity: usize, silence: Duration) -> Self {
        let ends = |timeout| Ends { head: NIL, tail: NIL, timeout };
        Self {
            state: key.map_state(),
            // The whole address range at once: moving the flows each time they outgrow it costs
            // more, and pages that are never used are never there.
            index: HashTable::with_capacity(capacity),
            flows: Vec::with_capacity(capacity),
            free: Vec::new(),
            hot: Box::new([NIL; HOT]),
            queues: [ends(silence), ends(SETTLING), ends(OPEN)],
            capacity,
        }
    }

    /// How long an answer is waited for from now on, by those who wait already, too.
    pub(crate) fn set_silence(&mut self, silence: Duration) {
        self.queues[Queue::Opening as usize].timeout = silence;
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    #[inline]
    pub(crate) fn get(&mut self, key: &FlowKey) -> Option<FlowId> {
        let at = self.hot[key.place()];
        match self.flows.get(at as usize) {
            Some(flow) if flow.key == *key => Some(FlowId(at)),
            _ => self.look_up(key),
        }
    }

    fn look_up(&mut self, key: &FlowKey) -> Option<FlowId> {
        let hash = self.state.hash_one(key);
        let at = *self.index.find(hash, |&at| self.flows[at as usize].key == *key)?;
        self.hot[key.place()] = at;
        Some(FlowId(at))
    }

    pub(crate) fn flow(&self, id: FlowId) -> &Flow {
        &self.flows[id.0 as usize]
    }

    pub(crate) fn flow_mut(&mut self, id: FlowId) -> &mut Flow {
        &mut self.flows[id.0 as usize]
    }

    /// Is there no room for another flow?
    pub(crate) fn is_full(&self) -> bool {
        self.free.is_empty() && self.flows.len() >= self.capacity
    }

    /// The flow that should make room: one that only waits for latecomers, else the oldest
    /// opening, else the quietest session.
    pub(crate) fn victim(&self) -> Option<FlowId> {
        [Queue::Settling, Queue::Opening, Queue::Open]
            .into_iter()
            .map(|queue| self.queues[queue as usize].head)
            .find(|&head| head != NIL)
            .map(FlowId)
    }

    /// Adds a flow; the table must not be full and the key must be new.
    pub(crate) fn insert(
        &mut self,
        key: FlowKey,
        origin_low: bool,
        state: State,
        technique: Technique,
        now: Timestamp,
    ) -> FlowId {
        let queue = queue_of(state);
        let flow = Flow {
            key,
            origin_low,
            state,
            technique,
            circumstance: Circumstance::Plain,
            mark: NO_MARK,
            fragmented: false,
            has_data: false,
            told: None,
            isn: 0,
            iss: 0,
            opened: now,
            hand: Hand::default(),
            touched: now,
            queue,
            prev: NIL,
            next: NIL,
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.flows[at as usize] = flow;
                at
            }
            None => {
                self.flows.push(flow);
                (self.flows.len() - 1) as u32
            }
        };
        let (state, flows) = (&self.state, &self.flows);
        self.index.insert_unique(state.hash_one(key), at, |&other| {
            state.hash_one(flows[other as usize].key)
        });
        self.append(at, queue);
        FlowId(at)
    }

    /// Moves a flow to a new state, and to the end of that state's queue.
    pub(crate) fn set_state(&mut self, id: FlowId, state: State, now: Timestamp) {
        self.unlink(id.0);
        let flow = &mut self.flows[id.0 as usize];
        flow.state = state;
        flow.touched = now;
        flow.queue = queue_of(state);
        self.append(id.0, queue_of(state));
    }

    /// Keeps a session alive. Cheap for busy ones: they are moved once a minute at most.
    pub(crate) fn touch(&mut self, id: FlowId, now: Timestamp) {
        let flow = &self.flows[id.0 as usize];
        if now.since(flow.touched) >= Duration::from_secs(60) {
            let state = flow.state;
            self.set_state(id, state, now);
        }
    }

    pub(crate) fn remove(&mut self, id: FlowId) {
        self.unlink(id.0);
        let hash = self.state.hash_one(self.flows[id.0 as usize].key);
        if let Ok(entry) = self.index.find_entry(hash, |&at| at == id.0) {
            entry.remove();
        }
        let hot = &mut self.hot[self.flows[id.0 as usize].key.place()];
        if *hot == id.0 {
            *hot = NIL;
        }
        self.free.push(id.0);
    }

    /// The first flow whose time is up at `now`, if any.
    pub(crate) fn due(&self, now: Timestamp) -> Option<(FlowId, Queue)> {
        [Queue::Opening, Queue::Settling, Queue::Open].into_iter().find_map(|queue| {
            let ends = &self.queues[queue as usize];
            let head = ends.head;
            let due = head != NIL && now.since(self.flows[head as usize].touched) >= ends.timeout;
            due.then_some((FlowId(head), queue))
        })
    }

    /// When the next opening runs out of time.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let ends = &self.queues[Queue::Opening as usize];
        (ends.head != NIL).then(|| self.flows[ends.head as usize].touched + ends.timeout)
    }

    /// Any flow that still waits for an answer, oldest first.
    pub(crate) fn oldest_opening(&self) -> Option<FlowId> {
        let head = self.queues[Queue::Opening as usize].head;
        (head != NIL).then_some(FlowId(head))
    }

    fn append(&mut self, at: u32, queue: Queue) {
        let tail = self.queues[queue as usize].tail;
        self.flows[at as usize].prev = tail;
        self.flows[at as usize].next = NIL;
        if tail == NIL {
            self.queues[queue as usize].head = at;
        } else {
            self.flows[tail as usize].next = at;
        }
        self.queues[queue as usize].tail = at;
    }

    fn unlink(&mut self, at: u32) {
        let Flow { prev, next, queue, .. } = self.flows[at as usize];
        if prev == NIL {
            self.queues[queue as usize].head = next;
        } else {
            self.flows[prev as usize].next = next;
        }
        if next == NIL {
            self.queues[queue as usize].tail = prev;
        } else {
            self.flows[next as usize].prev = prev;
        }
    }
}

const fn queue_of(state: State) -> Queue {
    match state {
        State::Opening | State::Answered | State::Stray | State::AnswerOnly => Queue::Opening,
        State::Open => Queue::Open,
        State::Resolved(_) | State::Closed => Queue::Settling,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> (FlowKey, bool) {
        let (a, b) = (Addr::from_v4_bits(1), Addr::from_v4_bits(2));
        FlowKey::new(Protocol::Tcp, (a, port), (b, 80))
    }

    #[test]
    fn both_directions_have_one_key() {
        let (a, b) = (Addr::from_v4_bits(9), Addr::from_v4_bits(2));
        let (there, a_low) = FlowKey::new(Protocol::Tcp, (a, 5), (b, 80));
        let (back, b_low) = FlowKey::new(Protocol::Tcp, (b, 80), (a, 5));
        assert_eq!(there, back);
        assert!(!a_low && b_low);
    }

    #[test]
    fn queues_expire_in_order_and_slots_are_used_again() {
        let at = |seconds| Timestamp::from_parts(seconds, 0);
        let mut table = FlowTable::new(Key([1, 2]), 2, Duration::from_secs(5));
        let ids: Vec<_> = (0..2)
            .map(|n| {
                let (key, low) = key(n);
                table.insert(key, low, State::Opening, Technique::Syn, at(i64::from(n)))
            })
            .collect();
        assert!(table.is_full());
        assert_eq!(table.due(at(4)), None);
        assert_eq!(table.due(at(5)), Some((ids[0], Queue::Opening)));
        table.set_state(ids[0], State::Resolved(Outcome::Silent), at(5));
        assert_eq!(table.due(at(6)), Some((ids[1], Queue::Opening)));
        assert_eq!(table.victim(), Some(ids[0]));
        table.remove(ids[0]);
        assert!(!table.is_full() && table.get(&key(0).0).is_none());
        let (third, low) = key(7);
        table.insert(third, low, State::Open, Technique::Syn, at(7));
        let found = table.get(&third).unwrap();
        assert_eq!(table.flow(found).service().port, 80);
        assert_eq!(table.get(&key(1).0), Some(ids[1]));
    }
}
