//! What three services say of one order: its stock and its money must be those of its status.

use std::collections::HashMap;

use order_service::operator::OrderStands;
use payment_service::operator::OrderMoney;
use pg::audit::Tally;
use product_service::operator::OrderStock;
use runtime::StartError;
use time::OffsetDateTime;

use super::Books;

/// Orders that are in memory at a time.
const CHUNK: i64 = 5_000;

/// What came of comparing.
#[derive(Clone, Debug, Default)]
pub(super) struct Across {
    /// Orders, and those with other stock than their status says.
    pub(super) stock: Tally,
    /// Orders, and those with other money than their status says.
    pub(super) money: Tally,
    /// Paid orders, and those that say something else of their payment than the payment does.
    pub(super) told: Tally,
    /// Holds and payments, and those of an order that nobody placed.
    pub(super) orphans: Tally,
    /// Orders whose money went back and came again: a person must send it anew.
    pub(super) came_back: Vec<i64>,
    /// Orders that are in motion.
    pub(super) left_out: i64,
}

/// Compares all orders, in chunks.
pub(super) async fn check(books: &Books, settled_before: OffsetDateTime) -> Result<Across, StartError> {
    let (mut across, mut after) = (Across::default(), 0);
    loop {
        // Orders first: what changes while the others are read is younger, and left out there.
        let orders = order_service::operator::orders(&books.order, after, settled_before, CHUNK).await?;
        let is_full = i64::try_from(orders.len()).is_ok_and(|count| count == CHUNK);
        let upto = match orders.last() {
            Some(last) if is_full => last.id,
            _ => i64::MAX,
        };
        let (stock, money) = futures::try_join!(
            super::told(product_service::operator::stock_of_orders(
                &books.product,
                after,
                upto,
                settled_before
            )),
            super::told(payment_service::operator::money_of_orders(
                &books.payment,
                after,
                upto,
                settled_before
            )),
        )?;
        let stock = stock.into_iter().map(|s| (s.order_id, s)).collect();
        let money = money.into_iter().map(|m| (m.order_id, m)).collect();
        compare(&mut across, &orders, stock, money);
        if !is_full {
            return Ok(across);
        }
        after = upto;
    }
}

fn compare(
    across: &mut Across,
    orders: &[OrderStands],
    mut stocks: HashMap<i64, OrderStock>,
    mut moneys: HashMap<i64, OrderMoney>,
) {
    for order in orders {
        let (stock, money) = (stocks.remove(&order.id), moneys.remove(&order.id));
        let settled = order.settled
            && stock.as_ref().is_none_or(|s| s.settled)
            && money.as_ref().is_none_or(|m| m.settled);
        if !settled {
            across.left_out += 1;
            continue;
        }
        across.orphans.checked += i64::from(stock.is_some()) + i64::from(money.is_some());
        across.stock.note(wrong_stock(order, stock.as_ref()));
        across.money.note(wrong_money(order, money.as_ref()));
        if came_back(order, money.as_ref()) {
            across.came_back.push(order.id);
        }
        if let Some(money) = money.filter(has_money) {
            let differs = order.payment_status != money.status;
            across.told.note(differs.then(|| {
                format!(
                    "order {} says that its payment is {}, which is {}",
                    order.id, order.payment_status, money.status
                )
            }));
        }
    }
    // A tombstone and an intent of an order that was rolled back hold nothing and cost nobody anything.
    for stock in stocks.into_values().filter(|s| s.settled) {
        let held = matches!(stock.state.as_str(), "held" | "committed");
        across.orphans.note(held.then(|| {
            format!(
                "stock is {} for order {}, which nobody placed",
                stock.state, stock.order_id
            )
        }));
    }
    for money in moneys.into_values().filter(|m| m.settled) {
        let kept = money.captured_minor != money.refunded_minor + money.refund_pending_minor;
        across.orphans.note(kept.then(|| {
            format!(
                "{} was paid for order {}, which nobody placed",
                money.captured_minor, money.order_id
            )
        }));
    }
}

fn has_money(money: &OrderMoney) -> bool {
    matches!(
        money.status.as_str(),
        "succeeded" | "mismatch" | "partially_refunded" | "refunded"
    )
}

fn wrong_stock(order: &OrderStands, stock: Option<&OrderStock>) -> Option<String> {
    let state = stock.map_or("none", |s| s.state.as_str());
    let restocked = stock.is_some_and(|s| s.restocked);
    let fits = match order.status.as_str() {
        "confirmed" => state == "held",
        "paid" | "processing" | "shipped" | "delivered" | "refunded" => state == "committed",
        "cancelled" => restocked || matches!(state, "released" | "expired" | "tombstone" | "none"),
        // Nobody works on it, else it were left out.
        _ => false,
    };
    let restocked = if restocked { " and back on the shelf" } else { "" };
    (!fits).then(|| {
        format!(
            "order {} is {}, and its stock is {state}{restocked}",
            order.id, order.status
        )
    })
}

