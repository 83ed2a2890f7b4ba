//! Ways to break the books of a shop by hand, one for each invariant of `souk audit`.

use serde_json::json;
use souk::audit::Books;
use souk_test_shop::{Form, Shop};
use sqlx::{AssertSqlSafe, PgPool};

/// A way to break the books, and to mend them again.
pub struct Tampering {
    /// Whose database.
    pub at: fn(&Books) -> &PgPool,
    /// Breaks one invariant.
    pub breaks: String,
    /// Takes that back.
    pub mends: String,
    /// The line of the table that tells of it.
    pub holds: &'static str,
    /// What it says.
    pub says: String,
}

/// Orders in many states, and a shop that has stopped and repairs nothing any more.
pub struct Stopped {
    /// Keeps the databases.
    _shop: Shop,
    pub books: Books,
    pub mug: i64,
    pub confirmed: i64,
    pub paid: i64,
    pub cancelled: i64,
}

pub async fn stopped() -> Stopped {
    let mut shop = Shop::start(Form::OneProcess).await;
    let (seller, customer, admin) = (shop.seller().await, shop.customer().await, shop.admin().await);
    let mug = seller.sells("Audited mug", "18.00", 50).await;
    let place = async |card: &str| {
        let order = customer.orders(&[(mug, 2)]).await.expect(201);
        let id = order.at("/id").as_i64().unwrap_or_default();
        let intent = order.at("/payment/paymentIntentId");
        if !card.is_empty() {
            drop(shop.pay(intent.as_str().unwrap_or_default(), card).await);
        }
        id
    };
    let confirmed = place("pm_card_chargeDeclined").await;
    let (paid, refunded, returned) = (
        place("pm_card_visa").await,
        place("pm_card_visa").await,
        place("pm_card_visa").await,
    );
    let cancelled = place("").await;
    for id in [paid, refunded, returned] {
        shop.until_status(&customer, id, "paid").await;
    }
    let reason = json!({"reason": "changed my mind"});
    for id in [returned, cancelled] {
        let path = format!("/api/orders/{id}/cancel");
        drop(customer.api.post(&path, &reason).await.expect(200));
    }
    let refund = json!({"orderId": refunded});
    drop(admin.api.post("/api/payments/refund", &refund).await.expect(200));
    shop.until_status(&customer, refunded, "refunded").await;
    shop.check_books().await;
    shop.stop().await;
    // What is done goes, so there is one that is not due for long.
    run(
        &shop.databases.order.pool,
        "insert into job (queue, kind, payload, priority, run_at, max_attempts, trace, created_at)
         values ('mail', 'order-mail', '{}', 1, now() + interval '1 year', 3, '', now())",
    )
    .await;
    Stopped {
        books: books_of(&shop),
        _shop: shop,
        mug,
        confirmed,
        paid,
        cancelled,
    }
}

/// The shop's four databases.
pub fn books_of(shop: &Shop) -> Books {
    Books {
        user: shop.databases.user.pool.clone(),
        product: shop.databases.product.pool.clone(),
        order: shop.databases.order.pool.clone(),
        payment: shop.databases.payment.pool.clone(),
    }
}

/// Runs what no check has seen.
pub async fn run(pool: &PgPool, sql: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await;
    done.expect(sql);
}

fn set(table: &str, change: (&str, &str), back: (&str, &str)) -> (String, String) {
    let update = |(what, whose): (&str, &str)| format!("update {table} set {what} where {whose}");
    (update(change), update(back))
}

