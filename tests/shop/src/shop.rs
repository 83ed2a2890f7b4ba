//! A shop in either form, as a client meets it.

use std::time::{Duration, Instant};

use base64::Engine as _;
use http::Method;
use serde_json::Value;

use crate::client::{Answer, Api};
use crate::databases::Databases;
use crate::five::FiveProcesses;
use crate::people::Person;
use crate::single::OneProcess;

/// How long anything in the shop may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In the test's process, in memory.
    OneProcess,
    /// Five processes, over sockets.
    FiveProcesses,
}

enum Running {
    One(OneProcess),
    Five(FiveProcesses),
}

/// A shop, its databases and its stand-in for Stripe.
pub struct Shop {
    /// The gateway.
    pub api: Api,
    /// The stand-in for Stripe.
    pub stripe: Api,
    /// What it keeps.
    pub databases: Databases,
    running: Running,
}

impl Shop {
    /// Starts one in this form.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start(form: Form) -> Self {
        Self::start_with(form, &[]).await
    }

    /// Starts one with `more` settings.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start_with(form: Form, more: &[(&str, &str)]) -> Self {
        let databases = Databases::create().await;
        let redis = cache::testing::database().await;
        let mut more = more.to_vec();
        more.extend(redis.as_deref().map(|url| ("REDIS_URL", url)));
        let more = more.as_slice();
        let (gateway, stripe, running) = match form {
            Form::OneProcess => {
                let one = OneProcess::start(&databases, more).await;
                let (gateway, stripe) = (
                    format!("http://{}", one.gateway),
                    format!("http://{}", one.stripe),
                );
                (gateway, stripe, Running::One(one))
            }
            Form::FiveProcesses => {
                let five = FiveProcesses::start(&databases, more).await;
                (five.gateway(), five.public("stripe-sandbox"), Running::Five(five))
            }
        };
        Self {
            api: Api::new(gateway),
            stripe: as_stripe_client(stripe),
            databases,
            running,
        }
    }

    /// The clock of a shop in one process.
    ///
    /// # Panics
    /// It is in the other form.
    #[must_use]
    pub fn one(&self) -> &OneProcess {
        match &self.running {
            Running::One(one) => one,
            Running::Five(_) => panic!("this shop is five processes"),
        }
    }

    /// Stops it in good order; its databases stay.
    pub async fn stop(&mut self) {
        match &mut self.running {
            Running::One(one) => one.stop().await,
            Running::Five(five) => five.stop_all(),
        }
    }

    /// The processes of a shop that is five.
    ///
    /// # Panics
    /// It is in the other form.
    pub fn five(&mut self) -> &mut FiveProcesses {
        match &mut self.running {
            Running::Five(five) => five,
            Running::One(_) => panic!("this shop is in one process"),
        }
    }

    /// Where the public port of a service is, such as `order-service`.
    ///
    /// # Panics
    /// There is no such service.
    #[must_use]
    pub fn service(&self, name: &str) -> Api {
        match &self.running {
            Running::Five(five) => Api::new(five.public(name)),
            Running::One(one) => {
                let names = [
                    "user-service",
                    "product-service",
                    "order-service",
                    "payment-service",
                ];
                let at = names.iter().position(|n| *n == name).expect("a service's name");
                Api::new(format!("http://{}", one.services[at]))
            }
        }
    }

    /// A new customer.
    pub async fn customer(&self) -> Person {
        Person::sign_up(&self.api, "customer").await
    }

    /// A new seller.
    pub async fn seller(&self) -> Person {
        Person::sign_up(&self.api, "seller").await
    }

    /// A new admin, made as an operator makes one.
    ///
    /// # Panics
    /// It is refused.
    pub async fn admin(&self) -> Person {
        let email = format!("admin-{}@people.example", uuid::Uuid::now_v7().simple());
        let clock = types::SystemClock;
        user_service::operator::create_admin(
            &self.databases.user.pool,
            &clock,
            &email,
            crate::people::PASSWORD,
        )
        .await
        .expect("an admin");
        Person::sign_in(&self.api, &email, crate::people::PASSWORD).await
    }

    /// Pays an intent with a test card, as a browser does it with Stripe.
    pub async fn pay(&self, intent: &str, card: &str) -> Answer {
        let form = Some("application/x-www-form-urlencoded");
        let path = format!("/v1/payment_intents/{intent}/confirm");
        let body = format!("payment_method={card}");
        match self.stripe.try_send(Method::POST, &path, form, body).await {
            Ok(answer) => answer,
            Err(error) => panic!("the stand-in for Stripe: {error}"),
        }
    }

    /// Waits until `who` sees the order in `status`; returns it.
    pub async fn until_status(&self, who: &Person, order: i64, status: &str) -> Value {
        let what = format!("order {order} becomes {status}");
        eventually(PATIENCE, &what, || async {
            let answer = who.api.get(&format!("/api/orders/{order}")).await;
            (answer.at("/status") == status).then(|| answer.json())
        })
        .await
    }

    /// What product-service says is available.
    pub async fn available(&self, product: i64) -> i64 {
        let answer = self.api.get(&format!("/api/products/{product}")).await;
        answer.at("/stockQuantity").as_i64().unwrap_or(-1)
    }

    /// Waits until nothing is left to do anywhere, then compares the books of all services.
    pub async fn check_books(&self) {
        crate::books::settle(&self.databases).await;
        crate::books::check_books(&self.databases).await;
    }
}

/// Calls the stand-in for Stripe as its documentation's curl commands do.
#[must_use]
pub fn as_stripe_client(base: String) -> Api {
    let login = base64::engine::general_purpose::STANDARD.encode("sk_test_souk_sandbox:");
    Api::new(base).with("authorization", format!("Basic {login}"))
}

/// Asks until there is an answer; gives up after `patience` and says what was waited for.
///
/// # Panics
/// There was none in time.
pub async fn eventually<T, F, W>(patience: Duration, what: &str, mut ask: W) -> T
where
    W: FnMut() -> F,
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            started.elapsed() < patience,
            "waited {patience:?} in vain: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
