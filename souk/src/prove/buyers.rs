//! What buyers do: order, pay, change their mind; and what they remember of it, for the promises that were made.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::faults::AHEAD;
use super::people::{PAUSE, People, Person};
use super::plan::{Ending, Script};

/// Buyers at a time: most of them wait for what was struck to recover.
const AT_ONCE: u32 = 40;
/// How often somebody looks whether an order got where it should, each time a little later, before doing something
/// else; the end is checked.
const LOOKS: u32 = 25;
/// How much later each look is.
const PATIENT: Duration = Duration::from_millis(100);
/// How often a card is tried while Stripe does not answer.
const TRIES: u32 = 100;

/// What a buyer remembers of an order.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// The key that it was placed under.
    pub(super) key: String,
    /// What was asked for.
    pub(super) wanted: Value,
    /// Whose.
    pub(super) buyer: u32,
    /// The order that was answered, also one that was refused on its way.
    pub(super) order: Option<i64>,
    /// The same key was answered with another order.
    pub(super) second: Option<i64>,
    /// It was accepted.
    pub(super) accepted: bool,
    /// Stripe said that the money was taken.
    pub(super) charged: bool,
    /// The shop said that the order is paid.
    pub(super) saw_paid: bool,
    /// The shop said that the order is cancelled, as asked.
    pub(super) saw_cancelled: bool,
    /// The shop said that all was refunded.
    pub(super) saw_refunded: bool,
    /// Calls that were never answered.
    pub(super) unanswered: Vec<String>,
}

/// Places all orders; returns what was remembered of each.
pub(super) async fn buy(
    people: Arc<People>,
    scripts: Vec<Script>,
    seed: u64,
    placed: watch::Sender<u32>,
    next: watch::Receiver<u32>,
    tracker: &TaskTracker,
) -> Vec<Memory> {
    let (tickets, scripts) = (Arc::new(AtomicU32::new(0)), Arc::new(scripts));
    let placed = Arc::new(placed);
    let buyers = (0..AT_ONCE).map(|_| {
        let (people, tickets, scripts) = (Arc::clone(&people), Arc::clone(&tickets), Arc::clone(&scripts));
        let (placed, mut next) = (Arc::clone(&placed), next.clone());
        tracker.spawn(async move {
            let mut memories = Vec::new();
            loop {
                let n = tickets.fetch_add(1, Ordering::Relaxed);
                let script = usize::try_from(n).ok().and_then(|n| scripts.get(n));
                let Some(script) = script.copied() else {
                    return memories;
                };
                // Not too far ahead of the blows.
                drop(next.wait_for(|next| n < next.saturating_add(AHEAD)).await);
                let mut memory = Memory {
                    key: format!("prove-{seed}-{n}"),
                    buyer: script.buyer,
                    ..Memory::default()
                };
                let counted = || placed.send_modify(|count| *count += 1);
                if let Err(unanswered) = follow(&people, script, &mut memory, counted).await {
                    memory.unanswered.push(unanswered);
                }
                memories.push(memory);
            }
        })
    });
    let memories = futures::future::join_all(buyers).await;
    memories.into_iter().flat_map(Result::unwrap_or_default).collect()
}

