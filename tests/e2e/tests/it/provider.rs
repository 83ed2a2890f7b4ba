//! The whole flow of money with the provider that the environment names, as `scripts/provider.sh` does: Stripe itself, where
//! `STRIPE_SECRET_KEY` holds the key of a test account; a server at `PROVIDER_URL`, localstripe with
//! `PROVIDER_KIND=localstripe`; or else the shop's own stand-in.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use souk_test_shop::{Form, Person, Shop, eventually};

/// A provider across the internet answers slowly.
const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &str = "whsec_of-the-flow-0123456789abcdef";

struct Provider {
    url: String,
    key: String,
    is_localstripe: bool,
}

#[expect(clippy::disallowed_methods, reason = "the environment says what is tested")]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Provider {
    /// `None`: the shop's own.
    fn find() -> Option<Self> {
        if let Some(key) = env("STRIPE_SECRET_KEY") {
            assert!(key.starts_with("sk_test_"), "a test account's key, nothing else");
            return Some(Self {
                url: "https://api.stripe.com".to_owned(),
                key,
                is_localstripe: false,
            });
        }
        Some(Self {
            url: env("PROVIDER_URL")?,
            key: "sk_test_souk_sandbox".to_owned(),
            is_localstripe: env("PROVIDER_KIND").as_deref() == Some("localstripe"),
        })
    }

    fn own(shop: &Shop) -> Self {
        Self {
            url: shop.stripe.base().to_owned(),
            key: "sk_test_souk_sandbox".to_owned(),
            is_localstripe: false,
        }
    }

    /// What the payer's browser sends.
    fn send(&self, path: &str, form: &[&str]) -> Value {
        let form: Vec<&str> = form.iter().flat_map(|pair| ["-d", pair]).collect();
        self.curl(path, &form)
    }

    fn curl(&self, path: &str, more: &[&str]) -> Value {
        let mut curl = Command::new("curl");
        curl.args([
            "-sS",
            "--max-time",
            "30",
            "-X",
            "POST",
            "-u",
            &format!("{}:", self.key),
        ]);
        curl.args(more).arg(format!("{}{path}", self.url));
        let said = curl.output().expect("curl runs");
        serde_json::from_slice(&said.stdout).unwrap_or_default()
    }

    fn pay(&self, intent: &str, good: bool) {
        let card = match (self.is_localstripe, good) {
            (false, true) => json!("pm_card_visa"),
            (false, false) => json!("pm_card_chargeDeclined"),
            // It knows no cards by name, and takes one with the intent, not with its confirmation.
            (true, _) => {
                let number = match good {
                    true => "card[number]=4242424242424242",
                    false => "card[number]=4000000000000341",
                };
                let rest = [
                    "type=card",
                    "card[exp_month]=12",
                    "card[exp_year]=2034",
                    "card[cvc]=123",
                ];
                self.send("/v1/payment_methods", &[&rest[..], &[number]].concat())["id"].clone()
            }
        };
        let card = format!("payment_method={}", card.as_str().expect("a card"));
        let path = format!("/v1/payment_intents/{intent}");
        drop(self.send(&path, &[&card]));
        drop(self.send(&format!("{path}/confirm"), &[]));
    }
}

/// Looks at the payment until it stands so, as the page does to which a payer returns: no webhook is needed.
async fn payment(who: &Person, order: &Value, is: &str) -> Value {
    eventually(PATIENCE, &format!("the payment is {is}"), || async {
        let payment = who.api.get(&format!("/api/payments/order/{order}")).await;
        (payment.at("/status") == is).then(|| payment.json())
    })
    .await
}

// PAY-20
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_declined_paid_and_refunded_at_the_provider() {
    let named = Provider::find();
    let mut settings = vec![
        ("STRIPE_WEBHOOK_SECRETS", SECRET),
        ("SANDBOX_WEBHOOK_SECRET", SECRET),
    ];
    if let Some(provider) = &named {
        settings.push(("STRIPE_API_URL", &provider.url));
        settings.push(("STRIPE_SECRET_KEY", &provider.key));
    }
    let shop = Shop::start_with(Form::FiveProcesses, &settings).await;
    let provider = named.unwrap_or_else(|| Provider::own(&shop));
    if provider.is_localstripe {
        let here = format!("{}/api/payments/webhook", shop.api.base());
        let hook = json!({"url": here, "secret": SECRET}).to_string();
        let json = ["-H", "content-type: application/json", "-d", &hook];
        drop(provider.curl("/_config/webhooks/shop", &json));
    }
    let (seller, customer, admin) = (shop.seller().await, shop.customer().await, shop.admin().await);
    let mug = seller.sells("Mug of the world", "18.00", 10).await;

    let order = customer.orders(&[(mug, 2)]).await.expect(201).json();
    let (id, total) = (order["id"].clone(), order["total"].clone());
    let intent = order["payment"]["paymentIntentId"].as_str().expect("an intent");
    provider.pay(intent, false);
    let declined = eventually(PATIENCE, "the reason of the decline is shown", || async {
        let payment = customer
            .api
            .get(&format!("/api/payments/order/{id}"))
            .await
            .json();
        payment["lastError"].is_string().then_some(payment)
    })
    .await;
    assert_eq!(declined["amountCaptured"], "0.00", "{declined}");

    // At localstripe an intent whose charge failed takes no other.
    let order = match provider.is_localstripe {
        true => customer.orders(&[(mug, 2)]).await.expect(201).json(),
        false => order,
    };
    let (id, intent) = (order["id"].clone(), &order["payment"]["paymentIntentId"]);
    provider.pay(intent.as_str().expect("an intent"), true);
    payment(&customer, &id, "succeeded").await;
    shop.until_status(&customer, id.as_i64().expect("an id"), "paid")
        .await;

    let part = json!({"orderId": id, "amount": "1.50"});
    drop(admin.api.post("/api/payments/refund", &part).await.expect(200));
    let parted = payment(&customer, &id, "partially_refunded").await;
    assert_eq!(parted["amountRefunded"], "1.50", "{parted}");
    drop(
        admin
            .api
            .post("/api/payments/refund", &json!({"orderId": id}))
            .await
            .expect(200),
    );
    let whole = payment(&customer, &id, "refunded").await;
    assert_eq!(whole["amountRefunded"], total, "{whole}");
    shop.until_status(&customer, id.as_i64().expect("an id"), "refunded")
        .await;
    shop.check_books().await;
}
