//! `POST /payments/webhook`

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use http::HeaderMap;
use souk_http::{Json, Problem, ProblemBody};
use wire::code;
use wire::payments as dto;

use crate::AppState;
use crate::ops::event_types::says_something;
use crate::store::webhooks::{Fate, NewEvent};
use crate::stripe::Event;

/// The largest event, in bytes.
pub(super) const LIMIT: usize = 256 * 1024;

/// Takes an event from the payment provider.
///
/// Believed by its `Stripe-Signature` over the raw body alone. Answered once it is stored, and worked off after that;
/// an event that was stored before, or whose type means nothing to us, is answered alike. Events about real money where
/// this shop deals in test money (or the other way round), or about another account, are stored and ignored: answering
/// them with an error would only make the provider send them for days. If storing fails: 503, and the provider sends
/// it again.
#[utoipa::path(
    post, path = "/payments/webhook", tag = "payments",
    request_body(content = String, description = "The event, as the provider signed it.", content_type = "application/json"),
    params(("Stripe-Signature" = String, Header)),
    responses(
        (status = 200, body = dto::WebhookReceived),
        (status = 400, body = ProblemBody), (status = 413, body = ProblemBody), (status = 503, body = ProblemBody)),
    security(()),
    extensions(("x-access" = json!("provider")))
)]
#[tracing::instrument(name = "http.receive_webhook", skip_all)]
pub(super) async fn receive_webhook(
    State(app): State<AppState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<dto::WebhookReceived>, Problem> {
    let body = body.map_err(|rejection| match rejection.status().as_u16() {
        413 => Problem::new(code::TOO_LARGE).detail("An event has at most 256 KiB."),
        _ => Problem::new(code::MALFORMED).detail("The body ended early."),
    })?;
    let signature = headers
        .get("stripe-signature")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let now = app.clock.now();
    app.signatures.verify(signature, &body, now).map_err(|why| {
        metrics::counter!("webhooks_refused_total", "service" => crate::NAME).increment(1);
        tracing::warn!(%why, "a webhook was not believed");
        Problem::new(code::INVALID_SIGNATURE).detail(format!("{why}."))
    })?;
    let unreadable = || Problem::new(code::MALFORMED).detail("That is not an event.");
    let payload = String::from_utf8(body.into()).map_err(|_| unreadable())?;
    let event: Event = serde_json::from_str(&payload).map_err(|_| unreadable())?;
    let fate = if !is_ours(&app, &event) {
        Fate::Ignored
    } else if says_something(&event.kind) {
        Fate::Due
    } else {
        Fate::Kept
    };
    let new = NewEvent {
        event_id: event.id,
        kind: event.kind,
        payload,
        fate,
    };
    // Whatever keeps us from storing it, the provider must send it again.
    let stored = app.storing.ask(new).await;
    let first = stored.map_err(|error| Problem::unavailable(error, Duration::from_secs(5)))?;
    metrics::counter!("webhooks_received_total", "service" => crate::NAME, "repeated" => if first { "no" } else { "yes" })
        .increment(1);
    if fate == Fate::Due {
        app.webhooks.notify_one();
    }
    Ok(Json(dto::WebhookReceived { received: true }))
}

fn is_ours(app: &AppState, event: &Event) -> bool {
    let ours = event.livemode == app.stripe.live() && event.account == app.account;
    if !ours {
        metrics::counter!("webhooks_ignored_total", "service" => crate::NAME).increment(1);
        tracing::warn!(
            event = event.id,
            livemode = event.livemode,
            "an event of another mode or account was stored and ignored"
        );
    }
    ours
}