async fn follow(
    people: &People,
    script: Script,
    memory: &mut Memory,
    placed: impl FnOnce(),
) -> Result<(), String> {
    let product = people
        .products
        .get(usize::try_from(script.product).unwrap_or_default());
    let buyer = people
        .buyers
        .get(usize::try_from(script.buyer).unwrap_or_default());
    let (Some((product, _)), Some(buyer)) = (product, buyer) else {
        placed();
        return Ok(());
    };
    memory.wanted = json!({
        "items": [{"productId": product, "quantity": script.quantity}],
        "shippingAddress": "1 Loop Road", "shippingCity": "Utrecht", "shippingCountry": "NL",
    });
    let answer = place(buyer, memory).await;
    placed();
    answer?;
    let Some(order) = memory.order.filter(|_| memory.accepted) else {
        return Ok(());
    };
    if script.again {
        place(buyer, memory).await?;
    }
    let seen = until(buyer, order, &["confirmed", "paid", "cancelled"]).await?;
    let intent = intent_of(buyer, order).await?;
    if seen == "cancelled" {
        return Ok(());
    }
    use Ending as E;
    if matches!(script.ending, E::DeclineThenPay | E::Decline) {
        pay(people, &intent, "pm_card_chargeDeclined").await?;
    }
    let pays = !matches!(script.ending, E::Decline | E::Cancel | E::Leave);
    if pays {
        memory.charged = pay(people, &intent, "pm_card_visa").await?;
        let seen = until(buyer, order, &["paid", "cancelled", "refunded"]).await?;
        memory.saw_paid = matches!(seen.as_str(), "paid" | "refunded");
    }
    if matches!(script.ending, E::Cancel | E::PayAndCancel) {
        let path = format!("/api/orders/{order}/cancel");
        let reason = json!({"reason": "changed my mind"});
        let key = format!("{}-cancel", memory.key);
        let answer = buyer.call("POST", &path, Some(&reason), &key).await?;
        memory.saw_cancelled = answer.status == 200;
    }
    if memory.saw_paid && matches!(script.ending, E::PayAndRefund | E::PayAndRefundPart) {
        let all = script.ending == E::PayAndRefund;
        let ask = match all {
            true => json!({"orderId": order}),
            false => json!({"orderId": order, "amount": "1.50"}),
        };
        let key = format!("{}-refund", memory.key);
        let answer = people
            .admin
            .call("POST", "/api/payments/refund", Some(&ask), &key)
            .await?;
        memory.saw_refunded = all && answer.status == 200;
    }
    Ok(())
}

/// Places the order under its key, again if need be, and notes what was answered.
pub(super) async fn place(buyer: &Person, memory: &mut Memory) -> Result<(), String> {
    let answer = buyer
        .call("POST", "/api/orders", Some(&memory.wanted), &memory.key)
        .await?;
    let order = match answer.number("/id") {
        Some(id) => Some(id),
        None => answer.number("/orderId"),
    };
    match (memory.order, order) {
        (Some(known), Some(other)) if known != other => memory.second = Some(other),
        (None, _) => memory.order = order,
        _ => {}
    }
    memory.accepted |= matches!(answer.status, 200..=202);
    Ok(())
}

/// Looks at the order until it is in one of these states; returns the state in which it was last seen.
async fn until(buyer: &Person, order: i64, states: &[&str]) -> Result<String, String> {
    let mut seen = String::new();
    for look in 1..=LOOKS {
        let answer = buyer
            .call("GET", &format!("/api/orders/{order}"), None, "")
            .await?;
        seen = answer.text("/status");
        if states.contains(&seen.as_str()) {
            break;
        }
        tokio::time::sleep(PATIENT * look).await;
    }
    Ok(seen)
}

async fn intent_of(buyer: &Person, order: i64) -> Result<String, String> {
    let path = format!("/api/payments/order/{order}");
    let answer = buyer.call("GET", &path, None, "").await?;
    Ok(answer.text("/paymentIntentId"))
}

/// Tries a card until Stripe says something of it; whether the money was taken.
async fn pay(people: &People, intent: &str, card: &str) -> Result<bool, String> {
    if intent.is_empty() {
        return Ok(false);
    }
    let path = format!("/v1/payment_intents/{intent}/confirm");
    let mut last = String::new();
    for _ in 0..TRIES {
        match people.stripe.form(&path, format!("payment_method={card}")).await {
            Ok(answer) if answer.status < 500 => {
                // A card that was tried twice, since the first answer was lost, is told that it had succeeded.
                let state = answer.text("/status") + &answer.text("/error/payment_intent/status");
                return Ok(state == "succeeded");
            }
            Ok(answer) => last = answer.status.to_string(),
            Err(error) => last = error,
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(format!("Stripe never answered for {intent}; last: {last}"))
}