pub fn tamperings(s: &Stopped) -> Vec<Tampering> {
    let (confirmed, paid, cancelled) = (s.confirmed, s.paid, s.cancelled);
    let of_order = |id: i64| format!("order_id = {id}");
    let mug = format!("product_id = {}", s.mug);
    let mut all = Vec::new();
    let mut add =
        |at: fn(&Books) -> &PgPool, (breaks, mends): (String, String), holds: &'static str, says: String| {
            all.push(Tampering {
                at,
                breaks,
                mends,
                holds,
                says,
            });
        };
    let product: fn(&Books) -> &PgPool = |b| &b.product;
    let order: fn(&Books) -> &PgPool = |b| &b.order;
    let payment: fn(&Books) -> &PgPool = |b| &b.payment;
    let user: fn(&Books) -> &PgPool = |b| &b.user;

    // STK-1
    add(
        product,
        set(
            "stock",
            ("on_hand = on_hand + 1", &mug),
            ("on_hand = on_hand - 1", &mug),
        ),
        "stock is what the ledger and the open holds say",
        format!("product {}", s.mug),
    );
    add(
        product,
        (
            format!(
                "alter table stock drop constraint stock_adds_up;
                 update stock set on_hand = on_hand - 1000 where {mug}"
            ),
            format!("update stock set on_hand = on_hand + 1000 where {mug}"),
        ),
        "no stock is negative or reserved twice",
        format!("product {}", s.mug),
    );
    // STK-7
    let hold = of_order(confirmed);
    add(
        product,
        set(
            "reservations",
            ("expires_at = expires_at - interval '2 days'", &hold),
            ("expires_at = expires_at + interval '2 days'", &hold),
        ),
        "no hold outlives its time",
        format!("the hold of order {confirmed}"),
    );
    // SAG-6
    add(
        product,
        set(
            "reservations",
            ("state = 'released'", &of_order(paid)),
            ("state = 'committed'", &of_order(paid)),
        ),
        "an order has the stock that its state says",
        format!("order {paid} is paid, and its stock is released"),
    );
    // ORD-1
    let row = format!("id = {paid}");
    add(
        order,
        set("orders", ("status = 'shipped'", &row), ("status = 'paid'", &row)),
        "an order is in one legal state, with its history",
        format!("order {paid} is shipped"),
    );
    let last = format!("order_id = {paid} and to_status = 'paid'");
    add(
        order,
        set(
            "order_history",
            ("from_status = 'pending'", &last),
            ("from_status = 'confirmed'", &last),
        ),
        "an order is in one legal state, with its history",
        format!("order {paid} is paid"),
    );
    // ORD-4
    let lines = of_order(paid);
    add(
        order,
        set(
            "order_lines",
            (
                "quantity = quantity + 1, line_total_minor = unit_price_minor * (quantity + 1)",
                &lines,
            ),
            (
                "quantity = quantity - 1, line_total_minor = unit_price_minor * (quantity - 1)",
                &lines,
            ),
        ),
        "an order's lines and parts add up",
        format!("order {paid}"),
    );
    // SAG-8, SAG-7
    let checkout = format!("name = 'checkout' and subject_id = {confirmed}");
    add(
        order,
        set(
            "saga",
            ("state = 'stuck'", &checkout),
            ("state = 'parked'", &checkout),
        ),
        "no saga is stuck or left lying",
        format!("the checkout of order {confirmed} is stuck"),
    );
    add(
        order,
        set(
            "saga",
            ("wake_at = wake_at - interval '2 days'", &checkout),
            ("wake_at = wake_at + interval '2 days'", &checkout),
        ),
        "no saga is stuck or left lying",
        format!("the checkout of order {confirmed} is due"),
    );
    // JOB-1
    add(
        order,
        set(
            "job",
            ("state = 'dead', ended_at = now()", "true"),
            ("state = 'waiting', ended_at = null", "true"),
        ),
        "no job is dead or left lying",
        "(mail/order-mail) is dead".to_owned(),
    );
    for (state, lease) in [("waiting", "null"), ("running", "now() - interval '1 hour'")] {
        let begun = format!("state = '{state}', lease_until = {lease}, run_at = run_at - interval '2 years'");
        add(
            order,
            set(
                "job",
                (&begun, "true"),
                (
                    "state = 'waiting', lease_until = null, run_at = run_at + interval '2 years'",
                    "true",
                ),
            ),
            "no job is dead or left lying",
            "and nobody works on it".to_owned(),
        );
    }
    // PAY-14
    for (id, changed, state) in [
        (confirmed, "+", "confirmed"),
        (cancelled, "+", "cancelled"),
        (paid, "-", "paid"),
    ] {
        let back = if changed == "+" { "-" } else { "+" };
        add(
            payment,
            set(
                "payments",
                (
                    &format!("captured_minor = captured_minor {changed} 5"),
                    &of_order(id),
                ),
                (
                    &format!("captured_minor = captured_minor {back} 5"),
                    &of_order(id),
                ),
            ),
            "an order has the money that its state says",
            format!("order {id} is {state}"),
        );
    }
    // PAY-9
    add(
        order,
        set(
            "orders",
            ("payment_status = 'failed'", &row),
            ("payment_status = 'succeeded'", &row),
        ),
        "an order and its payment say the same",
        format!("order {paid} says that its payment is failed"),
    );
    // SAG-3
    add(
        payment,
        set(
            "payments",
            ("order_id = 999999", &of_order(paid)),
            (&format!("order_id = {paid}"), "order_id = 999999"),
        ),
        "nothing is held or paid for no order",
        "order 999999, which nobody placed".to_owned(),
    );
    // PAY-12
    let refund = "id = (select min(id) from refunds)";
    add(
        payment,
        set(
            "refunds",
            ("amount_minor = amount_minor + 1", refund),
            ("amount_minor = amount_minor - 1", refund),
        ),
        "refunds add up, to no more than was paid",
        "its refunds are".to_owned(),
    );
    // PAY-17
    let line = "entry_id = (select min(id) from ledger_entries) and account = 'sales'";
    let unlocked = |sql: &str| {
        format!(
            "alter table ledger_lines disable trigger user; {sql}; alter table ledger_lines enable trigger user"
        )
    };
    let (breaks, mends) = set(
        "ledger_lines",
        ("amount_minor = amount_minor - 1", line),
        ("amount_minor = amount_minor + 1", line),
    );
    add(
        payment,
        (unlocked(&breaks), unlocked(&mends)),
        "debits are credits in the ledger",
        "captured): debits of".to_owned(),
    );
    add(
        payment,
        (
            format!(
                "with entry as (
                     insert into ledger_entries (payment_id, object_id, fact, currency, at)
                     select id, 're_forged', 'refunded', currency, now() from payments where {} returning id)
                 insert into ledger_lines (entry_id, account, amount_minor)
                 select id, account, minor from entry, (values ('refunds', 5), ('provider', -5)) as line (account, minor)",
                of_order(paid)
            ),
            "alter table ledger_lines disable trigger user; alter table ledger_entries disable trigger user;
             delete from ledger_lines where entry_id = (select id from ledger_entries where object_id = 're_forged');
             delete from ledger_entries where object_id = 're_forged';
             alter table ledger_lines enable trigger user; alter table ledger_entries enable trigger user"
                .to_owned(),
        ),
        "payments and the ledger say the same",
        format!("order {paid}:"),
    );
    // PAY-5
    let call = "key = (select min(key) from operations where kind = 'create_intent')";
    add(
        payment,
        set(
            "operations",
            ("state = 'started', next_at = now() - interval '1 hour'", call),
            ("state = 'done'", call),
        ),
        "no call of the provider is left in doubt",
        "is due since".to_owned(),
    );
    // PAY-7
    let webhook = "id = (select min(id) from webhook_events)";
    add(
        payment,
        set(
            "webhook_events",
            ("state = 'dead'", webhook),
            ("state = 'processed'", webhook),
        ),
        "no webhook is given up or left lying",
        "is dead".to_owned(),
    );
    // EVT-1
    let event = "id = (select min(id) from outbox)";
    add(
        payment,
        set(
            "outbox",
            ("sequence = sequence + 100", event),
            ("sequence = sequence - 100", event),
        ),
        "events are numbered without gaps",
        "the events of payment".to_owned(),
    );
    add(
        payment,
        (
            "insert into outbox_deliveries (outbox_id, subscriber, aggregate, aggregate_id, sequence, next_at)
             select id, 'order-service', aggregate, aggregate_id, sequence, now() from outbox order by id limit 1"
                .to_owned(),
            "delete from outbox_deliveries".to_owned(),
        ),
        "every event was acknowledged",
        "was not acknowledged by order-service".to_owned(),
    );
    // EVT-3
    let received =
        "event_id = (select min(event_id::text)::uuid from inbox where consumer = 'order-service')";
    let elsewhere = "consumer = 'nobody'";
    add(
        order,
        set(
            "inbox",
            ("consumer = 'nobody'", received),
            ("consumer = 'order-service'", elsewhere),
        ),
        "every event is in each inbox once",
        "about a payment never reached order-service".to_owned(),
    );
    // AUT-7, AUT-5
    let token = "used_at is null and session_id = (select min(id::text)::uuid from sessions)";
    let used = "used_at = '2001-01-01'";
    add(
        user,
        set(
            "refresh_tokens",
            ("used_at = '2001-01-01'", token),
            ("used_at = null", used),
        ),
        "a session has one refresh token to go on with",
        "has 0 usable refresh tokens".to_owned(),
    );
    add(
        user,
        set(
            "signing_keys",
            ("signs_from = signs_from + interval '10 years'", "true"),
            ("signs_from = signs_from - interval '10 years'", "true"),
        ),
        "there is a key that signs",
        "none of the keys".to_owned(),
    );
    all
}
