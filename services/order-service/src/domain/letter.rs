//! What customers are told of their orders, in words.

mod page;

use std::fmt;
use std::str::FromStr;

use types::{Currency, Money};

use super::order::Order;
use super::status::Status;
use super::tracking::TrackingLinks;
use page::Words;

/// A mail without its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as a page of HTML that needs nothing from elsewhere.
    pub html: String,
}

/// Something that a customer is told. Its word tells the mails of one order apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The order went to this status.
    Became(Status),
    /// The parcel of an order that had left can be followed by another number, recorded with this version of the order.
    Tracked(i64),
    /// A part of what was paid has gone back.
    PartRefunded {
        /// How much by now, in minor units.
        minor: i64,
        /// Of which currency, where what was paid is not in the order's.
        currency: Option<Currency>,
    },
}

/// No word for a [`News`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no news that customers are told")]
pub struct BadNews;

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Became(status) => f.write_str(status.name()),
            Self::Tracked(version) => write!(f, "tracking-{version}"),
            Self::PartRefunded {
                minor,
                currency: None,
            } => write!(f, "refund-{minor}"),
            Self::PartRefunded {
                minor,
                currency: Some(currency),
            } => write!(f, "refund-{minor}-{}", currency.code()),
        }
    }
}

impl FromStr for News {
    type Err = BadNews;

    fn from_str(word: &str) -> Result<Self, BadNews> {
        let number = |text: &str| text.parse().map_err(|_| BadNews);
        match word.split_once('-') {
            Some(("tracking", version)) => Ok(Self::Tracked(number(version)?)),
            Some(("refund", amount)) => {
                let (minor, currency) = match amount.split_once('-') {
                    Some((minor, code)) => (minor, Some(Currency::parse(code).map_err(|_| BadNews)?)),
                    None => (amount, None),
                };
                let minor = number(minor)?;
                Ok(Self::PartRefunded { minor, currency })
            }
            _ => word.parse().map(Self::Became).map_err(|_| BadNews),
        }
    }
}

impl Letter {
    /// Whether a customer is told that an order went to `to`.
    #[must_use]
    pub const fn is_due(to: Status) -> bool {
        match to {
            Status::Confirmed
            | Status::Paid
            | Status::Shipped
            | Status::Delivered
            | Status::Cancelled
            | Status::Refunded => true,
            Status::Pending | Status::Processing => false,
        }
    }

    /// What is said of `news` about `order`, wherever it is by now.
    #[must_use]
    pub fn about(order: &Order, news: News, links: &TrackingLinks) -> Self {
        let mut words = match news {
            News::Became(to) => became(order, to, links),
            News::Tracked(_) => tracked(order, links),
            News::PartRefunded { minor, currency } => part_refunded(order, minor, currency),
        };
        bill(order, &mut words);
        words.letter()
    }
}

fn became(order: &Order, to: Status, links: &TrackingLinks) -> Words {
    let number = &order.number;
    match to {
        Status::Pending | Status::Confirmed => Words::new(format!("We have your order {number}"))
            .say("Thank you for your order. Everything in it is set aside for you until it is paid."),
        Status::Paid | Status::Processing => {
            Words::new(format!("Your payment for order {number} has arrived"))
                .say("Your payment has arrived, and your order is being prepared.")
        }
        Status::Shipped => parcel(
            Words::new(format!("Order {number} is on its way"))
                .say("Your order has left and is on its way to you."),
            order,
            links,
        ),
        Status::Delivered => Words::new(format!("Order {number} has arrived"))
            .say("Your order was delivered. We hope that all of it is as you like it."),
        Status::Cancelled => {
            let why = match order.cancel_reason.as_deref() {
                Some("expired") => "Your order was not paid in time, so it is cancelled.",
                Some("insufficient-stock" | "stock-lost") => {
                    "There was not enough left of something in your order, so it is cancelled."
                }
                _ => "Your order is cancelled.",
            };
            Words::new(format!("Order {number} is cancelled"))
                .say(why)
                .say("What was paid for it goes back to where it came from.")
        }
        Status::Refunded => Words::new(format!("Your money for order {number} is on its way back"))
            .say(&format!(
                "We have returned {} to where it came from.",
                amount(order.totals.total)
            ))
            .say("Your bank may take a few days to show it."),
    }
}

