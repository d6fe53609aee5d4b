//! Numbers and times as people write them.

use tripline_packet::Timestamp;

/// `1234567` as `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 packet`, `2 packets`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = match noun {
        _ if number == 1 => "",
        noun if noun.ends_with('s') || noun.ends_with('x') => "es",
        _ => "s",
    };
    format!("{} {noun}{plural}", count(number))
}

/// Bytes in powers of 1000.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if number < 1000 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = usize::from(value < 9.95);
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// A length of time in seconds, with two units at most.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match seconds {
        s if s <= 0.0 => "0 s".to_owned(),
        s if s < 0.001 => format!("{:.0} µs", (s * 1e6).max(1.0)),
        s if s < 0.9995 => format!("{:.0} ms", s * 1e3),
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 119.5 => format!("{s:.0} s"),
        s if s < 7_170.0 => two(whole, 60, "min", "s"),
        s if s < 172_800.0 => two((whole + 30) / 60, 60, "h", "min"),
        _ => two((whole + 1800) / 3600, 24, "d", "h"),
    }
}

fn two(small_units: u64, per_big: u64, big: &str, small: &str) -> String {
    let (whole, rest) = (small_units / per_big, small_units % per_big);
    match rest {
        0 => format!("{whole} {big}"),
        rest => format!("{whole} {big} {rest} {small}"),
    }
}

/// A rate in the unit that needs no zeros.
pub fn rate(per_second: f64) -> String {
    let in_unit = |value: f64| match value {
        v if v < 9.95 => format!("{v:.1}"),
        v => count(v.round() as u64),
    };
    match per_second {
        r if r >= 1.0 => format!("{}/s", in_unit(r)),
        r if r * 60.0 >= 1.0 => format!("{}/min", in_unit(r * 60.0)),
        r if r * 3_600.0 >= 1.0 => format!("{}/h", in_unit(r * 3_600.0)),
        r => format!("{}/day", in_unit(r * 86_400.0)),
    }
}

/// A score in nats: beyond a hundred nobody needs the decimals.
pub fn score(nats: f64) -> String {
    match nats {
        n if n < 100.0 => format!("{n:.1}"),
        n => count(n.round() as u64),
    }
}

/// A bound on a probability as `1 in 100,000`.
pub fn one_in(probability: f64) -> String {
    format!("1 in {}", count((1.0 / probability).round() as u64))
}

/// Date and time in UTC with so many decimals of a second, without the zone.
pub fn date_time(time: Timestamp, decimals: usize) -> String {
    format!("{time:.decimals$}").replace('T', " ").replace('Z', "")
}

/// Shows times as briefly as a report allows: without the date if all of it is on one day, and
/// with no more decimals than tell its times apart.
#[derive(Clone, Debug)]
pub struct Clock {
    day: Option<String>,
    decimals: usize,
}

impl Clock {
    /// A clock for a report about the time from `first` to `last`.
    pub fn new(first: Timestamp, last: Timestamp) -> Self {
        let span = last.since(first).as_secs_f64();
        let (first, last) = (day(first), day(last));
        Self {
            day: (first == last).then_some(first),
            decimals: match span {
                s if s < 0.1 => 6,
                s if s < 100.0 => 3,
                _ => 0,
            },
        }
    }

    /// The one day of the report, if it is one.
    pub fn day(&self) -> Option<&str> {
        self.day.as_deref()
    }

    /// A time: `02:06:23`, or with its day where the report has several.
    pub fn show(&self, time: Timestamp) -> String {
        let text = self.show_full(time);
        match (&self.day, text.split_once(' ')) {
            (Some(day), Some((of_day, rest))) if of_day == day => rest.to_owned(),
            _ => text,
        }
    }

    /// A span of time: `02:06:23 – 02:06:35`, with a day only where it is another one.
    pub fn span(&self, first: Timestamp, last: Timestamp) -> String {
        self.span_from(self.show(first), first, last)
    }

    /// A span of time with its day, whatever the report's is.
    pub fn full_span(&self, first: Timestamp, last: Timestamp) -> String {
        self.span_from(self.show_full(first), first, last)
    }

    fn span_from(&self, from: String, first: Timestamp, last: Timestamp) -> String {
        let to = self.show_full(last);
        let to = match to.split_once(' ') {
            Some((last_day, of_day)) if day(first) == last_day => of_day.to_owned(),
            _ => to,
        };
        if from.ends_with(&to) {
            return from;
        }
        format!("{from} – {to}")
    }

    /// A time with its day.
    pub fn show_full(&self, time: Timestamp) -> String {
        date_time(time, self.decimals)
    }
}

fn day(time: Timestamp) -> String {
    let text = date_time(time, 0);
    text.split_once(' ').map_or(text.clone(), |(day, _)| day.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(1, "host"), "1 host");
        assert_eq!(counted(1200, "host"), "1,200 hosts");
        assert_eq!(counted(0, "address"), "0 addresses");
    }

    #[test]
    fn sizes() {
        for (number, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (12_345, "12 kB"),
            (999_600, "1.0 MB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn durations() {
        for (seconds, text) in [
            (-1.0, "0 s"),
            (0.0, "0 s"),
            (0.000_012, "12 µs"),
            (0.25, "250 ms"),
            (1.0, "1.0 s"),
            (47.3, "47 s"),
            (125.0, "2 min 5 s"),
            (3600.0, "60 min"),
            (7_200.0, "2 h"),
            (90_000.0, "25 h"),
            (864_000.0, "10 d"),
            (900_000.0, "10 d 10 h"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate(1_234.0), "1,234/s");
        assert_eq!(rate(0.5), "30/min");
        assert_eq!(rate(0.005), "18/h");
        assert_eq!(rate(1.0 / 86_400.0), "1.0/day");
        assert_eq!(one_in(1e-5), "1 in 100,000");
        assert_eq!((score(-3.25), score(1447.9)), ("-3.2".to_owned(), "1,448".to_owned()));
    }

    #[test]
    fn one_day_needs_no_date() {
        let at = |seconds| Timestamp::from_parts(seconds, 0);
        let clock = Clock::new(at(0), at(600));
        assert_eq!(clock.day(), Some("1970-01-01"));
        assert_eq!(clock.show(at(60)), "00:01:00");
        assert_eq!(clock.show(at(86_400)), "1970-01-02 00:00:00");
        let clock = Clock::new(at(0), at(86_400));
        assert_eq!(clock.day(), None);
        assert_eq!(clock.show(at(60)), "1970-01-01 00:01:00");
        assert_eq!(clock.span(at(60), at(61)), "1970-01-01 00:01:00 – 00:01:01");
        assert_eq!(clock.span(at(60), at(60)), "1970-01-01 00:01:00");
        let over_midnight = clock.span(at(60), at(86_460));
        assert_eq!(over_midnight, "1970-01-01 00:01:00 – 1970-01-02 00:01:00");
    }

    #[test]
    fn short_reports_have_fine_times() {
        let at = |millis: u32| Timestamp::from_parts(0, millis * 1_000_000);
        assert_eq!(Clock::new(at(0), at(20)).show(at(7)), "00:00:00.007000");
        assert_eq!(Clock::new(at(0), at(700)).show(at(7)), "00:00:00.007");
    }
}
