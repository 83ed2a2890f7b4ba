//! Who takes part: a seller with products, buyers, an admin. Each signs in again when a token is over.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runtime::StartError;
use serde_json::{Value, json};

use super::http::{Answer, Http};
use super::outside::Stripe;
use super::plan::{BUYERS, PRODUCTS};
use super::shop::Shop;
use types::SystemClock;

/// The password of everybody here: their shop is gone in minutes.
const PASSWORD: &str = "prove it to me then";
/// How often and how long apart something is asked until there is an answer.
const ATTEMPTS: u32 = 400;
/// The pause before it is asked again.
pub(super) const PAUSE: Duration = Duration::from_millis(150);
/// On every shelf but the last one.
const PLENTY: i64 = 1_000_000;

/// A person.
#[derive(Clone)]
pub(super) struct Person {
    gateway: Http,
    email: String,
    token: Arc<Mutex<String>>,
}

/// Everybody, and what is on sale.
pub(super) struct People {
    pub(super) buyers: Vec<Person>,
    pub(super) admin: Person,
    /// Products, with what was on the shelf at first.
    pub(super) products: Vec<(i64, i64)>,
    /// Whose products are on sale.
    pub(super) seller: Person,
    /// What happens at Stripe without the shop.
    pub(super) stripe: Stripe,
    pub(super) gateway: Http,
}

impl People {
    /// Signs everybody up, and fills the shelves; `scarce` on the last one.
    pub(super) async fn gather(shop: &Shop, gateway: Http, scarce: i64) -> Result<Self, StartError> {
        let users = pg::connect(&pg::PgSettings::new(shop.databases.user.clone(), "souk-prove")).await?;
        let admin = "admin@prove.example";
        user_service::operator::create_admin(&users, &SystemClock, admin, PASSWORD).await?;
        users.close().await;
        let seller = Person::sign_up(&gateway, "seller@prove.example", "seller").await?;
        let mut products = Vec::new();
        for n in 0..PRODUCTS {
            let stock = if n + 1 == PRODUCTS { scarce } else { PLENTY };
            let body = json!({"name": format!("Proven mug {n}"), "price": "18.00", "stock": stock});
            let made = seller.call("POST", "/api/products", Some(&body), "").await?;
            let id = made.number("/id");
            products.push((
                id.ok_or_else(|| format!("no product was made: {}", made.body))?,
                stock,
            ));
        }
        let mut buyers = Vec::new();
        for n in 0..BUYERS {
            let email = format!("buyer-{n}@prove.example");
            buyers.push(Person::sign_up(&gateway, &email, "customer").await?);
        }
        let admin = Person::known(&gateway, admin);
        admin.sign_in().await?;
        Ok(Self {
            buyers,
            admin,
            products,
            seller,
            stripe: shop.stripe(),
            gateway,
        })
    }
}

impl People {
    /// How many orders wait for their money.
    pub(super) async fn unpaid(&self) -> Result<i64, String> {
        let path = "/api/orders?as=admin&status=confirmed&limit=1";
        let answer = self.admin.call("GET", path, None, "").await?;
        let total = answer.number("/pagination/total");
        total.ok_or_else(|| format!("orders cannot be counted: {}", answer.body))
    }
}

impl Person {
    fn known(gateway: &Http, email: &str) -> Self {
        Self {
            gateway: gateway.clone(),
            email: email.to_owned(),
            token: Arc::default(),
        }
    }

    async fn sign_up(gateway: &Http, email: &str, role: &str) -> Result<Self, StartError> {
        let body = json!({"email": email, "password": PASSWORD, "first_name": "Ada", "role": role});
        let answer = gateway.post("/api/auth/register", &body).await?;
        if answer.status != 201 {
            return Err(format!("{email} was not signed up: {}", answer.body).into());
        }
        let person = Self::known(gateway, email);
        person.sign_in().await?;
        Ok(person)
    }

    async fn sign_in(&self) -> Result<(), String> {
        let body = json!({"email": self.email, "password": PASSWORD});
        let answer = self.gateway.post("/api/auth/login", &body).await?;
        if answer.status != 200 {
            return Err(format!("{} was not signed in: {}", self.email, answer.status));
        }
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = answer.text("/accessToken");
        Ok(())
    }

    /// Asks until there is a clear answer, with the same `key` if there is one: no answer, an overload, a fault or a
    /// twin under way is none.
    pub(super) async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: &str,
    ) -> Result<Answer, String> {
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            match self.once(method, path, body, key).await {
                Ok(answer) if answer.status == 401 => {
                    // A token is over, or user-service does not answer for it.
                    if let Err(error) = self.sign_in().await {
                        last = error;
                    }
                }
                Ok(answer) if is_clear(&answer) => return Ok(answer),
                Ok(answer) => last = format!("{}: {}", answer.status, answer.body),
                Err(error) => last = error,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(format!("{method} {path} was never answered; last: {last}"))
    }

    async fn once(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: &str,
    ) -> Result<Answer, String> {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut http = self.gateway.with("authorization", format!("Bearer {token}"));
        if !key.is_empty() {
            http = http.with("idempotency-key", key);
        }
        match (method, body) {
            ("POST", Some(body)) => http.post(path, body).await,
            ("PUT", Some(body)) => http.put(path, body).await,
            _ => http.get(path).await,
        }
    }
}

fn is_clear(answer: &Answer) -> bool {
    let in_progress = answer.status == 409 && answer.text("/code") == "idempotency-in-progress";
    answer.status < 500 && answer.status != 429 && !in_progress
}
