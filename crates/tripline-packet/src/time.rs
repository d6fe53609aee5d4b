//! Capture time: nanoseconds since the Unix epoch, always handed in, never read from a clock.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};

pub use std::time::Duration;

/// A point in the capture's time, in nanoseconds since 1970-01-01T00:00:00Z.
///
/// Signed 64 bits reach from the year 1677 to 2262, which covers every 32-bit seconds field of the
/// pcap format (until 2106). Arithmetic saturates: a hostile timestamp cannot overflow anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);
    /// The latest time that can be told.
    pub const MAX: Self = Self(i64::MAX);

    /// A time from nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// A time from seconds and nanoseconds since the epoch, saturating at the limits.
    pub const fn from_parts(seconds: i64, nanos: u32) -> Self {
        Self(seconds.saturating_mul(1_000_000_000).saturating_add(nanos as i64))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Time since `earlier`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = self.0.saturating_sub(earlier.0).max(0);
        Duration::from_nanos(nanos.unsigned_abs())
    }

    /// The calendar date and time of day in UTC: year, month, day, hour, minute, second, nanosecond.
    fn civil(self) -> (i64, u32, u32, u32, u32, u32, u32) {
        let seconds = self.0.div_euclid(1_000_000_000);
        let nanos = self.0.rem_euclid(1_000_000_000);
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Days to date in the proleptic Gregorian calendar: count in 400-year eras of 146 097
        // days that start on 1 March, so that the leap day is the last day of a year.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (
            year,
            month as u32,
            day as u32,
            (of_day / 3_600) as u32,
            (of_day / 60 % 60) as u32,
            (of_day % 60) as u32,
            nanos as u32,
        )
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        let nanos = i64::try_from(rhs.as_nanos()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        let nanos = i64::try_from(rhs.as_nanos()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(nanos))
    }
}

/// RFC 3339 in UTC with nanoseconds, e.g. `2026-11-23T02:06:23.000000001Z`. With a precision
/// (`{:.0}`) that many decimals are written.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second, nanos) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match f.precision().unwrap_or(9).min(9) {
            0 => {}
            digits => write!(f, ".{:0digits$}", nanos / 10u32.pow(9 - digits as u32))?,
        }
        f.write_str("Z")
    }
}

impl FromStr for Timestamp {
    type Err = String;

    /// Reads RFC 3339, with any number of decimals and any zone.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text.trim()).ok_or_else(|| {
            format!(
                "`{text}` is no point in time; write 2026-12-31T00:00:00Z (RFC 3339, with a zone)"
            )
        })
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let (date, of_day) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let zone_at = of_day.find(['Z', 'z', '+', '-'])?;
    let (of_day, zone) = of_day.split_at(zone_at);
    let (of_day, decimals) = of_day.split_once('.').unwrap_or((of_day, "0"));
    let [hour, minute, second] = numbers(of_day, ':')?;
    let offset_minutes = match zone.split_at(1) {
        ("Z" | "z", "") => 0,
        (sign, offset) => {
            let [hours, minutes] = numbers(offset, ':')?;
            (hours * 60 + minutes) * if sign == "-" { -1 } else { 1 }
        }
    };
    let is_date = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    // A leap second is the one before it again, as in the kernel.
    if !is_date || hour > 23 || minute > 59 || second > 60 || offset_minutes.abs() > 24 * 60 {
        return None;
    }
    let minutes = (days_from_civil(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
    let digits = decimals.bytes().all(|digit| digit.is_ascii_digit()) && !decimals.is_empty();
    let nanos = digits.then(|| format!("{decimals:0<9.9}").parse().ok())??;
    Some(Timestamp::from_parts(minutes * 60 + second.min(59), nanos))
}

/// Exactly so many numbers of two to four digits.
fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let number = |part: &str| {
        let is_number = (2..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| part.parse().ok())?
    };
    let numbers: Option<Vec<i64>> = text.split(separator).map(number).collect();
    numbers?.try_into().ok()
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date in the Gregorian calendar. Years are counted from 1 March, so
/// that the leap day is the last of its year.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months_since_march = (month + 9) % 12;
    let day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_of_known_instants() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_400, 1, "2000-02-29T00:00:00.000000001Z"),
            (1_795_399_583, 500_000_000, "2026-11-23T02:06:23.500000000Z"),
            (4_294_967_295, 999_999_999, "2106-02-07T06:28:15.999999999Z"),
            (-1, 0, "1969-12-31T23:59:59.000000000Z"),
        ] {
            assert_eq!(Timestamp::from_parts(seconds, nanos).to_string(), text);
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for nanos in [0, 1, 951_782_400_000_000_001, -1, 1_795_399_583_500_000_000, i64::MAX] {
            let time = Timestamp::from_nanos(nanos);
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        let known = [
            ("2026-11-23T02:06:23.5Z", "2026-11-23T02:06:23.500000000Z"),
            ("2026-11-23 03:06:23+01:00", "2026-11-23T02:06:23.000000000Z"),
            ("2024-02-29T23:59:60-00:30", "2024-03-01T00:29:59.000000000Z"),
            ("2026-11-23t02:06:23.1234567899z", "2026-11-23T02:06:23.123456789Z"),
        ];
        for (text, expected) in known {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), expected);
        }
        for wrong in [
            "",
            "now",
            "2026-11-23",
            "2026-11-23T02:06:23",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T02:06:23.Z",
            "2026-11-23T02:06:23.xZ",
            "2026-11-23T02:06Z",
            "2026-11-23T02:06:23+99:00",
            "é026-11-23T02:06:23Z",
            "2026-11-23T02:06:23Zé",
        ] {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn precision_cuts_decimals() {
        let time = Timestamp::from_parts(0, 123_456_789);
        assert_eq!(format!("{time:.0}"), "1970-01-01T00:00:00Z");
        assert_eq!(format!("{time:.3}"), "1970-01-01T00:00:00.123Z");
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::EPOCH.since(Timestamp::MAX), Duration::ZERO);
        assert_eq!(Timestamp::from_parts(i64::MAX, 0), Timestamp::MAX);
    }
}
