//! The client against a provider: the sandbox, or whatever the environment names. The same test holds them all to
//! what the shop relies on.
//!
//! - `STRIPE_SECRET_KEY=sk_test_…`: Stripe itself, a test account;
//! - `PROVIDER_URL`, with `PROVIDER_KIND=localstripe` where it is that, `PROVIDER_HOOK` to listen for webhooks at and
//!   `PROVIDER_HOOK_SECRET` of their signatures: a process that runs;
//! - none of them: a sandbox of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use payment_service::domain::IntentState;
use payment_service::stripe::{Event, NewIntent, NewRefund, Signatures, Stripe, StripeError, StripeSettings};
use runtime::{Bindings, Limits, Running, Secret, Served, Shared, SystemClock, serve};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use types::{OrderId, PaymentId, RefundId};

const SANDBOX_KEY: &str = "sk_test_souk_sandbox";
const METHODS: &str = "card";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stripe,
    Sandbox,
    /// Knows no idempotency keys, no reasons of cancelling and no windows of time.
    Localstripe,
}

struct Provider {
    kind: Kind,
    url: String,
    key: String,
    stripe: Stripe,
    /// Webhooks as they come, with what verifies them; not from Stripe itself, which cannot reach us.
    hooks: Option<(mpsc::UnboundedReceiver<(String, Bytes)>, Signatures)>,
    shared: Shared,
    running: Option<Running>,
}

#[expect(clippy::disallowed_methods, reason = "the environment says what is tested")]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

impl Provider {
    async fn find() -> Self {
        let shared = Shared::new(Arc::new(SystemClock));
        let (mut running, mut hooks) = (None, None);
        let (kind, url, key) = match (env("STRIPE_SECRET_KEY"), env("PROVIDER_URL")) {
            (Some(key), _) => {
                assert!(key.starts_with("sk_test_"), "a test account's key, nothing else");
                (Kind::Stripe, "https://api.stripe.com".to_owned(), key)
            }
            (None, Some(url)) => {
                let kind = match env("PROVIDER_KIND").as_deref() {
                    Some("localstripe") => Kind::Localstripe,
                    _ => Kind::Sandbox,
                };
                let address = env("PROVIDER_HOOK").unwrap();
                let secret = env("PROVIDER_HOOK_SECRET").unwrap();
                hooks = Some(listen(&shared, TcpListener::bind(address).await.unwrap(), secret));
                (kind, url, SANDBOX_KEY.to_owned())
            }
            (None, None) => {
                let secret = "whsec_of-the-provider-test-0123456789".to_owned();
                let hook = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let target = format!("http://{}/hook", hook.local_addr().unwrap());
                hooks = Some(listen(&shared, hook, secret.clone()));
                let (url, workers) = sandbox(&shared, &target, secret).await;
                running = Some(workers);
                (Kind::Sandbox, url, SANDBOX_KEY.to_owned())
            }
        };
        let settings = StripeSettings {
            api: url.parse().unwrap(),
            key: Secret::new(key.clone()),
            live: false,
            timeout: Duration::from_secs(20),
        };
        let stripe = Stripe::new(settings, Arc::clone(&shared.clock)).unwrap();
        Self {
            kind,
            url,
            key,
            stripe,
            hooks,
            shared,
            running,
        }
    }

    fn knows(&self) -> bool {
        self.kind != Kind::Localstripe
    }

