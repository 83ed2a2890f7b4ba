//! `kill -9`, in the middle.

use std::process::Command;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use souk_test_shop::{Api, Person, SoukUp, as_stripe_client, eventually, free_ports, order_of};

use crate::up::Folder;

const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

/// Orders one after the other, each paid at once, until nobody answers any more.
async fn buys_until_the_shop_is_gone(customer: Person, stripe: Api, product: i64) {
    let json = Some("application/json");
    loop {
        let body = order_of(&[(product, 1)]).to_string();
        let Ok(order) = customer
            .api
            .try_send(Method::POST, "/api/orders", json, body)
            .await
        else {
            return;
        };
        let intent = order.at("/payment/paymentIntentId");
        let path = format!(
            "/v1/payment_intents/{}/confirm",
            intent.as_str().unwrap_or_default()
        );
        if stripe
            .try_send(Method::POST, &path, FORM, "payment_method=pm_card_visa")
            .await
            .is_err()
        {
            return;
        }
    }
}

async fn orders_of(customer: &Person) -> Vec<Value> {
    let mut all = Vec::new();
    let mut path = "/api/orders?limit=100".to_owned();
    loop {
        let page = customer.api.get(&path).await.expect(200);
        all.extend(page.at("/orders").as_array().cloned().unwrap_or_default());
        match page.at("/pagination/nextCursor").as_str() {
            Some(cursor) => path = format!("/api/orders?limit=100&cursor={cursor}"),
            None => return all,
        }
    }
}

/// Every order got somewhere, what Stripe took is paid, and the stock is what the orders leave of it.
async fn check_after_the_crash(api: &Api, stripe: &Api, customer: &Person, product: i64, stock: i64) {
    let orders = eventually(
        Duration::from_secs(90),
        "every order has got somewhere",
        || async {
            let orders = orders_of(customer).await;
            let settled = async {
                for order in &orders {
                    match order["status"].as_str().unwrap_or_default() {
                        "paid" | "cancelled" => {}
                        "confirmed" => {
                            let intent = order["payment"]["paymentIntentId"].as_str().unwrap_or_default();
                            let intent = stripe.get(&format!("/v1/payment_intents/{intent}")).await;
                            if intent.at("/status") == "succeeded" {
                                return false;
                            }
                        }
                        _ => return false,
                    }
                }
                true
            };
            settled.await.then_some(orders.clone())
        },
    )
    .await;
    let count = |status: &str| orders.iter().filter(|o| o["status"] == status).count() as i64;
    assert!(count("paid") > 0, "the burst got somewhere before the crash");
    let out = count("paid") + count("confirmed");
    eventually(
        Duration::from_secs(30),
        "no stock is held for nothing",
        || async {
            let left = api
                .get(&format!("/api/products/{product}"))
                .await
                .at("/stockQuantity");
            (left == stock - out).then_some(())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kill_9_in_a_burst_of_orders_each_is_in_a_legal_state_and_no_stock_is_held_for_nothing() {
    let folder = Folder::new("crash");
    let base = free_ports(6);
    let mut up = SoukUp::start(&folder.0, base, &["--rate-limit", "off"]);
    let (api, stripe) = (Api::new(up.gateway()), as_stripe_client(up.stripe()));
    let seller = Person::sign_in(&api, "seller@demo.souk", "souk-demo-2026").await;
    let customer = Person::sign_in(&api, "customer@demo.souk", "souk-demo-2026").await;
    let stock = 900;
    let product = seller.sells("Mug in a storm", "18.00", 900).await;

    for round in 0..3 {
        let buyers: Vec<_> = (0..8)
            .map(|_| {
                tokio::spawn(buys_until_the_shop_is_gone(
                    customer.clone(),
                    stripe.clone(),
                    product,
                ))
            })
            .collect();
        let before = orders_of(&customer).await.len();
        eventually(Duration::from_secs(30), "the burst is on", || async {
            (orders_of(&customer).await.len() >= before + 20).then_some(())
        })
        .await;
        // The shop; PostgreSQL; both.
        let postgres =
            std::fs::read_to_string(folder.0.join("postgres/cluster/postmaster.pid")).unwrap_or_default();
        let postgres = postgres.lines().next().unwrap_or_default().to_owned();
        let kill_postgres = || drop(Command::new("kill").args(["-9", &postgres]).status());
        match round {
            0 => {
                up.process.kill();
                drop(futures::future::join_all(buyers).await);
                up = SoukUp::start(&folder.0, base, &["--rate-limit", "off"]);
            }
            1 => {
                kill_postgres();
                eventually(
                    Duration::from_secs(60),
                    "PostgreSQL is back and orders go on",
                    || async {
                        let answer = customer.orders(&[(product, 1)]).await;
                        (answer.status == 201).then_some(())
                    },
                )
                .await;
                buyers.iter().for_each(tokio::task::JoinHandle::abort);
            }
            _ => {
                kill_postgres();
                up.process.kill();
                drop(futures::future::join_all(buyers).await);
                up = SoukUp::start(&folder.0, base, &["--rate-limit", "off"]);
            }
        }
        check_after_the_crash(&api, &stripe, &customer, product, stock).await;
    }
    up.process.stop();
}
