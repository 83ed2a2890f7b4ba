//! What each line makes of an order's tax, shipping, discount and total.
//!
//! These are never stored: they follow from what is, and are the same whenever they are asked for.

use types::{Money, MoneyError};

use super::pricing::Totals;

/// One line's part of an order. The parts of all lines are the order's own, to the last cent (MON-3): whoever returns
/// the total of each line has returned all that was paid (MON-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Of the tax.
    pub tax: Money,
    /// Of the shipping.
    pub shipping: Money,
    /// Of the discount.
    pub discount: Money,
    /// Of what is charged.
    pub total: Money,
}

impl Totals {
    /// The parts of lines that cost `lines`: by largest remainder, in proportion to what they cost, and tax to what they cost
    /// after the discount.
    pub fn shares(&self, lines: &[Money]) -> Result<Vec<Share>, MoneyError> {
        let weights = |amounts: &[Money]| -> Vec<u64> {
            // No line costs less than nothing.
            amounts
                .iter()
                .map(|a| u64::try_from(a.minor()).unwrap_or(0))
                .collect()
        };
        let costs = weights(lines);
        let discounts = self.discount.split(&costs);
        let taxed = lines
            .iter()
            .zip(&discounts)
            .map(|(line, discount)| line.minus(*discount))
            .collect::<Result<Vec<_>, _>>()?;
        let taxes = self.tax.split(&weights(&taxed));
        let shippings = self.shipping.split(&costs);
        taxed
            .into_iter()
            .zip(taxes)
            .zip(shippings)
            .zip(discounts)
            .map(|(((cost, tax), shipping), discount)| {
                let cost = if self.tax_included { cost } else { cost.plus(tax)? };
                Ok(Share {
                    tax,
                    shipping,
                    discount,
                    total: cost.plus(shipping)?,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use types::{Currency, Quantity, Rounding};

    use super::*;
    use crate::domain::pricing::tests::{line, rates, usd};
    use crate::domain::pricing::{PricedLine, Rates};

    // MON-3, MON-4
    #[test]
    fn a_line_pays_its_part_of_all_that_is_the_orders() {
        let lines = [line(1_000, 1), line(1_000, 1), line(1_000, 1)];
        let totals = Totals::of(&lines, &rates(), usd(100)).unwrap();
        let costs = [usd(1_000); 3];
        let parts = |of: fn(&Share) -> Money| -> Vec<i64> {
            totals
                .shares(&costs)
                .unwrap()
                .iter()
                .map(|s| of(s).minor())
                .collect()
        };
        assert_eq!(parts(|s| s.discount), [34, 33, 33]);
        assert_eq!(parts(|s| s.tax), [96, 97, 97]);
        assert_eq!(parts(|s| s.shipping), [334, 333, 333]);
        assert_eq!(parts(|s| s.total), [1_396, 1_397, 1_397]);
        assert_eq!(totals.total, usd(4_190));
    }

    // MON-3, MON-5
    #[test]
    fn lines_that_cost_nothing_share_what_an_order_costs_nevertheless() {
        let totals = Totals::of(&[line(0, 1), line(0, 2)], &rates(), usd(0)).unwrap();
        let shares = totals.shares(&[usd(0), usd(0)]).unwrap();
        assert_eq!(
            shares.iter().map(|s| s.total.minor()).collect::<Vec<_>>(),
            [1_000, 0]
        );
    }

    /// Numbers that look random and are the same in every run (SplitMix64).
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: u64) -> i64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            i64::try_from((z ^ (z >> 31)) % limit).unwrap()
        }
    }

    /// What does not hold for this cart, if anything.
    fn wrong(lines: &[PricedLine], rates: &Rates, discount: Money) -> Option<&'static str> {
        let totals = Totals::of(lines, rates, discount).unwrap();
        let costs: Vec<Money> = lines.iter().map(|l| l.total().unwrap()).collect();
        let shares = totals.shares(&costs).unwrap();
        let sum = |of: fn(&Share) -> Money| shares.iter().map(|s| of(s).minor()).sum::<i64>();
        let gross: i64 = costs.iter().map(|c| c.minor()).sum();
        let net = totals.subtotal.minor();
        let fits = |(share, cost): (&Share, &Money)| {
            let (tax, off) = (share.tax.minor(), share.discount.minor());
            tax >= 0
                && off >= 0
                && share.shipping.minor() >= 0
                && off + if totals.tax_included { tax } else { 0 } <= cost.minor()
        };
        match () {
            () if sum(|s| s.tax) != totals.tax.minor() => Some("tax"),
            () if sum(|s| s.shipping) != totals.shipping.minor() => Some("shipping"),
            () if sum(|s| s.discount) != totals.discount.minor() => Some("discount"),
            () if sum(|s| s.total) != totals.total.minor() => Some("refunds line by line"),
            () if totals.tax_included && net + totals.tax.minor() != gross => Some("net + tax"),
            () if !totals.tax_included && net != gross => Some("net"),
            () if !shares.iter().zip(&costs).all(fits) => Some("a line beyond its price"),
            () => None,
        }
    }

    // MON-3, MON-4: a million carts of up to six lines; prices from free to 10,000.00.
    #[test]
    fn the_parts_of_a_million_carts_are_their_wholes() {
        let mut dice = Dice(7);
        let mut lines: Vec<PricedLine> = (0..6).map(|_| line(0, 1)).collect();
        for round in 0..1_000_000 {
            let count = usize::try_from(dice.below(6)).unwrap() + 1;
            let scale = [10, 1_000, 1_000_000][usize::try_from(dice.below(3)).unwrap()];
            for line in &mut lines[..count] {
                line.unit_price = usd(dice.below(scale));
                line.quantity = Quantity::new(dice.below(12) + 1).unwrap();
            }
            let rates = Rates {
                currency: Currency::USD,
                tax_basis_points: u32::try_from(dice.below(3_000)).unwrap(),
                tax_included: round % 2 == 0,
                rounding: if round % 3 == 0 {
                    Rounding::HalfEven
                } else {
                    Rounding::HalfUp
                },
                shipping: usd(dice.below(2_000)),
                minimum: usd(50),
            };
            let discount = usd(if round % 5 == 0 { 0 } else { dice.below(scale) });
            if let Some(what) = wrong(&lines[..count], &rates, discount) {
                let cart: Vec<_> = lines[..count]
                    .iter()
                    .map(|l| (l.unit_price, l.quantity))
                    .collect();
                panic!("cart {round}: {what}; {cart:?}, {rates:?}, discount {discount}");
            }
        }
    }
}