    /// What the payer does in the browser.
    async fn payer(&self, path: &str, form: &str) -> Value {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)
            .unwrap()
            .https_or_http()
            .enable_http1()
            .build();
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(https);
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::from(form.to_owned()))
            .unwrap();
        let body = client.request(request).await.unwrap().into_body();
        let bytes = body.collect().await.unwrap().to_bytes();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    async fn pay(&self, intent: &str, good: bool) {
        let card = match (self.kind, good) {
            (Kind::Localstripe, _) => {
                let number = if good {
                    "4242424242424242"
                } else {
                    "4000000000000341"
                };
                let form = format!(
                    "type=card&card[number]={number}&card[exp_month]=12&card[exp_year]=2034&card[cvc]=123"
                );
                let made = self.payer("/v1/payment_methods", &form).await;
                made["id"].as_str().unwrap().to_owned()
            }
            (_, true) => "pm_card_visa".to_owned(),
            (_, false) => "pm_card_chargeDeclined".to_owned(),
        };
        let path = format!("/v1/payment_intents/{intent}");
        self.payer(&path, &format!("payment_method={card}")).await;
        self.payer(&format!("{path}/confirm"), "").await;
    }

    /// The next webhook of this type, whose signature is right.
    async fn hook(&mut self, kind: &str) -> Option<Event> {
        let (hooks, signatures) = self.hooks.as_mut()?;
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), hooks.recv()).await;
            let (signature, body) = next.unwrap().unwrap();
            signatures
                .verify(&signature, &body, self.shared.clock.now())
                .unwrap();
            let event: Event = serde_json::from_slice(&body).unwrap();
            if event.kind == kind {
                return Some(event);
            }
        }
    }
}

/// Takes webhooks at `listener`.
fn listen(
    shared: &Shared,
    listener: TcpListener,
    secret: String,
) -> (mpsc::UnboundedReceiver<(String, Bytes)>, Signatures) {
    let (sender, hooks) = mpsc::unbounded_channel();
    let take = post(async move |headers: HeaderMap, body: Bytes| {
        let signature = headers["stripe-signature"].to_str().unwrap().to_owned();
        sender.send((signature, body)).unwrap();
    });
    shared.tracker.spawn(serve(
        listener,
        Router::new().route("/hook", take),
        Limits::INSIDE,
        shared.tracker.clone(),
        shared.stop.clone(),
        Duration::ZERO,
    ));
    (hooks, Signatures::new(vec![Secret::new(secret)]).unwrap())
}

