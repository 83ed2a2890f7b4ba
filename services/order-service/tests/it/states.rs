//! The state machine: everybody tries every move, and whatever speaks of its statuses says what the one table says.

use std::path::Path;

use order_service::{Party, Status, Verdict};
use serde_json::{Value, json};

use crate::harness::{ADMIN, ALICE, Answer, BOB, CARLA, DORA, LAMP, MUG, Orders};

/// Who tries, on an order of Alice's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Actor {
    Anonymous,
    /// A customer, or a seller of other products.
    Stranger(i64),
    /// Somebody whom the table knows, and the account.
    Known(Party, i64),
}

const ACTORS: [Actor; 7] = [
    Actor::Anonymous,
    Actor::Stranger(BOB),
    Actor::Stranger(DORA),
    Actor::Known(Party::Owner, ALICE),
    Actor::Known(Party::Seller, CARLA),
    Actor::Known(Party::SoleSeller, CARLA),
    Actor::Known(Party::Admin, ADMIN),
];

// ORD-1: 8 × 8 moves by everyone who can ask for them. What the shop itself may do is in the table's snapshot.
#[tokio::test]
async fn everybody_may_move_an_order_as_the_table_says_and_not_otherwise() {
    let shop = Orders::start().await;
    let own = shop.confirmed_with(&[(MUG, 1)]).await;
    let shared = shop.confirmed_with(&[(MUG, 1), (LAMP, 1)]).await;
    for from in Status::ALL {
        for to in Status::ALL {
            for actor in ACTORS {
                let order = match actor {
                    Actor::Known(Party::Seller, _) => shared,
                    _ => own,
                };
                put(&shop, order, from, to).await;
                let answer = attempt(&shop, actor, order, to).await;
                let (status, code, end) = expected(actor, from, to);
                let what = format!("{from} -> {to} by {actor:?}: {answer:?}");
                assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{what}");
                assert_eq!(shop.status(order).await, end.name(), "{what}");
            }
        }
    }
    shop.left_open();
}

/// Puts the order where it is to start; the other seller has done their part.
async fn put(shop: &Orders, order: i64, from: Status, to: Status) {
    let theirs = match to {
        Status::Shipped | Status::Delivered => to.name(),
        _ => "unfulfilled",
    };
    let statements = [
        (
            "update orders set status = $2, fulfillment_status = 'unfulfilled' where id = $1",
            from.name(),
        ),
        (
            "update order_lines set fulfillment = $2 where order_id = $1 and product_id = 3",
            theirs,
        ),
    ];
    for (statement, value) in statements {
        sqlx::query(statement)
            .bind(order)
            .bind(value)
            .execute(&shop.db.pool)
            .await
            .unwrap();
    }
}

async fn attempt(shop: &Orders, actor: Actor, order: i64, to: Status) -> Answer {
    let path = format!("/orders/{order}/status");
    match actor {
        Actor::Anonymous => shop.anonymous("PUT", &path).await,
        Actor::Known(Party::Owner, user) if to == Status::Cancelled => shop.cancel(user, order).await,
        Actor::Stranger(user) | Actor::Known(_, user) => shop.move_to(user, order, to.name()).await,
    }
}

/// The answer, and where the order is then.
fn expected(actor: Actor, from: Status, to: Status) -> (u16, &'static str, Status) {
    let party = match actor {
        Actor::Anonymous => return (401, "unauthenticated", from),
        Actor::Stranger(_) => return (404, "order-not-found", from),
        Actor::Known(Party::Owner, _) if to != Status::Cancelled => return (403, "forbidden", from),
        Actor::Known(party, _) => party,
    };
    match from.judge(to, party) {
        _ if !to.by_hand() => (409, "illegal-transition", from),
        Verdict::Allowed => (200, "", to),
        Verdict::Already => (200, "", from),
        Verdict::Forbidden => (403, "forbidden", from),
        Verdict::Illegal => (409, "illegal-transition", from),
    }
}

fn names(statuses: impl IntoIterator<Item = Status>) -> Vec<&'static str> {
    statuses.into_iter().map(Status::name).collect()
}

// ORD-1
#[tokio::test]
async fn the_database_takes_the_same_statuses() {
    let shop = Orders::start().await;
    let check: String = sqlx::query_scalar(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = 'orders_status_known'",
    )
    .fetch_one(&shop.db.pool)
    .await
    .unwrap();
    // Every second piece stands between quotes.
    let quoted: Vec<&str> = check.split('\'').skip(1).step_by(2).collect();
    assert_eq!(quoted, names(Status::ALL));
}

// ORD-1
#[test]
fn the_published_document_lists_the_same_statuses() {
    let document = serde_json::to_value(order_service::openapi()).unwrap();
    let schemas = &document["components"]["schemas"];
    let listed = |schema: &str, property: &str| schemas[schema]["properties"][property]["enum"].clone();
    let all = json!(names(Status::ALL));
    assert_eq!(listed("Order", "status"), all);
    assert_eq!(listed("HistoryEntry", "toStatus"), all);
    let mut or_none = names(Status::ALL)
        .into_iter()
        .map(Value::from)
        .collect::<Vec<_>>();
    or_none.push(Value::Null);
    assert_eq!(listed("HistoryEntry", "fromStatus"), json!(or_none));
    assert_eq!(
        listed("MoveOrder", "status"),
        json!(["processing", "shipped", "delivered", "cancelled"])
    );
    let query = document["paths"]["/orders"]["get"]["parameters"]
        .as_array()
        .unwrap();
    let status = query
        .iter()
        .find(|parameter| parameter["name"] == "status")
        .unwrap();
    assert_eq!(status["schema"]["enum"], all);
}

/// Writes the guide's part anew where it differs, and fails: commit what it wrote (ORD-1).
#[test]
fn the_guide_draws_the_same_table() {
    const BEGIN: &str = "<!-- states: written by tests/it/states.rs -->\n";
    const END: &str = "<!-- end of states -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/services/order-service.md");
    let guide = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = guide.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let drawn = format!("{before}{BEGIN}{}{END}{after}", drawing());
    if drawn != guide {
        std::fs::write(&path, drawn).unwrap();
        panic!("docs/services/order-service.md was out of date and has been rewritten; commit it");
    }
}

/// The table as a diagram and as a list.
fn drawing() -> String {
    let mut diagram = String::from("```mermaid\nstateDiagram-v2\n    [*] --> pending\n");
    let mut list = String::from("| from | to | who |\n|---|---|---|\n");
    for from in Status::ALL {
        for to in from.next() {
            diagram.push_str(&format!("    {from} --> {to}\n"));
            let who: Vec<&str> = from
                .movers(to)
                .iter()
                .filter_map(|party| word(*party, from.movers(to)))
                .collect();
            list.push_str(&format!("| {from} | {to} | {} |\n", who.join(", ")));
        }
        if from.next().is_empty() {
            diagram.push_str(&format!("    {from} --> [*]\n"));
        }
    }
    format!("{diagram}```\n\n{list}")
}

fn word(party: Party, all: &[Party]) -> Option<&'static str> {
    match party {
        Party::System => Some("the shop"),
        Party::Owner => Some("owner"),
        Party::Seller => Some("seller of a line"),
        // Is one of a line, too.
        Party::SoleSeller => (!all.contains(&Party::Seller)).then_some("seller of all lines"),
        Party::Admin => Some("admin"),
    }
}