fn tracked(order: &Order, links: &TrackingLinks) -> Words {
    let words = Words::new(format!("You can follow order {}", order.number))
        .say("There is news of how to follow what is on its way to you.");
    parcel(words, order, links)
}

/// Says nothing of how much was paid: that may be another amount than the order's.
fn part_refunded(order: &Order, minor: i64, currency: Option<Currency>) -> Words {
    let currency = currency.unwrap_or_else(|| order.totals.total.currency());
    let returned = Money::from_minor(minor, currency);
    Words::new(format!(
        "Some of your money for order {} is on its way back",
        order.number
    ))
    .say(&format!(
        "Of what you paid, we have returned {} so far to where it came from.",
        amount(returned)
    ))
    .say("Your bank may take a few days to show it.")
}

/// Who carries the parcel, under which number, and where that can be looked at.
fn parcel(words: Words, order: &Order, links: &TrackingLinks) -> Words {
    let (Some(carrier), Some(number)) = (&order.carrier, &order.tracking_number) else {
        return words;
    };
    let words = words.say(&format!("Follow it with {carrier}: {number}."));
    match links.link(carrier, number) {
        Some(link) => words.link(link),
        None => words,
    }
}

fn bill(order: &Order, words: &mut Words) {
    for line in &order.lines {
        words.row(&format!("{} × {}", line.quantity, line.name), amount(line.total));
    }
    let totals = order.totals;
    if totals.discount.minor() > 0 {
        words.row("Taken off", amount(totals.discount));
    }
    words.row("Shipping", amount(totals.shipping));
    let tax = if totals.tax_included {
        "Tax, in the prices above"
    } else {
        "Tax"
    };
    words.row(tax, amount(totals.tax));
    words.row("Total", amount(totals.total));
    words.close(format!("This is about order {}.", order.number));
}

