//! Calls to Stripe's HTTP API: form-encoded, keyed, bounded in time and size.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use runtime::{Breaker, Dependency, Secret};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use types::{Clock, OrderId, PaymentId, RefundId};

use super::dispute::Dispute;
use super::error::{Cause, StripeError};
use super::judge::judge;
use super::objects::{Intent, List, Refund};

/// The version whose shapes [`super::objects`] reads; the webhook endpoint is made with the same.
const VERSION: &str = "2026-09-30.endive";
/// The largest answer that is read.
const MAX_ANSWER: usize = 1024 * 1024;
/// How often a request is repeated while its twin, with the same key, runs over there.
const TWIN_TRIES: u32 = 6;
/// How many pages of a list are read, a hundred a page.
const MOST_PAGES: usize = 200;
/// The first pause before such a repetition; the next are longer.
const TWIN_PAUSE: Duration = Duration::from_millis(40);

/// Where Stripe is and who we are to it.
#[derive(Clone, Debug)]
pub struct StripeSettings {
    /// `https://api.stripe.com`, or a sandbox.
    pub api: Uri,
    /// `sk_live_…` or `sk_test_…`.
    pub key: Secret,
    /// Whether the key moves real money.
    pub live: bool,
    /// How long one call may take.
    pub timeout: Duration,
}

/// The client. Cheap to clone.
#[derive(Clone)]
pub struct Stripe {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    settings: Arc<StripeSettings>,
    bearer: HeaderValue,
    breaker: Breaker,
}

/// An intent to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewIntent<'a> {
    /// As Stripe counts it.
    pub amount: i64,
    /// ISO 4217.
    pub currency: &'a str,
    /// Such as `card`.
    pub methods: &'a [String],
    /// The order it is for.
    pub order_id: OrderId,
    /// Our row.
    pub payment_id: PaymentId,
}

/// A refund to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewRefund<'a> {
    /// What it takes from.
    pub intent_id: &'a str,
    /// As Stripe counts it.
    pub amount: i64,
    /// The order it is for.
    pub order_id: OrderId,
    /// Our row.
    pub refund_id: RefundId,
}

/// A page of everything of one kind, newest first.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What is on it.
    pub data: Vec<T>,
    /// Where the next one begins; nothing on the last one.
    pub next: Option<String>,
}

