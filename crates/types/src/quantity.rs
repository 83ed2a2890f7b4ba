//! How many units of one product a line may hold.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

/// Between 1 and [`Quantity::MAX`]. Holding one is the proof that it was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Quantity(NonZeroU16);

/// A number of units that no line may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quantity is a whole number between 1 and {max}, not {got}", max = Quantity::MAX)]
pub struct BadQuantity {
    got: i64,
}

impl Quantity {
    /// The most units that one line may hold.
    pub const MAX: u16 = 999;

    /// Checks `got`.
    pub fn new(got: i64) -> Result<Self, BadQuantity> {
        u16::try_from(got)
            .ok()
            .filter(|n| *n <= Self::MAX)
            .and_then(NonZeroU16::new)
            .map(Self)
            .ok_or(BadQuantity { got })
    }

    /// The number of units.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get() as u32
    }
}

impl TryFrom<i64> for Quantity {
    type Error = BadQuantity;
    fn try_from(n: i64) -> Result<Self, BadQuantity> {
        Self::new(n)
    }
}

impl From<Quantity> for i64 {
    fn from(q: Quantity) -> i64 {
        i64::from(q.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // STK-5
    #[test]
    fn a_quantity_is_a_whole_number_from_one_to_the_limit() {
        assert_eq!(Quantity::new(1).unwrap().get(), 1);
        assert_eq!(Quantity::new(999).unwrap().get(), 999);
        for bad in [i64::MIN, -1, 0, 1_000, 1_000_000_000] {
            assert!(Quantity::new(bad).is_err(), "{bad}");
        }
        for json in ["1.5", "\"2\"", "null", "1e9", "true"] {
            assert!(serde_json::from_str::<Quantity>(json).is_err(), "{json}");
        }
    }
}
