//! What customers are told of their orders, in words.

use std::fmt::Write as _;

use types::Money;

use super::order::Order;
use super::status::Status;

/// A mail without its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

impl Letter {
    /// Whether a customer is told that an order went from `from` to `to`. A checkout that failed is not news: its
    /// request was answered.
    #[must_use]
    pub const fn is_due(from: Status, to: Status) -> bool {
        match to {
            Status::Confirmed | Status::Paid | Status::Shipped | Status::Delivered | Status::Refunded => true,
            Status::Cancelled => !matches!(from, Status::Pending),
            Status::Pending | Status::Processing => false,
        }
    }

    /// What is said of `order` having become `to`, wherever it is by now.
    #[must_use]
    pub fn about(order: &Order, to: Status) -> Self {
        let number = &order.number;
        let (subject, opening) = match to {
            Status::Pending | Status::Confirmed => (
                format!("We have your order {number}"),
                "Thank you for your order. Everything in it is set aside for you until it is paid."
                    .to_owned(),
            ),
            Status::Paid | Status::Processing => (
                format!("Your payment for order {number} has arrived"),
                "Your payment has arrived, and your order is being prepared.".to_owned(),
            ),
            Status::Shipped => (format!("Order {number} is on its way"), parcel(order)),
            Status::Delivered => (
                format!("Order {number} has arrived"),
                "Your order was delivered. We hope that all of it is as you like it.".to_owned(),
            ),
            Status::Cancelled => (format!("Order {number} is cancelled"), farewell(order)),
            Status::Refunded => (
                format!("Your money for order {number} is on its way back"),
                format!(
                    "We have returned {} to where it came from. Your bank may take a few days to show it.",
                    amount(order.totals.total)
                ),
            ),
        };
        let text = format!("{opening}\n\n{}\nThis is about order {number}.\n", bill(order));
        Self { subject, text }
    }
}

fn parcel(order: &Order) -> String {
    let mut text = "Your order has left and is on its way to you.".to_owned();
    if let (Some(carrier), Some(number)) = (&order.carrier, &order.tracking_number) {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            " Follow it with {}: {}.",
            one_line(carrier),
            one_line(number)
        );
    }
    text
}

fn farewell(order: &Order) -> String {
    let why = match order.cancel_reason.as_deref() {
        Some("expired") => "Your order was not paid in time, so it is cancelled.",
        _ => "Your order is cancelled.",
    };
    format!("{why} What was paid for it goes back to where it came from.")
}

fn bill(order: &Order) -> String {
    let mut text = String::new();
    let mut row = |what: String, cost: Money| {
        let _ = writeln!(text, "  {what}: {}", amount(cost));
    };
    for line in &order.lines {
        row(
            format!("{} × {}", line.quantity, one_line(&line.name)),
            line.total,
        );
    }
    let totals = order.totals;
    if totals.discount.minor() > 0 {
        row("Taken off".to_owned(), totals.discount);
    }
    row("Shipping".to_owned(), totals.shipping);
    let tax = if totals.tax_included {
        "Tax, in the prices above"
    } else {
        "Tax"
    };
    row(tax.to_owned(), totals.tax);
    row("Total".to_owned(), totals.total);
    text
}

fn amount(money: Money) -> String {
    format!("{money} {}", money.currency().code())
}

/// What somebody else wrote, without anything that would begin a line of its own.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use types::{Currency, OrderId, OrderLineId, ProductId, UserId};

    use super::*;
    use crate::domain::order::{Address, Line};
    use crate::domain::pricing::Totals;
    use crate::domain::shares::Share;

    fn order() -> Order {
        let usd = |minor| Money::from_minor(minor, Currency::USD);
        let at = time::OffsetDateTime::UNIX_EPOCH;
        Order {
            id: OrderId::new(7).unwrap(),
            number: "SK-7F3K-92QX-M4TD".to_owned(),
            user_id: UserId::new(1).unwrap(),
            status: Status::Delivered,
            payment_status: "succeeded".to_owned(),
            dispute_status: "none".to_owned(),
            fulfillment_status: "fulfilled".to_owned(),
            version: 1,
            totals: Totals {
                subtotal: usd(3_600),
                tax: usd(360),
                tax_included: false,
                shipping: usd(1_000),
                discount: usd(0),
                total: usd(4_960),
            },
            address: Address::default(),
            notes: None,
            tracking_number: Some("1Z9\r\nBcc: all@example.com".to_owned()),
            carrier: Some("Pošta".to_owned()),
            payment_intent_id: None,
            cancel_reason: Some("expired".to_owned()),
            expires_at: at,
            created_at: at,
            updated_at: at,
            lines: vec![Line {
                id: OrderLineId::new(1).unwrap(),
                product_id: ProductId::new(1).unwrap(),
                seller_id: UserId::new(2).unwrap(),
                name: "Mug\nTotal: free".to_owned(),
                sku: "MUG".to_owned(),
                image_url: None,
                quantity: 2,
                unit_price: usd(1_800),
                total: usd(3_600),
                share: Share {
                    tax: usd(360),
                    shipping: usd(1_000),
                    discount: usd(0),
                    total: usd(4_960),
                },
                fulfillment: "delivered".to_owned(),
            }],
        }
    }

    // ORD-13
    #[test]
    fn each_move_that_customers_care_about_has_words_of_its_own() {
        let told = [
            Status::Confirmed,
            Status::Paid,
            Status::Shipped,
            Status::Delivered,
            Status::Cancelled,
            Status::Refunded,
        ];
        let subjects: std::collections::HashSet<String> = told
            .iter()
            .map(|&to| Letter::about(&order(), to).subject)
            .collect();
        assert_eq!(subjects.len(), told.len());
        assert!(subjects.iter().all(|s| s.contains("SK-7F3K-92QX-M4TD")));
        assert!(told.iter().all(|&to| Letter::is_due(Status::Confirmed, to)));
        assert!(
            !Letter::is_due(Status::Pending, Status::Cancelled),
            "its request was answered"
        );
        assert!(!Letter::is_due(Status::Paid, Status::Processing));
    }

    // ORD-13
    #[test]
    fn what_others_wrote_begins_no_line() {
        let text = Letter::about(&order(), Status::Shipped).text;
        assert!(text.contains("  2 × Mug Total: free: 36.00 USD\n"), "{text}");
        assert!(
            text.contains("Follow it with Pošta: 1Z9  Bcc: all@example.com.\n"),
            "{text}"
        );
        assert!(text.contains("  Total: 49.60 USD\n"), "{text}");
        assert!(
            Letter::about(&order(), Status::Cancelled)
                .text
                .contains("not paid in time")
        );
    }
}
