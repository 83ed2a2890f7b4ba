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

fn wrong_money(order: &OrderStands, money: Option<&OrderMoney>) -> Option<String> {
    let state = money.map_or("none", |m| m.status.as_str());
    let captured = money.map_or(0, |m| m.captured_minor);
    let back = money.map_or(0, |m| m.refunded_minor + m.refund_pending_minor);
    let lost = money.map_or(0, |m| m.lost_minor);
    let whole =
        captured == order.total_minor && money.is_some_and(|m| m.currency.as_ref() == Some(&order.currency));
    let fits = match order.status.as_str() {
        "confirmed" => captured == 0 || state == "mismatch",
        "paid" | "processing" | "shipped" | "delivered" => {
            whole && matches!(state, "succeeded" | "partially_refunded")
        }
        "refunded" => whole && state == "refunded",
        // What a bank took for good went back too, though not from our hand.
        "cancelled" => {
            (captured == back || lost > 0 && captured <= back + lost)
                && (captured == 0 || whole || state == "mismatch")
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