fn amount(money: Money) -> String {
    format!("{money} {}", money.currency().code())
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
                name: "Mug\nTotal: free\u{2028}\u{202e}</th><script>alert(1)</script>".to_owned(),
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

    fn told(news: News) -> Letter {
        Letter::about(&order(), news, &TrackingLinks::default())
    }

    const PART: News = News::PartRefunded {
        minor: 1_200,
        currency: None,
    };

    const TOLD: [News; 8] = [
        News::Became(Status::Confirmed),
        News::Became(Status::Paid),
        News::Became(Status::Shipped),
        News::Became(Status::Delivered),
        News::Became(Status::Cancelled),
        News::Became(Status::Refunded),
        News::Tracked(4),
        PART,
    ];

    // ORD-13
    #[test]
    fn what_was_taken_off_has_a_line_if_anything_was() {
        assert!(!told(News::Became(Status::Paid)).text.contains("Taken off"));
        let mut order = order();
        order.totals.discount = Money::from_minor(1, Currency::USD);
        let letter = Letter::about(&order, News::Became(Status::Paid), &TrackingLinks::default());
        assert!(letter.text.contains("Taken off"));
        assert!(letter.text.contains("0.01"), "{}", letter.text);
    }

    // ORD-13
    #[test]
    fn all_that_customers_care_about_has_words_of_its_own() {
        let subjects: std::collections::HashSet<String> =
            TOLD.iter().map(|&news| told(news).subject).collect();
        assert_eq!(subjects.len(), TOLD.len());
        assert!(subjects.iter().all(|s| s.contains("SK-7F3K-92QX-M4TD")));
        for news in TOLD {
            assert_eq!(news.to_string().parse(), Ok(news));
            if let News::Became(to) = news {
                assert!(Letter::is_due(to));
            }
        }
        assert!(!Letter::is_due(Status::Processing));
        for word in [
            "",
            "gone",
            "tracking",
            "tracking-",
            "refund-x",
            "refund-1-XXY",
            "refund--USD",
        ] {
            assert_eq!(word.parse::<News>(), Err(BadNews), "{word}");
        }
    }

    // ORD-13
    #[test]
    fn what_others_wrote_begins_no_line() {
        let text = told(News::Became(Status::Shipped)).text;
        let line = "  2 × Mug Total: free  </th><script>alert(1)</script>: 36.00 USD\n";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("\nFollow it with Pošta: 1Z9  Bcc: all@example.com.\n"),
            "{text}"
        );
        assert!(text.contains("  Total: 49.60 USD\n"), "{text}");
        assert!(
            text.ends_with("\nThis is about order SK-7F3K-92QX-M4TD.\n"),
            "{text}"
        );
    }

    // ORD-13
    #[test]
    fn who_loses_an_order_learns_why() {
        let told = |reason: Option<&str>| {
            let mut order = order();
            order.cancel_reason = reason.map(str::to_owned);
            Letter::about(&order, News::Became(Status::Cancelled), &TrackingLinks::default()).text
        };
        let (late, short, plain) = (told(Some("expired")), told(Some("stock-lost")), told(None));
        assert!(late.contains("was not paid in time"), "{late}");
        assert!(short.contains("not enough left"), "{short}");
        assert!(plain.contains("Your order is cancelled."), "{plain}");
        assert_eq!(told(Some("insufficient-stock")), short);
        assert_eq!(told(Some("abandoned")), plain);
    }

    // ORD-13, PAY-14: what was paid may be another amount than the order's, and in another currency.
    #[test]
    fn what_went_back_is_told_in_the_currency_it_was_paid_in() {
        let currency = Some(Currency::parse("EUR").unwrap());
        for (news, word, returned) in [
            (PART, "refund-1200", "12.00 USD"),
            (
                News::PartRefunded {
                    minor: 1_200,
                    currency,
                },
                "refund-1200-EUR",
                "12.00 EUR",
            ),
        ] {
            assert_eq!((news.to_string().as_str(), word.parse()), (word, Ok(news)));
            let text = told(news).text;
            let said = format!("Of what you paid, we have returned {returned} so far");
            assert!(text.contains(&said), "{text}");
        }
    }

    // ORD-13
    #[test]
    fn what_others_wrote_is_no_html() {
        for news in TOLD {
            let html = told(news).html;
            assert!(!html.contains("<script"), "{html}");
            assert!(
                html.contains("Mug Total: free  &lt;/th&gt;&lt;script&gt;"),
                "{html}"
            );
            for elsewhere in ["<img", "src=", "<link", "url(", "@import", "<form"] {
                assert!(!html.contains(elsewhere), "{elsewhere}: {html}");
            }
        }
    }

    // ORD-13
    #[test]
    fn a_parcel_of_a_known_carrier_has_a_link() {
        let mut order = order();
        order.carrier = Some("U.P.S.".to_owned());
        order.tracking_number = Some("1Z 9&x=\"><b>".to_owned());
        let letter = Letter::about(&order, News::Tracked(4), &TrackingLinks::default());
        let link = "https://www.ups.com/track?tracknum=1Z%209%26x%3D%22%3E%3Cb%3E";
        assert!(letter.text.contains(&format!("\n{link}\n")), "{}", letter.text);
        assert!(
            letter.html.contains(&format!("<a href=\"{link}\">")),
            "{}",
            letter.html
        );
        order.carrier = None;
        let letter = Letter::about(&order, News::Tracked(4), &TrackingLinks::default());
        assert!(!letter.html.contains("<a "), "{}", letter.html);
    }
}