/// A sandbox that listens, and what delivers its webhooks to `target`.
async fn sandbox(shared: &Shared, target: &str, secret: String) -> (String, Running) {
    let config = stripe_sandbox::Config {
        webhook_url: Some(target.parse().unwrap()),
        webhook_secret: Secret::new(secret),
        // What is asked here is held against Stripe's own OpenAPI document (scripts/sandbox-shapes.sh).
        record_file: env("SANDBOX_RECORD_FILE").map(Into::into),
        ..stripe_sandbox::Config::default()
    };
    let app = stripe_sandbox::build(config, shared.clone()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    shared.tracker.spawn(serve(
        listener,
        app.public.clone(),
        Limits::INSIDE,
        shared.tracker.clone(),
        shared.stop.clone(),
        Duration::ZERO,
    ));
    let served = Served {
        app,
        bindings: Bindings::default(),
        limits: Limits::INSIDE,
    };
    (url, Running::start(vec![served], shared.clone()))
}

/// Ids that this account has not seen: a test account remembers earlier runs.
fn fresh(now: OffsetDateTime) -> (OrderId, PaymentId, RefundId) {
    let id = i64::try_from(now.unix_timestamp_nanos() / 1_000).unwrap() % 1_000_000_000_000;
    (
        OrderId::new(id).unwrap(),
        PaymentId::new(id).unwrap(),
        RefundId::new(id).unwrap(),
    )
}

// PAY-20
#[tokio::test]
async fn the_client_meets_what_it_relies_on_at_each_provider() {
    let mut provider = Provider::find().await;
    let stripe = provider.stripe.clone();
    let now = provider.shared.clock.now();
    let (order_id, payment_id, refund_id) = fresh(now);
    let methods = [METHODS.to_owned()];
    let new = NewIntent {
        amount: 2_000,
        currency: "USD",
        methods: &methods,
        order_id,
        payment_id,
    };

    let made = stripe.create_intent(&format!("a-{order_id}"), new).await.unwrap();
    assert!(made.client_secret.is_some());
    assert_eq!(made.order_id(), Some(order_id));
    assert_eq!(made.seen().state, IntentState::Open);
    if provider.knows() {
        let again = stripe.create_intent(&format!("a-{order_id}"), new).await.unwrap();
        assert_eq!(again.id, made.id, "one key, one intent");
        let other = NewIntent { amount: 2_001, ..new };
        let refused = stripe.create_intent(&format!("a-{order_id}"), other).await;
        assert!(matches!(refused, Err(StripeError::Refused(_))), "{refused:?}");
    }

    provider.pay(&made.id, false).await;
    let declined = stripe.retrieve_intent(&made.id).await.unwrap().seen();
    assert!(matches!(declined.state, IntentState::Failed(_)), "{declined:?}");
    provider.pay(&made.id, true).await;
    let paid = stripe.retrieve_intent(&made.id).await;
    // At localstripe an intent whose charge failed takes no other.
    let paid = if provider.knows() {
        paid.unwrap()
    } else {
        let second = stripe.create_intent("second", new).await.unwrap();
        provider.pay(&second.id, true).await;
        stripe.retrieve_intent(&second.id).await.unwrap()
    };
    let state = IntentState::Succeeded {
        minor: 2_000,
        currency: "USD".to_owned(),
    };
    assert_eq!(paid.seen().state, state);
    if let Some(event) = provider.hook("payment_intent.succeeded").await {
        assert_eq!(event.data.object["id"], paid.id);
        assert!(!event.livemode);
    }

    let found = stripe
        .find_intent(payment_id, now - time::Duration::minutes(5))
        .await;
    if provider.knows() {
        assert_eq!(found.unwrap().map(|i| i.id), Some(made.id));
    } else {
        assert!(found.is_err(), "it knows no windows of time");
    }

    let refund = NewRefund {
        intent_id: &paid.id,
        amount: 500,
        order_id,
        refund_id,
    };
    let given = stripe
        .create_refund(&format!("r-{order_id}"), refund)
        .await
        .unwrap();
    assert_eq!(given.refund_id(), Some(refund_id));
    assert_eq!(
        stripe.retrieve_refund(&given.id).await.unwrap().status,
        given.status
    );
    let all = stripe.refunds_of(&paid.id).await.unwrap();
    assert_eq!(all.iter().map(|r| r.amount).collect::<Vec<_>>(), [500]);
    if provider.knows() {
        let more = NewRefund {
            amount: 1_501,
            ..refund
        };
        let refused = stripe.create_refund(&format!("m-{order_id}"), more).await;
        assert!(matches!(refused, Err(StripeError::Refused(_))), "{refused:?}");
    }

    let open = stripe.create_intent(&format!("b-{order_id}"), new).await.unwrap();
    let cancelled = stripe.cancel_intent(&format!("c-{order_id}"), &open.id).await;
    if provider.knows() {
        assert_eq!(cancelled.unwrap().seen().state, IntentState::Cancelled);
        let late = stripe.cancel_intent(&format!("l-{order_id}"), &paid.id).await;
        assert!(matches!(late, Err(StripeError::Refused(_))), "{late:?}");
    } else {
        assert!(
            matches!(cancelled, Err(StripeError::Refused(_))),
            "it takes no reason"
        );
    }
    if provider.knows() {
        // Where reconciling looks: newest first, in a window, one page after another.
        let since = Some(now - time::Duration::minutes(5));
        let intents = stripe.list_intents(since, None).await.unwrap().data;
        let place = |id: &str| intents.iter().position(|i| i.id == id).unwrap();
        assert!(place(&open.id) < place(&paid.id));
        let rest = stripe.list_intents(since, Some(&open.id)).await.unwrap().data;
        assert!(rest.iter().all(|i| i.id != open.id) && rest.iter().any(|i| i.id == paid.id));
        let refunds = stripe.list_refunds(since, None).await.unwrap().data;
        assert!(refunds.iter().any(|r| r.id == given.id));
        let disputes = stripe.list_disputes(since, None).await.unwrap().data;
        assert!(
            disputes
                .iter()
                .all(|d| d.payment_intent.as_deref() != Some(&paid.id))
        );
    }
    if let Some(running) = provider.running.take() {
        running.stop(Duration::ZERO).await;
    }
}
