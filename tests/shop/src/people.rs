//! Somebody who uses the shop.

use serde_json::{Value, json};

use crate::client::{Answer, Api};

/// A signed-in person.
#[derive(Clone)]
pub struct Person {
    /// The gateway, called with this person's token.
    pub api: Api,
    /// The address.
    pub email: String,
    /// The account.
    pub id: i64,
    /// The refresh token of the session.
    pub refresh_token: String,
}

/// The password of everybody here.
pub const PASSWORD: &str = "correct horse battery";

impl Person {
    /// Signs up as `role` and in.
    ///
    /// # Panics
    /// It is refused.
    pub async fn sign_up(gateway: &Api, role: &str) -> Self {
        let email = format!("{role}-{}@people.example", uuid::Uuid::now_v7().simple());
        let body = json!({"email": email, "password": PASSWORD, "first_name": "Ada", "role": role});
        drop(gateway.post("/api/auth/register", &body).await.expect(201));
        Self::sign_in(gateway, &email, PASSWORD).await
    }

    /// Signs in.
    ///
    /// # Panics
    /// It is refused.
    pub async fn sign_in(gateway: &Api, email: &str, password: &str) -> Self {
        let body = json!({"email": email, "password": password});
        let answer = gateway.post("/api/auth/login", &body).await.expect(200).json();
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        Self {
            api: gateway.with("authorization", format!("Bearer {}", text("accessToken"))),
            email: email.to_owned(),
            id: answer["user"]["id"].as_i64().expect("a user's id"),
            refresh_token: text("refreshToken"),
        }
    }

    /// Puts a product on sale and returns its id.
    ///
    /// # Panics
    /// It is refused.
    pub async fn sells(&self, name: &str, price: &str, stock: u32) -> i64 {
        let body = json!({"name": name, "price": price, "stock": stock});
        let answer = self.api.post("/api/products", &body).await.expect(201);
        answer.at("/id").as_i64().expect("a product's id")
    }

    /// Orders `quantity` of each product.
    pub async fn orders(&self, items: &[(i64, u32)]) -> Answer {
        self.api.post("/api/orders", &order_of(items)).await
    }
}

/// The body of an order.
#[must_use]
pub fn order_of(items: &[(i64, u32)]) -> Value {
    let items: Vec<Value> = items
        .iter()
        .map(|(id, quantity)| json!({"productId": id, "quantity": quantity}))
        .collect();
    json!({"items": items, "shippingAddress": "1 Loop Road", "shippingCity": "Utrecht", "shippingCountry": "NL"})
}
