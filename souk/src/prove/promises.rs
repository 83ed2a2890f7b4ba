//! What the shop promised its buyers, against what became of their orders, and against what Stripe did.

use std::collections::{HashMap, HashSet};

use pg::audit::Tally;
use serde_json::Value;

use super::buyers::{Memory, place};
use super::http::Http;
use super::people::{People, Person};
use crate::audit::Line;

/// An order as it is in the end.
struct Ended {
    status: String,
    total_minor: i64,
    product: i64,
    quantity: i64,
}

/// Checks every promise; asks first for the answers that were never got, under their keys.
pub(super) async fn check(people: &People, memories: &mut [Memory]) -> Result<Vec<Line>, String> {
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
    let line = |rule, holds, tally| Line { rule, holds, tally };
    Ok(vec![
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
            "STK-3",
            "shelves hold what was not sold",
            shelves(people, &orders).await?,
        ),
    ])
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
        let fits = if memory.saw_cancelled {
            status == "cancelled"
        } else if memory.saw_refunded {
            status == "refunded"
        } else if memory.saw_paid {
            matches!(status, "paid" | "processing" | "refunded")
        } else if memory.charged {
            // Money for an order whose time was over goes back.
            matches!(status, "paid" | "processing" | "refunded" | "cancelled")
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

/// What Stripe did, by order.
struct Money {
    /// The intents of each order that took money, with how much.
    taken: HashMap<i64, Vec<(String, i64)>>,
    /// How many charges of each intent succeeded, and how much of them went back.
    charges: HashMap<String, (u32, i64)>,
}

impl Money {
    async fn of(stripe: &Http) -> Result<Self, String> {
        let mut money = Self {
            taken: HashMap::new(),
            charges: HashMap::new(),
        };
        for intent in all(stripe, "/v1/payment_intents").await? {
            let order = intent.pointer("/metadata/order_id").and_then(Value::as_str);
            let received = number(&intent, "/amount_received");
            if let Some(order) = order.and_then(|order| order.parse().ok())
                && received > 0
            {
                let entry = (text(&intent, "/id"), received);
                money.taken.entry(order).or_default().push(entry);
            }
        }
        for charge in all(stripe, "/v1/charges").await? {
            if text(&charge, "/status") == "succeeded" {
                let entry = money.charges.entry(text(&charge, "/payment_intent")).or_default();
                entry.0 += 1;
                entry.1 += number(&charge, "/amount_refunded");
            }
        }
        Ok(money)
    }

    fn charges(&self, orders: &HashMap<i64, Ended>) -> Tally {
        let mut tally = Tally::default();
        for (order, intents) in &self.taken {
            let sum: i64 = intents.iter().map(|(_, amount)| amount).sum();
            let charges: u32 = intents
                .iter()
                .map(|(intent, _)| self.charges.get(intent).map_or(0, |c| c.0))
                .sum();
            let costs = orders.get(order).map_or(0, |o| o.total_minor);
            let wrong = charges != 1 || sum != costs;
            tally.note(wrong.then(|| format!("order {order} costs {costs}: {charges} charges took {sum}")));
        }
        tally
    }

    fn kept(&self, memories: &[Memory], orders: &HashMap<i64, Ended>) -> Tally {
        let mut tally = Tally::default();
        for (id, order) in orders {
            let taken = self.taken.get(id);
            let sum: i64 = taken
                .iter()
                .flat_map(|t| t.iter())
                .map(|(_, amount)| amount)
                .sum();
            let back: i64 = taken
                .iter()
                .flat_map(|t| t.iter())
                .map(|(intent, _)| self.charges.get(intent).map_or(0, |c| c.1))
                .sum();
            let fits = match order.status.as_str() {
                "cancelled" | "refunded" => sum == back,
                "confirmed" | "pending" => sum == 0,
                _ => sum == order.total_minor && back < sum,
            };
            tally.note((!fits).then(|| {
                format!(
                    "order {id} is {}: Stripe took {sum} and gave back {back}",
                    order.status
                )
            }));
        }
        let charged = memories.iter().filter(|m| m.charged).filter_map(|m| m.order);
        for order in charged.filter(|order| !self.taken.contains_key(order)) {
            tally.note(Some(format!(
                "Stripe said that order {order} was paid, and knows nothing of it"
            )));
        }
        tally
    }
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

/// Everything in one of Stripe's lists.
async fn all(stripe: &Http, list: &str) -> Result<Vec<Value>, String> {
    let (mut everything, mut path) = (Vec::new(), format!("{list}?limit=100"));
    loop {
        let page = stripe.get(&path).await?;
        let data = page.list("/data");
        let last = data.last().map(|item| text(item, "/id"));
        everything.extend(data);
        let more = page.body.pointer("/has_more").and_then(Value::as_bool);
        match last.filter(|_| more == Some(true)) {
            Some(last) => path = format!("{list}?limit=100&starting_after={last}"),
            None => return Ok(everything),
        }
    }
}

/// An amount with two decimals in minor units; -1 if it is none.
fn minor(amount: &str) -> i64 {
    amount.replace('.', "").parse().unwrap_or(-1)
}

fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}

fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}
