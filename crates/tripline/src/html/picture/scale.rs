//! From values to places on an axis.

use tripline_packet::Timestamp;

use crate::human;
use crate::report::points::Point;

/// A label and where it stands, from 0 (the beginning of the axis) to 1.
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// Distinct values in order. They are spaced by rank, not by value: sweeps of well-known ports
/// would otherwise crowd at one end of an empty picture.
pub(super) struct Ranks {
    values: Vec<Point>,
    /// A number alone would not tell which port it is.
    is_mixed: bool,
}

impl Ranks {
    pub(super) fn new(points: impl Iterator<Item = Point>) -> Self {
        let mut values: Vec<Point> = points.collect();
        values.sort_unstable();
        values.dedup();
        let protocol = |value: &Point| match value {
            Point::Port(protocol, _) => Some(*protocol),
            Point::Host(_) => None,
        };
        let is_mixed = values.windows(2).any(|pair| protocol(&pair[0]) != protocol(&pair[1]));
        Self { values, is_mixed }
    }

    fn label(&self, value: Point) -> String {
        match value {
            Point::Port(protocol, port) if self.is_mixed => format!("{port}/{protocol}"),
            value => value.label(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The middle of the value's own step.
    pub(super) fn place(&self, point: Point) -> f64 {
        let rank = self.values.partition_point(|value| *value < point);
        (rank as f64 + 0.5) / self.values.len() as f64
    }

    /// At most `most` labels, evenly spread; all of them if there is room.
    pub(super) fn ticks(&self, most: usize) -> Vec<Tick> {
        let (count, most) = (self.values.len(), most.max(2));
        let shown = count.min(most);
        let rank = |tick: usize| match shown {
            shown if shown == count => tick,
            shown => tick * (count - 1) / (shown - 1),
        };
        let ranks = (0..shown).map(rank);
        let tick = |rank: usize| {
            let value = self.values[rank];
            Tick { at: self.place(value), label: self.label(value) }
        };
        ranks.map(tick).collect()
    }

    /// Letters of the longest label.
    pub(super) fn widest(&self) -> usize {
        self.values.iter().map(|value| self.label(*value).chars().count()).max().unwrap_or(0)
    }
}

/// Time after the first attempt.
pub(super) struct Times {
    first: Timestamp,
    /// Seconds to the last.
    span: f64,
    /// Below this many seconds the scale is linear, above it logarithmic; `None`: linear throughout.
    knee: Option<f64>,
}

/// Where most happens in less than this share of the time, a linear scale would show a line.
const CROWDED: f64 = 0.05;

impl Times {
    pub(super) fn new(times: impl Iterator<Item = Timestamp>) -> Option<Self> {
        let mut times: Vec<Timestamp> = times.collect();
        times.sort_unstable();
        let (first, last) = (*times.first()?, *times.last()?);
        let after = |time: Timestamp| time.since(first).as_secs_f64();
        let span = after(last);
        let most = after(times[times.len() * 3 / 4]);
        let is_crowded = span > 0.0 && most < span * CROWDED;
        let knee = is_crowded.then(|| (most / 10.0).max(span * 1e-8));
        Some(Self { first, span, knee })
    }

    pub(super) fn is_logarithmic(&self) -> bool {
        self.knee.is_some()
    }

    pub(super) fn first(&self) -> Timestamp {
        self.first
    }

    pub(super) fn place(&self, time: Timestamp) -> f64 {
        self.place_of(time.since(self.first).as_secs_f64())
    }

    fn place_of(&self, seconds: f64) -> f64 {
        if self.span <= 0.0 {
            return 0.5;
        }
        let place = match self.knee {
            Some(knee) => (seconds / knee).ln_1p() / (self.span / knee).ln_1p(),
            None => seconds / self.span,
        };
        place.clamp(0.0, 1.0)
    }

    /// Labels of round times; about `wanted` of them.
    pub(super) fn ticks(&self, wanted: usize) -> Vec<Tick> {
        if self.span <= 0.0 {
            return vec![Tick { at: 0.5, label: "0".to_owned() }];
        }
        let seconds: Vec<f64> = match self.knee {
            Some(knee) => {
                ROUND.into_iter().filter(|step| *step >= knee && *step <= self.span).collect()
            }
            None => {
                let step = round_step(self.span / wanted.max(1) as f64);
                let count = (self.span / step).floor() as usize;
                (1..=count).map(|number| number as f64 * step).collect()
            }
        };
        let mut ticks = vec![Tick { at: 0.0, label: "0".to_owned() }];
        for seconds in seconds {
            let at = self.place_of(seconds);
            // On a logarithmic scale they come closer together; each needs its room.
            let room = 0.9 / wanted.max(1) as f64;
            if ticks.last().is_none_or(|last| at - last.at >= room) {
                ticks.push(Tick { at, label: format!("+{}", whole(seconds)) });
            }
        }
        ticks
    }
}

/// Times that people find round, in seconds.
const ROUND: [f64; 17] = [
    1e-6,
    1e-5,
    1e-4,
    1e-3,
    1e-2,
    1e-1,
    1.0,
    10.0,
    60.0,
    600.0,
    3_600.0,
    6.0 * 3_600.0,
    86_400.0,
    7.0 * 86_400.0,
    30.0 * 86_400.0,
    90.0 * 86_400.0,
    360.0 * 86_400.0,
];

/// The first round step that is no less than `least` seconds.
fn round_step(least: f64) -> f64 {
    const OF_CLOCKS: [f64; 17] = [
        15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0, 10_800.0,
        21_600.0, 43_200.0, 86_400.0, 172_800.0, 432_000.0, 864_000.0,
    ];
    if least > 10.0 {
        let found = OF_CLOCKS.into_iter().find(|step| *step >= least);
        return found.unwrap_or_else(|| (least / 864_000.0).ceil() * 864_000.0);
    }
    let decade = 10f64.powf(least.log10().floor());
    let found = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * decade);
    found.into_iter().find(|step| *step >= least * 0.999).unwrap_or(decade * 10.0)
}

/// A round time without decimals that say nothing.
fn whole(seconds: f64) -> String {
    human::duration(seconds).replace(".0 s", " s")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Timestamp {
        Timestamp::EPOCH + tripline_packet::Duration::from_micros(micros)
    }

    fn labels(times: &[u64]) -> Vec<String> {
        let times = Times::new(times.iter().map(|micros| at(*micros))).unwrap();
        times.ticks(5).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn times_are_linear_where_that_shows_something() {
        assert_eq!(
            labels(&[0, 100, 200, 300, 400]),
            ["0", "+100 µs", "+200 µs", "+300 µs", "+400 µs"]
        );
        assert_eq!(
            labels(&[0, 60_000_000, 120_000_000]),
            ["0", "+30 s", "+60 s", "+90 s", "+2 min"]
        );
        assert_eq!(labels(&[5, 5, 5]), ["0"]);
    }

    #[test]
    fn a_follow_up_long_after_the_sweep_makes_them_logarithmic() {
        // 19 attempts in a millisecond, and one that comes back after an hour.
        let mut times: Vec<u64> = (0..19).map(|index| index * 50).collect();
        times.push(3_600_000_000);
        assert_eq!(labels(&times), ["0", "+10 ms", "+1 s", "+60 s", "+60 min"]);
        let times = Times::new(times.into_iter().map(at)).unwrap();
        assert!(times.is_logarithmic());
        // The sweep has a part of the picture for itself, not a single column.
        assert!(times.place(at(950)) > 0.05);
        assert!((times.place(at(3_600_000_000)) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn ranks_have_room_for_all_and_labels_for_some() {
        let port = |port| Point::Port(tripline_core::Protocol::Tcp, port);
        let few = Ranks::new([80, 22, 80, 443].into_iter().map(port));
        let shown: Vec<_> = few.ticks(9).into_iter().map(|tick| tick.label).collect();
        assert_eq!(shown, ["22", "80", "443"]);
        assert!((few.place(port(80)) - 0.5).abs() < 1e-9);
        let many = Ranks::new((1..=1000).map(port));
        let shown: Vec<_> = many.ticks(3).into_iter().map(|tick| tick.label).collect();
        assert_eq!(shown, ["1", "500", "1000"]);
    }
}
