//! Everybody wants the same thing.

use std::time::Duration;

use futures::future::{join_all, try_join_all};
use serde_json::Value;
use souk_test_shop::{Answer, Form, Person, Shop, eventually, order_of};

/// How long a buyer asks. A machine that builds something else meanwhile is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a buyer who orders one gets it. Whoever is told nothing clear asks again with the same key, when
/// the answer says to.
async fn gets_one(buyer: Person, wanted: i64, key: String) -> bool {
    let keyed = buyer.api.with("idempotency-key", key);
    let body = order_of(&[(wanted, 1)]);
    let answer = eventually(PATIENCE, "an order is answered clearly", || async {
        let answer = keyed.post("/api/orders", &body).await;
        if is_clear(&answer) {
            return Some(answer);
        }
        let pause = answer.header("retry-after").parse().unwrap_or_default();
        tokio::time::sleep(Duration::from_secs(pause)).await;
        None
    })
    .await;
    if answer.status != 202 {
        return answer.status == 201;
    }
    let order = format!("/api/orders/{}", answer.at("/id"));
    let seen = eventually(
        PATIENCE,
        "an accepted order is confirmed or cancelled",
        || async {
            let status = buyer.api.get(&order).await.at("/status");
            (status != "pending" && status != Value::Null).then_some(status)
        },
    )
    .await;
    seen == "confirmed"
}

fn is_clear(answer: &Answer) -> bool {
    match answer.status {
        201 => answer.at("/status") == "confirmed",
        202 => true,
        409 => answer.code() == "insufficient-stock",
        _ => false,
    }
}

async fn some_get_one(form: Form, buyers: usize, stock: u32) {
    let shop = Shop::start(form).await;
    let wanted = shop.seller().await.sells("Wanted by all", "18.00", stock).await;
    // Nobody may have more than a hundred unpaid orders.
    let customers = join_all((0..buyers.div_ceil(50)).map(|_| shop.customer())).await;
    let orders = customers.iter().cycle().take(buyers).enumerate();
    let orders =
        orders.map(|(n, customer)| tokio::spawn(gets_one(customer.clone(), wanted, format!("race-{n}"))));
    let got = try_join_all(orders).await.expect("every buyer is told");
    assert_eq!(got.into_iter().filter(|got| *got).count(), stock as usize);
    assert_eq!(shop.available(wanted).await, 0);
    shop.check_books().await;
}

// STK-3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_five_hundred_orders_for_a_hundred_units_a_hundred_are_confirmed() {
    some_get_one(Form::OneProcess, 500, 100).await;
}

// STK-3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_orders_for_ten_units_ten_are_confirmed_by_five_processes() {
    some_get_one(Form::FiveProcesses, 50, 10).await;
}
