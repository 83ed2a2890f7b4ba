//! What the shop promised its buyers, against what became of their orders, and against what Stripe did.

use std::collections::{BTreeMap, HashMap, HashSet};

use pg::audit::Tally;

use super::buyers::{Memory, place};
use super::disputes;
use super::money::{Money, minor, number, text};
use super::people::{People, Person};
use crate::audit::Line;

/// An order as it is in the end.
#[derive(Default)]
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
    let shipping = disputes::try_to_ship(&people.admin, &money, &orders).await?;
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
            disputes::told(&money, memories, &orders, &shipping),
        ),
        line(
            "STK-3",
            "shelves hold what was not sold",
            shelves(&stocked(people).await?, &orders),
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

/// A shelf as it was at first, and as it is in the end.
struct Shelf {
    product: i64,
    stock: i64,
    left: Option<i64>,
}

async fn stocked(people: &People) -> Result<Vec<Shelf>, String> {
    let mut shelves = Vec::new();
    for &(product, stock) in &people.products {
        let answer = people.gateway.get(&format!("/api/products/{product}")).await?;
        let left = answer.number("/stockQuantity");
        shelves.push(Shelf { product, stock, left });
    }
    Ok(shelves)
}

fn shelves(shelves: &[Shelf], orders: &HashMap<i64, Ended>) -> Tally {
    let mut tally = Tally::default();
    for Shelf { product, stock, left } in shelves {
        let sold: i64 = orders
            .values()
            .filter(|o| o.product == *product && o.status != "cancelled")
            .map(|o| o.quantity)
            .sum();
        let left = left.unwrap_or(-1);
        let wrong = left < 0 || sold > *stock || left != stock - sold;
        tally.note(
            wrong.then(|| format!("product {product}: of {stock}, {sold} are sold and {left} are left")),
        );
    }
    tally
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

#[cfg(test)]
mod tests {
    use super::*;

    fn orders<const N: usize>(orders: [(i64, &str); N]) -> HashMap<i64, Ended> {
        let ended = |(id, status): (i64, &str)| {
            let ended = Ended {
                status: status.to_owned(),
                product: 3,
                quantity: 2,
                ..Ended::default()
            };
            (id, ended)
        };
        orders.into_iter().map(ended).collect()
    }

    fn accepted(order: i64) -> Memory {
        Memory {
            order: Some(order),
            accepted: true,
            ..Memory::default()
        }
    }

    // ORD-5
    #[test]
    fn a_key_with_two_orders_an_order_with_two_keys_and_one_that_is_gone_or_nobodys_are_found() {
        let doubled = Memory {
            second: Some(8),
            ..accepted(7)
        };
        let refused = Memory {
            order: Some(7),
            ..Memory::default()
        };
        let (seven, both) = (orders([(7, "paid")]), orders([(7, "paid"), (8, "paid")]));
        for (memories, orders, broken) in [
            (vec![accepted(7)], &seven, 0),
            (vec![accepted(7), accepted(8)], &both, 0),
            (vec![accepted(7), refused.clone()], &seven, 1),
            (vec![doubled, accepted(8)], &both, 2),
            (vec![accepted(7), accepted(8)], &seven, 1),
            (vec![accepted(7)], &both, 1),
            (vec![accepted(7)], &orders([(7, "paid"), (8, "cancelled")]), 0),
            (vec![refused], &orders([]), 0),
        ] {
            let tally = keys(&memories, orders);
            assert_eq!(tally.broken, broken, "{tally:?}");
        }
    }

    // ORD-8
    #[test]
    fn an_order_that_is_not_what_its_buyer_saw_is_found() {
        const ALL: [&str; 7] = [
            "confirmed",
            "paid",
            "processing",
            "shipped",
            "delivered",
            "cancelled",
            "refunded",
        ];
        let saw = |change: fn(&mut Memory)| {
            let mut memory = accepted(7);
            change(&mut memory);
            memory
        };
        for (memory, may_be) in [
            (saw(|_| {}), &["confirmed", "paid", "cancelled"][..]),
            (saw(|m| m.charged = true), &ALL[1..]),
            (
                saw(|m| m.saw_paid = true),
                &["paid", "processing", "shipped", "delivered", "refunded"],
            ),
            (saw(|m| m.saw_shipped = true), &["shipped", "delivered"]),
            (saw(|m| m.saw_refunded = true), &["refunded"]),
            (saw(|m| m.saw_cancelled = true), &["cancelled"]),
            (
                saw(|m| (m.charged, m.saw_paid, m.saw_cancelled) = (true, true, true)),
                &["cancelled"],
            ),
            (
                saw(|m| (m.charged, m.saw_paid, m.saw_refunded) = (true, true, true)),
                &["refunded"],
            ),
        ] {
            for status in ALL {
                let tally = seen(std::slice::from_ref(&memory), &orders([(7, status)]));
                let fits = may_be.contains(&status);
                assert_eq!(
                    (tally.checked, tally.broken == 0),
                    (1, fits),
                    "{status}: {memory:?}"
                );
            }
        }
    }

    // STK-3
    #[test]
    fn a_shelf_that_holds_more_or_less_than_was_not_sold_is_found() {
        // Three orders of two each, of which one is cancelled.
        let orders = orders([(7, "paid"), (8, "refunded"), (9, "cancelled")]);
        for (product, stock, left, broken) in [
            (3, 10, Some(6), 0),
            (3, 4, Some(0), 0),
            (3, 10, Some(4), 1),
            (3, 10, Some(7), 1),
            (3, 3, Some(-1), 1),
            (3, 3, Some(0), 1),
            (3, 10, None, 1),
            (4, 10, Some(10), 0),
        ] {
            let tally = shelves(&[Shelf { product, stock, left }], &orders);
            assert_eq!(tally.broken, broken, "{tally:?}");
        }
    }
}
