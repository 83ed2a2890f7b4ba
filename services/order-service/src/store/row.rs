//! How rows become orders.

use time::OffsetDateTime;
use types::{Currency, Money, OrderId, OrderLineId, ProductId, UserId};

use crate::domain::{Address, Line, Order, Share, Totals};
use crate::error::OrderError;

/// A row of `orders`.
#[derive(sqlx::FromRow)]
pub(crate) struct OrderRow {
    pub id: i64,
    pub order_number: String,
    pub user_id: i64,
    pub status: String,
    pub payment_status: String,
    pub dispute_status: String,
    pub fulfillment_status: String,
    pub version: i64,
    pub currency: String,
    pub subtotal_minor: i64,
    pub tax_minor: i64,
    pub tax_included: bool,
    pub shipping_minor: i64,
    pub discount_minor: i64,
    pub total_minor: i64,
    pub shipping_address: String,
    pub shipping_city: Option<String>,
    pub shipping_state: Option<String>,
    pub shipping_zip: Option<String>,
    pub shipping_country: Option<String>,
    pub customer_notes: Option<String>,
    pub tracking_number: Option<String>,
    pub carrier: Option<String>,
    pub payment_intent_id: Option<String>,
    pub cancel_reason: Option<String>,
    pub expires_at: OffsetDateTime,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

/// A row of `order_lines`.
pub(crate) struct LineRow {
    pub id: i64,
    pub order_id: i64,
    pub product_id: i64,
    pub seller_id: i64,
    pub name: String,
    pub sku: String,
    pub image_url: Option<String>,
    pub quantity: i32,
    pub unit_price_minor: i64,
    pub line_total_minor: i64,
    pub fulfillment: String,
}

impl OrderRow {
    /// The order that this row and its lines are. What the database holds was checked when it was written; a
    /// value that cannot be read is a fault.
    pub fn with(self, lines: Vec<LineRow>) -> Result<Order, OrderError> {
        let currency = Currency::parse(&self.currency).map_err(|_| OrderError::Corrupt("currency"))?;
        let money = |minor| Money::from_minor(minor, currency);
        let totals = Totals {
            subtotal: money(self.subtotal_minor),
            tax: money(self.tax_minor),
            tax_included: self.tax_included,
            shipping: money(self.shipping_minor),
            discount: money(self.discount_minor),
            total: money(self.total_minor),
        };
        let costs: Vec<Money> = lines.iter().map(|l| money(l.line_total_minor)).collect();
        let shares = totals
            .shares(&costs)
            .map_err(|_| OrderError::Corrupt("amounts"))?;
        let lines = lines
            .into_iter()
            .zip(shares)
            .map(|(line, share)| line.into_line(currency, share))
            .collect::<Result<_, _>>()?;
        Ok(Order {
            id: OrderId::new(self.id).map_err(|_| OrderError::Corrupt("id"))?,
            number: self.order_number,
            user_id: UserId::new(self.user_id).map_err(|_| OrderError::Corrupt("user"))?,
            status: self.status.parse().map_err(|_| OrderError::Corrupt("status"))?,
            payment_status: self.payment_status,
            dispute_status: self.dispute_status,
            fulfillment_status: self.fulfillment_status,
            version: self.version,
            totals,
            address: Address {
                street: self.shipping_address,
                city: self.shipping_city,
                state: self.shipping_state,
                zip: self.shipping_zip,
                country: self.shipping_country,
            },
            notes: self.customer_notes,
            tracking_number: self.tracking_number,
            carrier: self.carrier,
            payment_intent_id: self.payment_intent_id,
            cancel_reason: self.cancel_reason,
            expires_at: self.expires_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
            lines,
        })
    }
}

impl LineRow {
    fn into_line(self, currency: Currency, share: Share) -> Result<Line, OrderError> {
        let corrupt = |_| OrderError::Corrupt("line");
        Ok(Line {
            id: OrderLineId::new(self.id).map_err(corrupt)?,
            product_id: ProductId::new(self.product_id).map_err(corrupt)?,
            seller_id: UserId::new(self.seller_id).map_err(corrupt)?,
            name: self.name,
            sku: self.sku,
            image_url: self.image_url,
            quantity: u32::try_from(self.quantity).map_err(|_| OrderError::Corrupt("quantity"))?,
            unit_price: Money::from_minor(self.unit_price_minor, currency),
            total: Money::from_minor(self.line_total_minor, currency),
            share,
            fulfillment: self.fulfillment,
        })
    }
}
