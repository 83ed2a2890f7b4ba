//! What an order costs: from the catalogue's prices, never from the client's.

use types::{Currency, Money, MoneyError, ProductId, Quantity, UserId};

/// Rates of the shop.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// The currency of every price.
    pub currency: Currency,
    /// Tax in basis points of the subtotal: 1,000 is 10 %.
    pub tax_basis_points: u32,
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
    /// What the line costs.
    pub fn total(&self) -> Result<Money, MoneyError> {
        self.unit_price.times(self.quantity.get())
    }
}

/// What an order costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Sum of the lines.
    pub subtotal: Money,
    /// Tax on the subtotal, rounded half up, once.
    pub tax: Money,
    /// Shipping.
    pub shipping: Money,
    /// What is charged.
    pub total: Money,
}

impl Totals {
    /// Adds `lines` up.
    pub fn of(lines: &[PricedLine], rates: &Rates) -> Result<Self, MoneyError> {
        let subtotal = lines
            .iter()
            .try_fold(Money::zero(rates.currency), |sum, line| sum.plus(line.total()?))?;
        let tax = subtotal.basis_points(rates.tax_basis_points)?;
        let total = subtotal.plus(tax)?.plus(rates.shipping)?;
        Ok(Self {
            subtotal,
            tax,
            shipping: rates.shipping,
            total,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rates() -> Rates {
        let usd = |minor| Money::from_minor(minor, Currency::USD);
        Rates {
            currency: Currency::USD,
            tax_basis_points: 1_000,
            shipping: usd(1_000),
            minimum: usd(50),
        }
    }

    fn line(minor: i64, quantity: i64) -> PricedLine {
        PricedLine {
            product_id: ProductId::new(1).unwrap(),
            seller_id: UserId::new(1).unwrap(),
            name: "Mug".to_owned(),
            sku: "MUG-01".to_owned(),
            image_url: None,
            quantity: Quantity::new(quantity).unwrap(),
            unit_price: Money::from_minor(minor, Currency::USD),
        }
    }

    #[test]
    fn tax_is_on_the_subtotal_and_shipping_is_flat() {
        let totals = Totals::of(&[line(1_499, 2), line(5, 1)], &rates()).unwrap();
        let minor = [totals.subtotal, totals.tax, totals.shipping, totals.total].map(Money::minor);
        assert_eq!(minor, [3_003, 300, 1_000, 4_303]);
    }

    // MON-5
    #[test]
    fn a_cart_beyond_all_money_is_refused() {
        assert_eq!(
            Totals::of(&[line(i64::MAX / 2, 999)], &rates()),
            Err(MoneyError::Overflow)
        );
    }

    proptest! {
        // ORD-4
        #[test]
        fn the_parts_are_the_total(lines in prop::collection::vec((0i64..10_000_000, 1i64..=999), 1..30)) {
            let lines: Vec<_> = lines.into_iter().map(|(minor, quantity)| line(minor, quantity)).collect();
            let t = Totals::of(&lines, &rates()).unwrap();
            prop_assert_eq!(t.subtotal.minor() + t.tax.minor() + t.shipping.minor(), t.total.minor());
        }
    }
}
