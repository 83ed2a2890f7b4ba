//! What buyers do: order, pay, change their mind; and what they remember of it, for the promises that were made.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use runtime::StartError;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::endings::Placed;
use super::faults::AHEAD;
use super::people::{People, Person};
use super::plan::Script;
use super::refunds::SentBack;

/// Buyers at a time: most of them wait for what was struck to recover.
const AT_ONCE: u32 = 40;
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
    /// What was sent back of its money, as was told.
    pub(super) sent_back: SentBack,
    /// The seller said that it is on its way.
    pub(super) saw_shipped: bool,
    /// It went on its way although it was shown to be disputed, as this.
    pub(super) shipped_in_dispute: Option<String>,
    /// What payers, banks, sellers and people at Stripe's dashboard did with it.
    pub(super) done: Vec<&'static str>,
    /// Calls that were never answered.
    pub(super) unanswered: Vec<String>,
}

impl Memory {
    /// Notes that something was done, if it was.
    pub(super) fn did(&mut self, done: bool, what: &'static str) {
        self.done.extend(done.then_some(what));
    }
}

/// Places all orders; returns what was remembered of each.
///
/// # Errors
/// A buyer did not come to its end: what was promised to it is not known.
pub(super) async fn buy(
    people: Arc<People>,
    scripts: Vec<Script>,
    seed: u64,
    placed: watch::Sender<u32>,
    next: watch::Receiver<u32>,
    tracker: &TaskTracker,
) -> Result<Vec<Memory>, StartError> {
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
    all_of(buyers).await
}

/// What all of them remember, once the last has come to its end.
async fn all_of(buyers: impl Iterator<Item = JoinHandle<Vec<Memory>>>) -> Result<Vec<Memory>, StartError> {
    let mut memories = Vec::new();
    for remembered in futures::future::join_all(buyers).await {
        let remembered = remembered.map_err(|e| format!("a buyer did not come to its end: {e}"))?;
        memories.extend(remembered);
    }
    Ok(memories)
}

async fn follow(
    people: &People,
    script: Script,
    memory: &mut Memory,
    counted: impl FnOnce(),
) -> Result<(), String> {
    let product = people
        .products
        .get(usize::try_from(script.product).unwrap_or_default());
    let buyer = people
        .buyers
        .get(usize::try_from(script.buyer).unwrap_or_default());
    let (Some((product, _)), Some(buyer)) = (product, buyer) else {
        counted();
        return Ok(());
    };
    memory.wanted = json!({
        "items": [{"productId": product, "quantity": script.quantity}],
        "shippingAddress": "1 Loop Road", "shippingCity": "Utrecht", "shippingCountry": "NL",
    });
    let answer = place(buyer, memory).await;
    counted();
    answer?;
    let Some(order) = memory.order.filter(|_| memory.accepted) else {
        return Ok(());
    };
    if script.again {
        place(buyer, memory).await?;
    }
    let placed = Placed {
        people,
        buyer,
        script,
        order,
    };
    placed.follow(memory).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_buyer_that_does_not_come_to_its_end_is_told_instead_of_forgotten() {
        let tracker = TaskTracker::new();
        let one = || tracker.spawn(async { vec![Memory::default()] });
        assert_eq!(all_of([one(), one()].into_iter()).await.unwrap().len(), 2);
        let panics = tracker.spawn(async { panic!("as a test wants it") });
        let error = all_of([one(), panics].into_iter()).await.unwrap_err();
        assert!(error.to_string().contains("as a test wants it"), "{error}");
    }
}