/// Whether a refund that had been made failed later, which nobody can prevent: the order stays as it is, and what is missing
/// of what went back is with the shop again.
fn came_back(order: &OrderStands, money: Option<&OrderMoney>) -> bool {
    let ended = matches!(order.status.as_str(), "refunded" | "cancelled");
    let again = money.is_some_and(|m| {
        let kept = m.captured_minor - m.refunded_minor - m.refund_pending_minor - m.lost_minor;
        0 < kept && kept <= m.returned_minor
    });
    ended && again
}

fn wrong_money(order: &OrderStands, money: Option<&OrderMoney>) -> Option<String> {
    let state = money.map_or("none", |m| m.status.as_str());
    let captured = money.map_or(0, |m| m.captured_minor);
    let back = money.map_or(0, |m| m.refunded_minor + m.refund_pending_minor);
    let lost = money.map_or(0, |m| m.lost_minor);
    let whole =
        captured == order.total_minor && money.is_some_and(|m| m.currency.as_ref() == Some(&order.currency));
    let mismatched = money.is_some_and(|m| m.mismatched);
    let fits = match order.status.as_str() {
        "confirmed" => captured == 0 || mismatched,
        "paid" | "processing" | "shipped" | "delivered" => {
            whole && matches!(state, "succeeded" | "partially_refunded")
        }
        "refunded" => whole && (state == "refunded" || came_back(order, money)),
        // What a bank took for good went back too, though not from our hand.
        "cancelled" => {
            (captured == back || lost > 0 && captured <= back + lost || came_back(order, money))
                && (captured == 0 || whole || mismatched)
        }
        _ => captured == 0,
    };
    (!fits).then(|| {
        format!(
            "order {} is {}, and its payment {state}: {captured} of {} arrived, {back} went back",
            order.id, order.status, order.total_minor
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(status: &str) -> OrderStands {
        OrderStands {
            id: 81,
            status: status.to_owned(),
            payment_status: String::new(),
            total_minor: 1_000,
            currency: "USD".to_owned(),
            settled: true,
        }
    }

    /// A payment of which so much arrived, went back, came again and was lost to a bank.
    fn money(status: &str, [captured, back, returned, lost]: [i64; 4]) -> OrderMoney {
        OrderMoney {
            order_id: 81,
            status: status.to_owned(),
            currency: Some("USD".to_owned()),
            captured_minor: captured,
            refunded_minor: back,
            refund_pending_minor: 0,
            returned_minor: returned,
            lost_minor: lost,
            mismatched: captured != 1_000,
            settled: true,
        }
    }

    // PAY-12, PAY-14
    #[test]
    fn money_that_went_back_and_came_again_waits_for_a_person_and_none_else_is_missing() {
        for (status, payment, wrong, waits) in [
            ("refunded", money("refunded", [1_000, 1_000, 0, 0]), false, false),
            (
                "refunded",
                money("refunded", [1_000, 1_000, 1_000, 0]),
                false,
                false,
            ),
            ("refunded", money("succeeded", [1_000, 0, 1_000, 0]), false, true),
            (
                "refunded",
                money("partially_refunded", [1_000, 600, 400, 0]),
                false,
                true,
            ),
            (
                "refunded",
                money("partially_refunded", [1_000, 600, 399, 0]),
                true,
                false,
            ),
            ("refunded", money("succeeded", [1_000, 0, 0, 0]), true, false),
            ("cancelled", money("refunded", [1_000, 1_000, 0, 0]), false, false),
            ("cancelled", money("succeeded", [1_000, 0, 1_000, 0]), false, true),
            ("cancelled", money("succeeded", [1_000, 0, 0, 0]), true, false),
            ("cancelled", money("succeeded", [1_000, 0, 999, 0]), true, false),
            (
                "cancelled",
                money("partially_refunded", [1_000, 300, 0, 700]),
                false,
                false,
            ),
            (
                "cancelled",
                money("partially_refunded", [1_000, 100, 200, 700]),
                false,
                true,
            ),
            (
                "cancelled",
                money("partially_refunded", [1_000, 100, 0, 700]),
                true,
                false,
            ),
            // Another amount than was asked for, all of which went back, or did not.
            ("cancelled", money("refunded", [900, 900, 0, 0]), false, false),
            ("cancelled", money("mismatch", [900, 0, 0, 0]), true, false),
            (
                "confirmed",
                money("partially_refunded", [900, 100, 0, 0]),
                false,
                false,
            ),
            // With us again is where the money of these belongs.
            ("paid", money("succeeded", [1_000, 0, 1_000, 0]), false, false),
            ("shipped", money("refunded", [1_000, 1_000, 0, 0]), true, false),
        ] {
            let order = order(status);
            let said = wrong_money(&order, Some(&payment));
            assert_eq!(said.is_some(), wrong, "{status} {payment:?}: {said:?}");
            assert_eq!(came_back(&order, Some(&payment)), waits, "{status} {payment:?}");
        }
    }
}
