//! What the shop promised its buyers, against what became of their orders, and against what Stripe did.

use std::collections::{BTreeMap, HashMap, HashSet};

use pg::audit::Tally;

use super::buyers::{Memory, place};
use super::money::{Money, minor, number, text};
use super::people::{People, Person};
use crate::audit::Line;

/// An order as it is in the end.
pub(super) struct Ended {
    pub(super) status: String,
    pub(super) total_minor: i64,
    /// How its dispute stands; empty if there is none.
    pub(super) dispute: String,
    pub(super) product: i64,
    pub(super) quantity: i64,
}

/// What came of the promises.
pub(super) struct Kept {
    /// How each fared.
    pub(super) lines: Vec<Line>,
    /// How many objects Stripe has, by what they are and how they stand.
    pub(super) objects: BTreeMap<String, u32>,
}

/// Checks every promise; asks first for the answers that were never got, under their keys.
pub(super) async fn check(people: &People, memories: &mut [Memory]) -> Result<Kept, String> {
    for memory in memories.iter_mut() {
        let buyer = people
            .buyers
            .get(usize::try_from(memory.buyer).unwrap_or_default());
        if let Some(buyer) = buyer.filter(|_| memory.order.is_none() && !memory.wanted.is_null()) {
            place(buyer, memory).await?;
        }
    }
    let orders = all_orders(&people.admin).await?;
    let money = Money::of(&people.stripe).await?;
    let posted = money.posted(&people.admin).await?;
    let disputes = money.disputes(&people.admin, memories, &orders).await?;
    let line = |rule, holds, tally| Line { rule, holds, tally };
    let lines = vec![
        line("ORD-5", "one key is one order", keys(memories, &orders)),
        line(
            "ORD-8",
            "what a buyer saw of an order stays true",
            seen(memories, &orders),
        ),
        line(
            "PAY-1",
            "no order is charged twice, or more than it costs",
            money.charges(&orders),
        ),
        line(
            "PAY-14",
            "what Stripe holds is what the orders say",
            money.kept(memories, &orders),
        ),
        line(
            "PAY-17",
            "each object moved in the ledger what it moved at Stripe",
            posted,
        ),
        line(
            "PAY-15",
            "an order says what its dispute is, and is not shipped meanwhile",
            disputes,
        ),
        line(
            "STK-3",
            "shelves hold what was not sold",
            shelves(people, &orders).await?,
        ),
    ];
    Ok(Kept {
        lines,
        objects: money.objects,
    })
}

fn keys(memories: &[Memory], orders: &HashMap<i64, Ended>) -> Tally {
    let (mut tally, mut seen) = (Tally::default(), HashSet::new());
    for memory in memories {
        let wrong = match (memory.order, memory.second) {
            (Some(first), Some(second)) => {
                Some(format!("{} is order {first} and order {second}", memory.key))
            }
            (Some(order), _) if !seen.insert(order) => Some(format!("order {order} has two keys")),
            (Some(order), _) if memory.accepted && !orders.contains_key(&order) => {
                Some(format!("order {order} was accepted and is gone"))
            }
            _ => None,
        };
        tally.note(wrong);
    }
    // An order of no key would be one that a repeated request made.
    for (id, order) in orders {
        if order.status != "cancelled" && !seen.contains(id) {
            tally.note(Some(format!("order {id} is {} and nobody's", order.status)));
        }
    }
    tally
}

fn seen(memories: &[Memory], orders: &HashMap<i64, Ended>) -> Tally {
    let mut tally = Tally::default();
    for memory in memories {
        let Some((id, ended)) = memory.order.and_then(|id| Some((id, orders.get(&id)?))) else {
            continue;
        };
        let status = ended.status.as_str();
        let on_its_way = matches!(status, "paid" | "processing" | "shipped" | "delivered");
        let fits = if memory.saw_cancelled {
            status == "cancelled"
        } else if memory.saw_refunded {
            status == "refunded"
        } else if memory.saw_shipped {
            matches!(status, "shipped" | "delivered")
        } else if memory.saw_paid {
            on_its_way || status == "refunded"
        } else if memory.charged {
            // Money for an order whose time was over goes back.
            on_its_way || matches!(status, "refunded" | "cancelled")
        } else {
            matches!(status, "confirmed" | "cancelled" | "paid")
        };
        tally.note((!fits).then(|| {
            format!(
                "order {id} is {status}; charged: {}, seen as paid: {}, cancelled: {}, refunded: {}",
                memory.charged, memory.saw_paid, memory.saw_cancelled, memory.saw_refunded
            )
        }));
    }
    tally
}

async fn shelves(people: &People, orders: &HashMap<i64, Ended>) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for (product, stock) in &people.products {
        let sold: i64 = orders
            .values()
            .filter(|o| o.product == *product && o.status != "cancelled")
            .map(|o| o.quantity)
            .sum();
        let answer = people.gateway.get(&format!("/api/products/{product}")).await?;
        let left = answer.number("/stockQuantity").unwrap_or(-1);
        let wrong = left < 0 || sold > *stock || left != stock - sold;
        tally.note(
            wrong.then(|| format!("product {product}: of {stock}, {sold} are sold and {left} are left")),
        );
    }
    Ok(tally)
}

async fn all_orders(admin: &Person) -> Result<HashMap<i64, Ended>, String> {
    let (mut orders, mut path) = (HashMap::new(), "/api/orders?as=admin&limit=100".to_owned());
    loop {
        let page = admin.call("GET", &path, None, "").await?;
        if page.status != 200 {
            return Err(format!("orders cannot be listed: {}", page.body));
        }
        for order in page.list("/orders") {
            let ended = Ended {
                status: text(&order, "/status"),
                total_minor: minor(&text(&order, "/total")),
                dispute: text(&order, "/disputeStatus"),
                product: number(&order, "/items/0/productId"),
                quantity: number(&order, "/items/0/quantity"),
            };
            orders.insert(number(&order, "/id"), ended);
        }
        let cursor = page.text("/pagination/nextCursor");
        if cursor.is_empty() {
            return Ok(orders);
        }
        path = format!("/api/orders?as=admin&limit=100&cursor={cursor}");
    }
}
