//! `souk reconcile`, as an operator uses it after webhooks were lost.

use http::Method;
use serde_json::Value;
use souk_test_shop::{Answer, Api, Form, Person, Shop, SoukUp, as_stripe_client, free_ports};

use crate::up::{Folder, souk};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9/";

async fn at_stripe(stripe: &Api, path: &str, form: &str) -> Answer {
    let kind = Some("application/x-www-form-urlencoded");
    let sent = stripe.try_send(Method::POST, path, kind, form.to_owned()).await;
    sent.expect("the stand-in for Stripe answers")
}

/// The same as [`souk`], beside the shop that this very process is.
async fn reconcile(settings: Vec<(&'static str, String)>) -> (bool, String) {
    let said = tokio::task::spawn_blocking(move || {
        let settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
        souk(&["reconcile"], &settings)
    });
    said.await.expect("souk reconcile runs")
}

// PAY-16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_hour_without_any_webhook_one_run_makes_all_orders_right() {
    let settings = [
        ("SANDBOX_WEBHOOK_URL", NOWHERE),
        ("PAYMENT_RECHECK_SECONDS", "86400"),
    ];
    let shop = Shop::start_with(Form::OneProcess, &settings).await;
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let mug = seller.sells("Untold mug", "18.00", 100).await;
    let mut expected = Vec::new();
    for number in 0..18 {
        let order = customer.orders(&[(mug, 1)]).await.expect(201);
        let intent = order.at("/payment/paymentIntentId");
        let intent = intent.as_str().unwrap_or_default();
        let status = match number % 6 {
            0 | 1 => {
                drop(shop.pay(intent, "pm_card_visa").await.expect(200));
                "paid"
            }
            2 => {
                drop(shop.pay(intent, "pm_card_visa").await.expect(200));
                let refund = format!("payment_intent={intent}");
                drop(at_stripe(&shop.stripe, "/v1/refunds", &refund).await.expect(200));
                "refunded"
            }
            3 => {
                let cancel = format!("/v1/payment_intents/{intent}/cancel");
                drop(at_stripe(&shop.stripe, &cancel, "").await.expect(200));
                "cancelled"
            }
            4 => {
                drop(shop.pay(intent, "pm_card_chargeDeclined").await.expect(402));
                "confirmed"
            }
            _ => "confirmed",
        };
        expected.push((order.at("/id").as_i64().unwrap_or_default(), status));
    }
    for (order, _) in &expected {
        shop.until_status(&customer, *order, "confirmed").await;
    }

    let environment = || {
        vec![
            ("PAYMENT_DATABASE_URL", shop.databases.payment.url.clone()),
            ("STRIPE_API_URL", shop.stripe.base().to_owned()),
        ]
    };
    let (ok, said) = reconcile(environment()).await;
    assert!(ok && said.contains("are the same"), "{said}");
    // Fifteen intents moved, and three refunds were made.
    assert!(
        said.contains("18        15            0  payment intents"),
        "{said}"
    );
    assert!(said.contains("3         3            0  refunds"), "{said}");
    for (order, status) in &expected {
        shop.until_status(&customer, *order, status).await;
    }
    shop.check_books().await;

    let (ok, said) = reconcile(environment()).await;
    assert!(
        ok && said.contains("18         0            0  payment intents"),
        "{said}"
    );

    // Money that belongs to no order cannot be explained.
    let new = "amount=700&currency=usd&payment_method=pm_card_visa&confirm=true";
    let stranger = at_stripe(&shop.stripe, "/v1/payment_intents", new)
        .await
        .expect(200);
    let stranger = stranger.at("/id");
    let stranger = stranger.as_str().unwrap_or_default().to_owned();
    let (ok, said) = reconcile(environment()).await;
    assert!(
        !ok && said.contains(&format!(
            "UNEXPLAINED  {stranger}, 7.00 USD: it is for no order here"
        )),
        "{said}"
    );
    shop.check_books().await;
}

// PAY-16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn souk_reconcile_finds_the_provider_of_an_embedded_shop() {
    let folder = Folder::new("reconcile");
    let dir = folder.0.display().to_string();
    let (ok, said) = souk(&["reconcile"], &[]);
    assert!(!ok && said.contains("PAYMENT_DATABASE_URL"), "{said}");
    let (ok, said) = souk(&["reconcile", "--data", &dir], &[]);
    assert!(!ok && said.contains("no shop runs"), "{said}");

    let up = SoukUp::start(&folder.0, free_ports(6), &[]);
    let api = Api::new(up.gateway());
    let customer = Person::sign_in(&api, "customer@demo.souk", "souk-demo-2026").await;
    let product = api.get("/api/products?limit=1").await.expect(200);
    let product = product.at("/products/0/id").as_i64().unwrap_or_default();
    let order = customer.orders(&[(product, 1)]).await.expect(201);
    assert!(order.at("/payment/paymentIntentId") != Value::Null);
    let (ok, said) = souk(&["reconcile", "--data", &dir], &[]);
    assert!(
        ok && said.contains("1         0            0  payment intents"),
        "{said}"
    );
    let stripe = as_stripe_client(up.stripe());
    let new = "amount=700&currency=usd";
    drop(at_stripe(&stripe, "/v1/payment_intents", new).await.expect(200));
    let (ok, said) = souk(&["reconcile", "--open", "--data", &dir], &[]);
    assert!(
        !ok && said.contains("UNEXPLAINED") && said.contains("0.00 USD"),
        "{said}"
    );
    up.process.stop();
}
