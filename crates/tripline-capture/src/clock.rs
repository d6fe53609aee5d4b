//! The clock of a pcapng interface: what a tick is, and where it counts from.

use tripline_packet::Timestamp;

use crate::record::half;

const NANOS: i128 = 1_000_000_000;

/// Ticks to time, from `if_tsresol` and `if_tsoffset` (draft-ietf-opsawg-pcapng, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    tick: Tick,
    /// Seconds to add.
    offset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tick {
    /// So many nanoseconds.
    Nanos(u32),
    /// One of so many in a nanosecond.
    PartOfNano(u64),
    /// One of two to this power in a second.
    PowerOfTwo(u32),
    /// So short that 64 bits of them are no nanosecond.
    Nothing,
}

impl Clock {
    /// From the options of an interface description. An option that lies about its length ends the
    /// options; what came before it holds. Without options the ticks are microseconds.
    pub(crate) fn from_options(mut options: &[u8], big_endian: bool) -> Self {
        const END: u16 = 0;
        const RESOLUTION: u16 = 9;
        const OFFSET: u16 = 14;
        let mut clock = Self { tick: Tick::of_resolution(6), offset: 0 };
        while options.len() >= 4 {
            let code = half(options, 0, big_endian);
            let len = usize::from(half(options, 2, big_endian));
            let Some(value) = options.get(4..4 + len) else {
                break;
            };
            match (code, value) {
                (END, _) => break,
                (RESOLUTION, [resolution]) => clock.tick = Tick::of_resolution(*resolution),
                (OFFSET, value) => clock.offset = signed(value, big_endian).unwrap_or(clock.offset),
                _ => {}
            }
            options = options.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
        }
        clock
    }

    /// The time after so many ticks, at the limits of [`Timestamp`] where it is beyond them.
    #[inline]
    pub(crate) fn time(self, ticks: u64) -> Timestamp {
        let ticks = i128::from(ticks);
        let nanos = match self.tick {
            Tick::Nanos(nanos) => ticks * i128::from(nanos),
            Tick::PartOfNano(parts) => ticks / i128::from(parts),
            Tick::PowerOfTwo(power) => (ticks * NANOS) >> power,
            Tick::Nothing => 0,
        };
        let nanos = nanos + i128::from(self.offset) * NANOS;
        Timestamp::from_nanos(nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}

impl Tick {
    /// The top bit chooses between powers of 2 and of 10.
    const fn of_resolution(resolution: u8) -> Self {
        let exponent = (resolution & 0x7f) as u32;
        if resolution & 0x80 != 0 {
            Self::PowerOfTwo(exponent)
        } else if exponent <= 9 {
            Self::Nanos(10u32.pow(9 - exponent))
        } else if exponent <= 9 + 19 {
            Self::PartOfNano(10u64.pow(exponent - 9))
        } else {
            Self::Nothing
        }
    }
}

fn signed(value: &[u8], big_endian: bool) -> Option<i64> {
    let value = <[u8; 8]>::try_from(value).ok()?;
    Some(if big_endian { i64::from_be_bytes(value) } else { i64::from_le_bytes(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(code: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = [code.to_le_bytes(), (value.len() as u16).to_le_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn clock(resolution: u8, offset: i64) -> Clock {
        let options = [option(9, &[resolution]), option(14, &offset.to_le_bytes())].concat();
        Clock::from_options(&options, false)
    }

    #[test]
    fn resolutions_of_both_bases() {
        for (resolution, ticks, nanos) in [
            (0, 7, 7_000_000_000),
            (3, 7, 7_000_000),
            (6, 7, 7_000),
            (9, 7, 7),
            (12, 7_999, 7),
            (28, u64::MAX, 1),
            (29, u64::MAX, 0),
            (127, u64::MAX, 0),
            (0x80, 3, 3_000_000_000),
            (0x80 | 1, 3, 1_500_000_000),
            (0x80 | 32, 1 << 31, 500_000_000),
            (0x80 | 63, u64::MAX, 1_999_999_999),
            (0x80 | 127, u64::MAX, 0),
        ] {
            let time = clock(resolution, 0).time(ticks);
            assert_eq!(time, Timestamp::from_nanos(nanos), "resolution {resolution}");
        }
    }

    #[test]
    fn offsets_shift_and_saturate() {
        assert_eq!(clock(6, 100).time(5), Timestamp::from_nanos(100_000_005_000));
        assert_eq!(clock(6, -1).time(0), Timestamp::from_nanos(-1_000_000_000));
        assert_eq!(clock(0, i64::MAX).time(u64::MAX), Timestamp::MAX);
        assert_eq!(clock(0, i64::MIN).time(0), Timestamp::from_nanos(i64::MIN));
    }

    #[test]
    fn options_that_lie_are_left() {
        let mut options = option(9, &[9]);
        options.extend([14, 0, 0xff, 0xff, 1, 2]);
        assert_eq!(Clock::from_options(&options, false), clock(9, 0));
        // A resolution of two bytes is none; an end mark ends.
        let options = [option(9, &[9, 9]), option(0, &[]), option(9, &[3])].concat();
        assert_eq!(Clock::from_options(&options, false), clock(6, 0));
        for len in 0..4 {
            assert_eq!(Clock::from_options(&[0xff; 4][..len], true), clock(6, 0));
        }
    }

    #[test]
    fn big_endian_options() {
        let mut options = vec![0, 9, 0, 1, 9, 0, 0, 0, 0, 14, 0, 8];
        options.extend(77i64.to_be_bytes());
        assert_eq!(Clock::from_options(&options, true), clock(9, 77));
    }
}
