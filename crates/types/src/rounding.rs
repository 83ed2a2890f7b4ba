//! The one rule by which what is no whole number of minor units becomes one.

use std::fmt;
use std::str::FromStr;

/// What becomes of a part of a minor unit (MON-3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest; what is exactly between two goes up.
    #[default]
    HalfUp,
    /// To the nearest; what is exactly between two goes to the even one, so that many roundings lean neither way.
    HalfEven,
}

/// Not the name of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is half-up or half-even")]
pub struct BadRounding;

impl Rounding {
    /// `numerator` / `denominator` as a whole number. The denominator is above zero.
    #[must_use]
    pub(crate) const fn divide(self, numerator: i128, denominator: i128) -> i128 {
        let (whole, rest) = (
            numerator.div_euclid(denominator),
            numerator.rem_euclid(denominator),
        );
        let up = match self {
            _ if rest * 2 != denominator => rest * 2 > denominator,
            Self::HalfUp => true,
            Self::HalfEven => whole % 2 != 0,
        };
        whole + up as i128
    }
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HalfUp => "half-up",
            Self::HalfEven => "half-even",
        })
    }
}

impl FromStr for Rounding {
    type Err = BadRounding;

    fn from_str(name: &str) -> Result<Self, BadRounding> {
        match name {
            "half-up" => Ok(Self::HalfUp),
            "half-even" => Ok(Self::HalfEven),
            _ => Err(BadRounding),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // MON-3
    #[test]
    fn the_two_rules_differ_only_exactly_between_two() {
        for (numerator, up, even) in [
            (0, 0, 0),
            (4, 0, 0),
            (5, 1, 0),
            (6, 1, 1),
            (14, 1, 1),
            (15, 2, 2),
            (16, 2, 2),
            (25, 3, 2),
            (-5, 0, 0),
            (-15, -1, -2),
        ] {
            assert_eq!(
                (
                    Rounding::HalfUp.divide(numerator, 10),
                    Rounding::HalfEven.divide(numerator, 10)
                ),
                (up, even),
                "{numerator} / 10"
            );
        }
    }

    // MON-3
    #[test]
    fn a_rule_is_read_by_the_name_that_it_shows() {
        for rule in [Rounding::HalfUp, Rounding::HalfEven] {
            assert_eq!(rule.to_string().parse(), Ok(rule));
        }
        assert_eq!("up".parse::<Rounding>(), Err(BadRounding));
    }
}
