//! The book check: what the four databases say of one order must fit together.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgPool, Row as _};

use crate::databases::Databases;
use crate::shop::eventually;

/// Work that is not done yet, in each database that has any.
const OPEN_WORK: [(Owner, &str); 6] = [
    (Owner::Product, "select count(*) from outbox_deliveries"),
    (Owner::Order, "select count(*) from outbox_deliveries"),
    (Owner::Order, "select count(*) from saga where state = 'running'"),
    (Owner::Payment, "select count(*) from outbox_deliveries"),
    (
        Owner::Payment,
        "select count(*) from operations where state = 'started'",
    ),
    (
        Owner::Payment,
        "select count(*) from webhook_events where state = 'received'",
    ),
];

/// What must never be there.
const NEVER: [(Owner, &str); 4] = [
    (Owner::Product, "select count(*) from stock_audit()"),
    (Owner::Order, "select count(*) from saga where state = 'stuck'"),
    (Owner::Payment, "select count(*) from webhook_events where state = 'dead'"),
    (
        Owner::Order,
        // The history of each order is one chain that ends in its status.
        "select count(*) from orders o
          where o.status <> (select h.to_status from order_history h where h.order_id = o.id order by h.id desc limit 1)
             or exists (select from (select h.from_status,
                                            lag(h.to_status) over (order by h.id) as before
                                       from order_history h where h.order_id = o.id) chain
                         where chain.from_status is distinct from chain.before)",
    ),
];

#[derive(Clone, Copy)]
enum Owner {
    Product,
    Order,
    Payment,
}

fn pool(databases: &Databases, owner: Owner) -> &PgPool {
    match owner {
        Owner::Product => &databases.product.pool,
        Owner::Order => &databases.order.pool,
        Owner::Payment => &databases.payment.pool,
    }
}

async fn count(databases: &Databases, (owner, sql): (Owner, &'static str)) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(pool(databases, owner))
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Waits until outboxes, sagas, webhooks and calls to the provider have nothing to do, and still have not when they
/// are looked at once more.
///
/// # Panics
/// Something is left over.
pub async fn settle(databases: &Databases) {
    let quiet = std::cell::Cell::new(0);
    eventually(Duration::from_secs(60), "no work is left over", || async {
        let open = futures::future::join_all(OPEN_WORK.map(|work| count(databases, work))).await;
        quiet.set(if open.iter().sum::<i64>() == 0 {
            quiet.get() + 1
        } else {
            0
        });
        (quiet.get() >= 3).then_some(())
    })
    .await;
}

/// Compares the books of all services.
///
/// # Panics
/// They disagree.
pub async fn check_books(databases: &Databases) {
    for (owner, sql) in NEVER {
        assert_eq!(count(databases, (owner, sql)).await, 0, "{sql}");
    }
    let orders = rows(
        pool(databases, Owner::Order),
        "select id, status as a, '' as b, total_minor as n from orders",
    )
    .await;
    let stock = rows(
        pool(databases, Owner::Product),
        "select r.order_id as id, r.state as a,
                case when bool_and(l.restocked = l.quantity) then 'restocked' else '' end as b, 0::bigint as n
           from reservations r left join reservation_lines l on l.order_id = r.order_id
          group by r.order_id, r.state",
    )
    .await;
    let money = rows(
        pool(databases, Owner::Payment),
        "select order_id as id, status as a, case when captured_minor = refunded_minor then 'all back' else '' end as b,
                captured_minor as n
           from payments",
    )
    .await;
    for (id, order) in &orders {
        let state = |book: &HashMap<i64, Entry>| book.get(id).map_or("none", |e| e.a.as_str()).to_owned();
        let (held, paid) = (state(&stock), state(&money));
        let captured = money.get(id).map_or(0, |e| e.n);
        let restocked = stock.get(id).is_some_and(|e| e.b == "restocked");
        let all_back = money.get(id).is_none_or(|e| e.b == "all back");
        let fits = match order.a.as_str() {
            "confirmed" => held == "held" && captured == 0,
            "paid" | "processing" | "shipped" | "delivered" => {
                held == "committed"
                    && captured == order.n
                    && matches!(paid.as_str(), "succeeded" | "partially_refunded")
            }
            "refunded" => held == "committed" && captured == order.n && paid == "refunded",
            "cancelled" => {
                let free = matches!(held.as_str(), "released" | "expired" | "tombstone" | "none");
                (free || restocked) && all_back
            }
            _ => false,
        };
        assert!(
            fits,
            "order {id} is {}, its stock {held} (restocked: {restocked}), its payment {paid} with {captured} of {} captured",
            order.a, order.n
        );
    }
    for (id, entry) in &stock {
        assert!(
            orders.contains_key(id) || entry.a != "held",
            "stock is held for order {id}, which nobody placed"
        );
    }
}

/// Two words and a number about an order.
struct Entry {
    a: String,
    b: String,
    n: i64,
}

async fn rows(pool: &PgPool, sql: &str) -> HashMap<i64, Entry> {
    let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(pool).await;
    rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
        .into_iter()
        .map(|row| {
            let entry = Entry {
                a: row.get("a"),
                b: row.get("b"),
                n: row.get("n"),
            };
            (row.get("id"), entry)
        })
        .collect()
}
