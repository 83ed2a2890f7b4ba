//! What an order costs: from the catalogue's prices, never from the client's.

use types::{Currency, Money, MoneyError, ProductId, Quantity, Rounding, UserId};

/// Rates of the shop.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// The currency of every price.
    pub currency: Currency,
    /// Tax in basis points: 1,000 is 10 %.
    pub tax_basis_points: u32,
    /// Whether the catalogue's prices already hold the tax.
    pub tax_included: bool,
    /// How the tax is rounded.
    pub rounding: Rounding,
    /// Flat shipping for an order.
    pub shipping: Money,
    /// The smallest payment that the provider takes.
    pub minimum: Money,
}

/// One line with what the catalogue says of it now.
#[derive(Clone, Debug)]
pub struct PricedLine {
    /// The product.
    pub product_id: ProductId,
    /// Whose it is.
    pub seller_id: UserId,
    /// Its name.
    pub name: String,
    /// Its SKU.
    pub sku: String,
    /// Its picture, if it has one.
    pub image_url: Option<String>,
    /// How many.
    pub quantity: Quantity,
    /// What one costs.
    pub unit_price: Money,
}

impl PricedLine {
    /// What the line costs: exact, since prices and quantities are whole.
    pub fn total(&self) -> Result<Money, MoneyError> {
        self.unit_price.times(self.quantity.get())
    }
}

/// What an order costs. Its parts are its total: subtotal + tax + shipping − discount, whether prices hold the tax or
/// not (ORD-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Sum of the lines, without the tax that is in them.
    pub subtotal: Money,
    /// Tax on what the lines cost after the discount, rounded once.
    pub tax: Money,
    /// Whether the lines' prices hold the tax.
    pub tax_included: bool,
    /// Shipping.
    pub shipping: Money,
    /// What is taken off the lines.
    pub discount: Money,
    /// What is charged.
    pub total: Money,
}

impl Totals {
    /// Adds `lines` up and takes `discount` off, though never more than they cost (MON-5).
    pub fn of(lines: &[PricedLine], rates: &Rates, discount: Money) -> Result<Self, MoneyError> {
        let lines = lines
            .iter()
            .try_fold(Money::zero(rates.currency), |sum, line| sum.plus(line.total()?))?;
        let discount = Money::from_minor(discount.minor().clamp(0, lines.minor()), discount.currency());
        let taxed = lines.minus(discount)?;
        let (tax, subtotal) = if rates.tax_included {
            let tax = taxed.basis_points_inside(rates.tax_basis_points, rates.rounding)?;
            (tax, lines.minus(tax)?)
        } else {
            (taxed.basis_points(rates.tax_basis_points, rates.rounding)?, lines)
        };
        let total = subtotal.plus(tax)?.plus(rates.shipping)?.minus(discount)?;
        Ok(Self {
            subtotal,
            tax,
            tax_included: rates.tax_included,
            shipping: rates.shipping,
            discount,
            total,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn usd(minor: i64) -> Money {
        Money::from_minor(minor, Currency::USD)
    }

    pub(crate) fn rates() -> Rates {
        Rates {
            currency: Currency::USD,
            tax_basis_points: 1_000,
            tax_included: false,
            rounding: Rounding::HalfUp,
            shipping: usd(1_000),
            minimum: usd(50),
        }
    }

    pub(crate) fn line(minor: i64, quantity: i64) -> PricedLine {
        PricedLine {
            product_id: ProductId::new(1).unwrap(),
            seller_id: UserId::new(1).unwrap(),
            name: "Mug".to_owned(),
            sku: "MUG-01".to_owned(),
            image_url: None,
            quantity: Quantity::new(quantity).unwrap(),
            unit_price: usd(minor),
        }
    }

    /// Subtotal, tax, shipping, discount, total.
    fn parts(t: Totals) -> [i64; 5] {
        [t.subtotal, t.tax, t.shipping, t.discount, t.total].map(Money::minor)
    }

    // MON-4: gross = net + tax.
    #[test]
    fn tax_is_on_the_lines_and_shipping_is_flat() {
        let totals = Totals::of(&[line(1_499, 2), line(5, 1)], &rates(), usd(0)).unwrap();
        assert_eq!(parts(totals), [3_003, 300, 1_000, 0, 4_303]);
    }

    // MON-4: net + tax = price.
    #[test]
    fn tax_that_is_in_the_prices_is_taken_out_of_them_and_not_charged_again() {
        let rates = Rates {
            tax_included: true,
            tax_basis_points: 1_900,
            ..rates()
        };
        let totals = Totals::of(&[line(1_499, 2), line(5, 1)], &rates, usd(0)).unwrap();
        assert_eq!(parts(totals), [2_524, 479, 1_000, 0, 4_003]);
        assert_eq!(
            totals.subtotal.plus(totals.tax),
            Ok(usd(3_003)),
            "what the lines cost"
        );
    }

    // MON-3
    #[test]
    fn tax_between_two_cents_goes_by_the_rule_of_the_shop() {
        let of = |rounding| {
            let rates = Rates { rounding, ..rates() };
            Totals::of(&[line(45, 1)], &rates, usd(0)).unwrap().tax.minor()
        };
        assert_eq!((of(Rounding::HalfUp), of(Rounding::HalfEven)), (5, 4));
    }

    // MON-5
    #[test]
    fn a_discount_takes_no_more_than_the_lines_cost_and_adds_nothing() {
        for (discount, expected) in [
            (500, [2_000, 150, 1_000, 500, 2_650]),
            (2_000, [2_000, 0, 1_000, 2_000, 1_000]),
            (9_999, [2_000, 0, 1_000, 2_000, 1_000]),
            (-1, [2_000, 200, 1_000, 0, 3_200]),
        ] {
            let totals = Totals::of(&[line(1_000, 2)], &rates(), usd(discount)).unwrap();
            assert_eq!(parts(totals), expected, "{discount}");
        }
    }

    // MON-5
    #[test]
    fn a_cart_beyond_all_money_is_refused() {
        for (lines, shipping) in [
            (vec![line(i64::MAX / 2, 999)], 0),
            (vec![line(i64::MAX, 1), line(1, 1)], 0),
            (vec![line(i64::MAX, 1)], 0),
            (vec![line(i64::MAX / 2, 1)], i64::MAX),
        ] {
            let rates = Rates {
                shipping: usd(shipping),
                ..rates()
            };
            assert_eq!(Totals::of(&lines, &rates, usd(0)), Err(MoneyError::Overflow));
        }
    }

    proptest! {
        // ORD-4
        #[test]
        fn the_parts_are_the_total(
            lines in prop::collection::vec((0i64..10_000_000, 1i64..=999), 1..30),
            discount in 0i64..20_000_000,
            tax_included: bool,
        ) {
            let lines: Vec<_> = lines.into_iter().map(|(minor, quantity)| line(minor, quantity)).collect();
            let t = Totals::of(&lines, &Rates { tax_included, ..rates() }, usd(discount)).unwrap();
            let [subtotal, tax, shipping, discount, total] = parts(t);
            prop_assert_eq!(subtotal + tax + shipping - discount, total);
            prop_assert!(discount <= subtotal, "as the database holds it");
        }
    }
}
