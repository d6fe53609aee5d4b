//! The unit of evidence.

use std::ops::{Add, AddAssign, Sub, SubAssign};

/// A log-likelihood ratio in units of 1/256 nat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Nats(pub(crate) i32);

impl Nats {
    pub(crate) fn from_f64(nats: f64) -> Self {
        Self((nats * 256.0).round() as i32)
    }

    pub(crate) fn to_f64(self) -> f64 {
        f64::from(self.0) / 256.0
    }
}

impl Add for Nats {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Nats {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Nats {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Nats {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}