type Form = Vec<(&'static str, String)>;

impl Stripe {
    /// A client; connects when it is first used.
    ///
    /// # Errors
    /// The key is not text that fits a header, or TLS cannot be set up.
    pub fn new(settings: StripeSettings, clock: Arc<dyn Clock>) -> Result<Self, runtime::StartError> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(settings.timeout));
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_timer(TokioTimer::new())
            .build(https);
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", settings.key.expose()))?;
        bearer.set_sensitive(true);
        Ok(Self {
            client,
            settings: Arc::new(settings),
            bearer,
            breaker: Breaker::new(clock).shown(crate::NAME, "stripe"),
        })
    }

    /// Whether this is about real money.
    #[must_use]
    pub fn live(&self) -> bool {
        self.settings.live
    }

    /// How the provider is, as the latest calls found it: nobody is called for this.
    pub(crate) fn dependency(&self) -> Dependency {
        let breaker = self.breaker.clone();
        Dependency::new("stripe", move || {
            std::future::ready(if breaker.is_open() {
                Err("unavailable")
            } else {
                Ok(())
            })
        })
    }

    /// Makes an intent; with the same key, the same again.
    pub async fn create_intent(&self, key: &str, new: NewIntent<'_>) -> Result<Intent, StripeError> {
        let mut form: Form = vec![
            ("amount", new.amount.to_string()),
            ("currency", new.currency.to_ascii_lowercase()),
            ("metadata[order_id]", new.order_id.to_string()),
            ("metadata[payment_id]", new.payment_id.to_string()),
        ];
        form.extend(new.methods.iter().map(|m| ("payment_method_types[]", m.clone())));
        self.ours(self.write("/v1/payment_intents", key, &form).await?)
    }

    /// Looks for the intent of our row among those made since `since`, newest first: for when its key may have been
    /// forgotten over there (PAY-4).
    pub async fn find_intent(
        &self,
        payment_id: PaymentId,
        since: OffsetDateTime,
    ) -> Result<Option<Intent>, StripeError> {
        let (since, wanted) = (since.unix_timestamp(), payment_id.to_string());
        let mut after = String::new();
        for _ in 0..MOST_PAGES {
            let path = format!("/v1/payment_intents?limit=100&created%5Bgte%5D={since}{after}");
            let page: List<Intent> = self.read(&path).await?;
            let last = page.data.last().map(|i| i.id.clone());
            let found = page
                .data
                .into_iter()
                .find(|i| i.metadata.get("payment_id") == Some(&wanted));
            match (found, last) {
                (Some(intent), _) => return self.ours(intent).map(Some),
                (None, Some(last)) if page.has_more => after = format!("&starting_after={}", checked(&last)?),
                (None, _) => return Ok(None),
            }
        }
        Err(StripeError::Unknown(Cause::Unreadable(
            "too many intents to look through".to_owned(),
        )))
    }

    /// A page of the intents made since `since`, or of all.
    pub async fn list_intents(
        &self,
        since: Option<OffsetDateTime>,
        after: Option<&str>,
    ) -> Result<Page<Intent>, StripeError> {
        let page = self
            .page("payment_intents", since, after, |i: &Intent| &i.id)
            .await?;
        if page.data.iter().any(|i| i.livemode != self.settings.live) {
            return Err(unreadable(&"livemode differs from the key's"));
        }
        Ok(page)
    }

    /// A page of the refunds made since `since`, or of all.
    pub async fn list_refunds(
        &self,
        since: Option<OffsetDateTime>,
        after: Option<&str>,
    ) -> Result<Page<Refund>, StripeError> {
        self.page("refunds", since, after, |r: &Refund| &r.id).await
    }

    /// A page of the disputes opened since `since`, or of all.
    pub async fn list_disputes(
        &self,
        since: Option<OffsetDateTime>,
        after: Option<&str>,
    ) -> Result<Page<Dispute>, StripeError> {
        self.page("disputes", since, after, |d: &Dispute| &d.id).await
    }

    /// Reads a dispute.
    pub async fn retrieve_dispute(&self, id: &str) -> Result<Dispute, StripeError> {
        let id = checked(id)?;
        self.read(&format!("/v1/disputes/{id}")).await
    }

    async fn page<T: DeserializeOwned>(
        &self,
        what: &str,
        since: Option<OffsetDateTime>,
        after: Option<&str>,
        id: impl Fn(&T) -> &String,
    ) -> Result<Page<T>, StripeError> {
        let mut path = format!("/v1/{what}?limit=100");
        if let Some(since) = since {
            path.push_str(&format!("&created%5Bgte%5D={}", since.unix_timestamp()));
        }
        if let Some(after) = after {
            path.push_str(&format!("&starting_after={}", checked(after)?));
        }
        let List { data, has_more } = self.read(&path).await?;
        let next = data.last().map(|last| id(last).clone()).filter(|_| has_more);
        Ok(Page { data, next })
    }

    /// Reads an intent.
    pub async fn retrieve_intent(&self, id: &str) -> Result<Intent, StripeError> {
        let id = checked(id)?;
        self.ours(self.read(&format!("/v1/payment_intents/{id}")).await?)
    }

    /// Cancels an intent; refused once it has succeeded.
    pub async fn cancel_intent(&self, key: &str, id: &str) -> Result<Intent, StripeError> {
        let id = checked(id)?;
        let form: Form = vec![("cancellation_reason", "abandoned".to_owned())];
        self.ours(
            self.write(&format!("/v1/payment_intents/{id}/cancel"), key, &form)
                .await?,
        )
    }

    /// Makes a refund; with the same key, the same again.
    pub async fn create_refund(&self, key: &str, new: NewRefund<'_>) -> Result<Refund, StripeError> {
        let form: Form = vec![
            ("payment_intent", new.intent_id.to_owned()),
            ("amount", new.amount.to_string()),
            ("metadata[order_id]", new.order_id.to_string()),
            ("metadata[refund_id]", new.refund_id.to_string()),
        ];
        self.write("/v1/refunds", key, &form).await
    }

    /// Reads a refund.
    pub async fn retrieve_refund(&self, id: &str) -> Result<Refund, StripeError> {
        let id = checked(id)?;
        self.read(&format!("/v1/refunds/{id}")).await
    }

    /// An intent's refunds, whoever made them; the hundred newest.
    pub async fn refunds_of(&self, intent_id: &str) -> Result<Vec<Refund>, StripeError> {
        let id = checked(intent_id)?;
        let list: List<Refund> = self
            .read(&format!("/v1/refunds?payment_intent={id}&limit=100"))
            .await?;
        Ok(list.data)
    }

    /// Test answers about real money, or the other way round, come from somewhere that is not ours.
    fn ours(&self, intent: Intent) -> Result<Intent, StripeError> {
        if intent.livemode == self.settings.live {
            return Ok(intent);
        }
        Err(StripeError::Unknown(Cause::Unreadable(
            "livemode differs from the key's".to_owned(),
        )))
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, StripeError> {
        self.send(Method::GET, path, None, Bytes::new()).await
    }

    async fn write<T: DeserializeOwned>(&self, path: &str, key: &str, form: &Form) -> Result<T, StripeError> {
        let body = serde_urlencoded::to_string(form).map_err(|e| unreadable(&e))?;
        let mut tries = 0;
        loop {
            tries += 1;
            match self
                .send(Method::POST, path, Some(key), Bytes::from(body.clone()))
                .await
            {
                Err(StripeError::Unknown(Cause::Busy)) if tries < TWIN_TRIES => {
                    tokio::time::sleep(TWIN_PAUSE * tries).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Bytes,
    ) -> Result<T, StripeError> {
        self.breaker
            .permit()
            .map_err(|rest| StripeError::Unknown(Cause::Resting(rest)))?;
        let (operation, asked) = (operation(&method, path), Instant::now());
        let request = self.request(method, path, key, body)?;
        let outcome = tokio::time::timeout(self.settings.timeout, self.exchange(request)).await;
        let outcome = outcome
            .unwrap_or(Err(Cause::TimedOut))
            .and_then(|(status, body)| judge(status, body));
        let (healthy, outcome) = match outcome {
            Ok(Ok(body)) => (true, Ok(body)),
            Ok(Err(declined)) => (true, Err(StripeError::Refused(declined))),
            Err(cause @ (Cause::Busy | Cause::Status(429))) => (true, Err(StripeError::Unknown(cause))),
            Err(cause) => (false, Err(StripeError::Unknown(cause))),
        };
        self.breaker.record(healthy);
        let word = match &outcome {
            Ok(_) => "ok",
            Err(StripeError::Refused(_)) => "refused",
            Err(StripeError::Unknown(_)) => "unknown",
        };
        metrics::counter!(
            "stripe_calls_total",
            "service" => crate::NAME, "operation" => operation, "outcome" => word
        )
        .increment(1);
        metrics::histogram!("stripe_call_seconds", "service" => crate::NAME, "operation" => operation)
            .record(asked.elapsed());
        serde_json::from_slice(&outcome?).map_err(|e| unreadable(&e))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, StripeError> {
        let mut parts = self.settings.api.clone().into_parts();
        parts.path_and_query = Some(path.parse().map_err(|e| unreadable(&e))?);
        let uri = Uri::from_parts(parts).map_err(|e| unreadable(&e))?;
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header(AUTHORIZATION, self.bearer.clone())
            .header("stripe-version", VERSION);
        if let Some(key) = key {
            request = request
                .header("idempotency-key", key)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        request.body(Full::new(body)).map_err(|e| unreadable(&e))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), Cause> {
        let response = self
            .client
            .request(request)
            .await
            .map_err(|e| Cause::Unreachable(e.to_string()))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|e| Cause::Unreadable(e.to_string()))?;
        Ok((status, body.to_bytes()))
    }
}

/// What a call is about, for metrics: a word, never an id.
fn operation(method: &Method, path: &str) -> &'static str {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let mut segments = path.trim_start_matches("/v1/").split('/');
    match (method, segments.next(), segments.next(), segments.next()) {
        (&Method::POST, Some("payment_intents"), None, _) => "create_intent",
        (&Method::POST, Some("payment_intents"), Some(_), Some("cancel")) => "cancel_intent",
        (&Method::GET, Some("payment_intents"), None, _) => "list_intents",
        (&Method::GET, Some("payment_intents"), Some(_), None) => "retrieve_intent",
        (&Method::POST, Some("refunds"), None, _) => "create_refund",
        (&Method::GET, Some("refunds"), None, _) => "list_refunds",
        (&Method::GET, Some("refunds"), Some(_), None) => "retrieve_refund",
        (&Method::GET, Some("disputes"), None, _) => "list_disputes",
        (&Method::GET, Some("disputes"), Some(_), None) => "retrieve_dispute",
        _ => "other",
    }
}

/// An id goes into a path: nothing but what ids are made of.
fn checked(id: &str) -> Result<&str, StripeError> {
    let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    plain
        .then_some(id)
        .ok_or_else(|| StripeError::Unknown(Cause::Unreadable("an id of an unknown form".to_owned())))
}

fn unreadable(error: &impl std::fmt::Display) -> StripeError {
    StripeError::Unknown(Cause::Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        assert!(checked("pi_3Nx").is_ok());
        for id in ["", "../x", "pi_1?x=1", "pi_1/cancel"] {
            assert!(checked(id).is_err(), "{id}");
        }
    }

    // GW-15
    #[test]
    fn calls_are_counted_by_what_they_do_and_never_by_an_id() {
        for (method, path, word) in [
            (Method::POST, "/v1/payment_intents", "create_intent"),
            (Method::POST, "/v1/payment_intents/pi_1/cancel", "cancel_intent"),
            (Method::GET, "/v1/payment_intents?limit=100", "list_intents"),
            (Method::GET, "/v1/payment_intents/pi_1", "retrieve_intent"),
            (Method::POST, "/v1/refunds", "create_refund"),
            (Method::GET, "/v1/refunds?payment_intent=pi_1", "list_refunds"),
            (Method::GET, "/v1/refunds/re_1", "retrieve_refund"),
            (Method::GET, "/v1/disputes?limit=100", "list_disputes"),
            (Method::GET, "/v1/disputes/du_1", "retrieve_dispute"),
            (Method::GET, "/v1/pi_1", "other"),
        ] {
            assert_eq!(operation(&method, path), word, "{method} {path}");
        }
    }
}
