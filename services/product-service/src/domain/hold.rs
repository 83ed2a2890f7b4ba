//! What an order wants to hold, and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use types::{ProductId, Quantity};

use super::refusal::Refusal;

/// The most lines of one hold.
const MAX_LINES: usize = 1_000;

/// Units by product, in ascending order of the product; lines of one product are added up (STK-4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldLines(BTreeMap<ProductId, i64>);

impl HoldLines {
    /// Checks and adds up `lines`; each has a product and 1 to 999 units of it (STK-5).
    pub fn new(lines: impl IntoIterator<Item = (i64, u32)>) -> Result<Self, Refusal> {
        let mut sums = BTreeMap::new();
        for (position, (product, quantity)) in lines.into_iter().enumerate() {
            let at = |field: &str| format!("/lines/{position}/{field}");
            if position >= MAX_LINES {
                return Err(Refusal::invalid(
                    "/lines",
                    format!("one order holds {MAX_LINES} lines at most"),
                ));
            }
            let product = ProductId::new(product).map_err(|why| Refusal::invalid(at("productId"), why))?;
            let quantity =
                Quantity::new(quantity.into()).map_err(|why| Refusal::invalid(at("quantity"), why))?;
            *sums.entry(product).or_insert(0) += i64::from(quantity.get());
        }
        if sums.is_empty() {
            return Err(Refusal::invalid("/lines", "an order holds one line at least"));
        }
        Ok(Self(sums))
    }

    /// The products, ascending.
    #[must_use]
    pub fn products(&self) -> Vec<i64> {
        self.0.keys().map(|id| id.get()).collect()
    }

    /// How many of each product, in the order of [`HoldLines::products`].
    #[must_use]
    pub fn quantities(&self) -> Vec<i64> {
        self.0.values().copied().collect()
    }

    /// Equal lines have equal hashes, in whichever order they were sent.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        let mut hasher = Sha256::new();
        for (product, quantity) in &self.0 {
            hasher.update(product.get().to_be_bytes());
            hasher.update(quantity.to_be_bytes());
        }
        hasher.finalize().to_vec()
    }
}

/// How long after it was taken a hold can be made to last, at most (STK-7).
pub const EXTENDED: Duration = Duration::from_secs(3_600);

/// How long a hold lasts: between 1 and 120 minutes (STK-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl(Duration);

impl Ttl {
    /// Checks `seconds`.
    pub fn new(seconds: u32) -> Result<Self, Refusal> {
        if (60..=7_200).contains(&seconds) {
            Ok(Self(Duration::from_secs(seconds.into())))
        } else {
            Err(Refusal::invalid(
                "/ttlSeconds",
                "a hold lasts 60 to 7,200 seconds",
            ))
        }
    }

    /// The span.
    #[must_use]
    pub fn get(self) -> Duration {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // STK-4
    #[test]
    fn lines_of_one_product_are_added_up_and_their_order_is_forgotten() {
        let lines = HoldLines::new([(9, 1), (7, 2), (9, 3)]).unwrap();
        assert_eq!((lines.products(), lines.quantities()), (vec![7, 9], vec![2, 4]));
        assert_eq!(
            lines.hash(),
            HoldLines::new([(7, 1), (9, 4), (7, 1)]).unwrap().hash()
        );
        assert_ne!(lines.hash(), HoldLines::new([(7, 4), (9, 2)]).unwrap().hash());
    }

    // STK-5
    #[test]
    fn what_is_no_line_is_refused_with_a_pointer() {
        for (lines, pointer) in [
            (vec![], "/lines"),
            (vec![(7, 0)], "/lines/0/quantity"),
            (vec![(7, 1), (7, 1_000)], "/lines/1/quantity"),
            (vec![(0, 1)], "/lines/0/productId"),
            (vec![(1, 1); MAX_LINES + 1], "/lines"),
        ] {
            match HoldLines::new(lines) {
                Err(Refusal::Invalid { pointer: at, .. }) => assert_eq!(at, pointer),
                other => panic!("{other:?}"),
            }
        }
    }

    // STK-7
    #[test]
    fn a_hold_lasts_one_to_a_hundred_and_twenty_minutes() {
        assert!(Ttl::new(59).is_err() && Ttl::new(7_201).is_err());
        assert!(Ttl::new(60).is_ok() && Ttl::new(7_200).is_ok());
        assert_eq!(Ttl::new(900).unwrap().get(), Duration::from_secs(900));
    }
}
