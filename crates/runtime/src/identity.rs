//! Who is calling: internal calls carry a token that names the caller and the one service it is meant for.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use types::Clock;

use crate::secret::Secret;

/// How long a token lives, in seconds.
const LIFE: i64 = 60;

/// A service's proof of who it is, and its check of others.
#[derive(Clone)]
pub struct ServiceIdentity {
    name: &'static str,
    secrets: Arc<[Secret]>,
    clock: Arc<dyn Clock>,
}

/// Why a caller is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("internal calls need a valid service token for this service")]
pub struct BadServiceToken;

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: i64,
}

impl ServiceIdentity {
    /// The identity of `name`. The first secret signs, all verify, so that secrets rotate without a pause.
    #[must_use]
    pub fn new(name: &'static str, secrets: Vec<Secret>, clock: Arc<dyn Clock>) -> Self {
        Self {
            name,
            secrets: secrets.into(),
            clock,
        }
    }

    /// The service that this is.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A token for one call to `audience`, good for 60 seconds.
    pub fn token(&self, audience: &str) -> Result<String, BadServiceToken> {
        let claims = Claims {
            iss: self.name.to_owned(),
            aud: audience.to_owned(),
            exp: self.clock.now().unix_timestamp() + LIFE,
        };
        let secret = self.secrets.first().ok_or(BadServiceToken)?;
        let key = EncodingKey::from_secret(secret.expose().as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(|_| BadServiceToken)
    }

    /// The caller, if `token` was made for this service by one that holds a secret of ours.
    pub fn verify(&self, token: &str) -> Result<String, BadServiceToken> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[self.name]);
        validation.set_required_spec_claims(&["exp", "aud", "iss"]);
        validation.validate_exp = false; // checked below, by the clock that was passed in
        let now = self.clock.now().unix_timestamp();
        self.secrets
            .iter()
            .find_map(|secret| {
                let key = DecodingKey::from_secret(secret.expose().as_bytes());
                jsonwebtoken::decode::<Claims>(token, &key, &validation).ok()
            })
            .map(|data| data.claims)
            .filter(|claims| claims.exp > now && claims.exp <= now + LIFE + 5)
            .map(|claims| claims.iss)
            .ok_or(BadServiceToken)
    }
}

/// Middleware of every internal router: no service token, no entry.
pub async fn require_service(identity: ServiceIdentity, request: Request, next: Next) -> Response {
    let token = request.headers().get(AUTHORIZATION).and_then(|v| v.to_str().ok());
    match token
        .and_then(|v| v.strip_prefix("Bearer "))
        .ok_or(BadServiceToken)
        .and_then(|t| identity.verify(t))
    {
        Ok(_caller) => next.run(request).await,
        Err(refused) => tonic::Status::unauthenticated(refused.to_string())
            .into_http::<axum::body::Body>()
            .into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use types::TestClock;

    fn identity(name: &'static str, secrets: &[&str], clock: &Arc<TestClock>) -> ServiceIdentity {
        let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(clock);
        ServiceIdentity::new(name, secrets.iter().map(|s| Secret::new(*s)).collect(), clock)
    }

    // STK-15
    #[test]
    fn a_service_token_opens_one_service_for_a_minute() {
        let clock = Arc::new(TestClock::at(time::macros::datetime!(2026-01-01 00:00 UTC)));
        let order = identity("order-service", &["one"], &clock);
        let product = identity("product-service", &["two", "one"], &clock);
        let payment = identity("payment-service", &["one"], &clock);
        let stranger = identity("product-service", &["other"], &clock);

        let token = order.token("product-service").unwrap();
        assert_eq!(product.verify(&token).unwrap(), "order-service");
        assert!(payment.verify(&token).is_err(), "the audience is one service");
        assert!(stranger.verify(&token).is_err(), "the secret is ours");
        clock.advance(Duration::from_secs(61));
        assert!(product.verify(&token).is_err(), "a minute has passed");
    }
}
