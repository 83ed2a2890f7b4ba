//! `POST /payments/refund`

use axum::extract::State;
use axum::response::Response;
use souk_http::{Checks, FreshCaller, IdempotencyKey, Json, Problem, ProblemBody};
use types::{Money, RefundId, Role, rfc3339};
use wire::payments as dto;

use super::create_intent::Body;
use super::once::{Once, Turn};
use crate::AppState;
use crate::domain::{Payment, Refund};
use crate::error::PaymentError;
use crate::ops::refund::{self, Ask};
use crate::stripe::to_provider;

/// The longest reason, in characters.
const REASON: usize = 500;

/// Sends money back.
///
/// In part, or all that is left if `amount` is absent. Refused with `refund-too-large` beyond what is left, and with
/// `not-refundable` where nothing was captured. While the provider does not answer: 503; the money stays set aside, and
/// the refund is made or given up in the background: ask again with the same `Idempotency-Key`.
#[utoipa::path(
    post, path = "/payments/refund", tag = "payments",
    request_body = dto::CreateRefund,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered alike for 24 hours.")),
    responses(
        (status = 200, body = dto::Refund),
        (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody), (status = 502, body = ProblemBody),
        (status = 503, body = ProblemBody)),
    security(("bearer" = [])),
    extensions(("x-access" = json!("admin")))
)]
#[tracing::instrument(name = "http.create_refund", skip_all)]
pub(super) async fn create_refund(
    State(app): State<AppState>,
    FreshCaller(caller): FreshCaller,
    key: IdempotencyKey,
    Body(bytes): Body,
) -> Result<Response, Problem> {
    caller.require(&[Role::Admin])?;
    let Json(body) = Json::<dto::CreateRefund>::from_bytes(&bytes)?;
    let (amount, reason) = check(&app, &body).await?;
    let once = Once::new(&caller, "POST /payments/refund", key, &bytes);
    let outcome = match once.begin(&app).await? {
        Turn::Answered(answer) => return Ok(answer),
        Turn::Resume(id) => match RefundId::new(id) {
            Ok(id) => refund::resume(&app, body.order_id, id).await,
            Err(_) => Err(PaymentError::Corrupt("remembered refund")),
        },
        Turn::Work => {
            let ask = Ask {
                order_id: body.order_id,
                amount,
                reason: reason.as_deref(),
                ask_key: None,
                scope: once.scope(),
                last: false,
            };
            refund::refund(&app, ask).await
        }
    };
    let outcome = outcome.and_then(|(payment, refund)| show(&payment, refund));
    once.end(&app, outcome).await
}

async fn check(app: &AppState, body: &dto::CreateRefund) -> Result<(Option<Money>, Option<String>), Problem> {
    let mut checks = Checks::new();
    let reason = match body.reason.as_deref().map(str::trim).filter(|r| !r.is_empty()) {
        None => None,
        Some(reason) => checks.text("/reason", reason, 1, REASON),
    };
    let amount = match &body.amount {
        None => None,
        Some(text) => match refund::amount_of(app, body.order_id, text).await? {
            Ok(amount) if amount.minor() == 0 => {
                checks.refuse("/amount", "nothing is no refund");
                None
            }
            Ok(amount) if to_provider(amount.minor(), amount.currency()).is_none() => {
                checks.refuse(
                    "/amount",
                    "the payment provider does not count so finely in this currency",
                );
                None
            }
            amount => checks.take("/amount", amount),
        },
    };
    checks.finish()?;
    Ok((amount, reason))
}

fn show(payment: &Payment, refund: Refund) -> Result<dto::Refund, PaymentError> {
    let currency = payment.asked()?.currency();
    Ok(dto::Refund {
        id: refund.id,
        payment_id: payment.id,
        order_id: payment.order_id,
        amount: Money::from_minor(refund.amount_minor, currency).to_string(),
        currency: currency.code().to_owned(),
        status: refund.status.name().to_owned(),
        reason: refund.reason,
        created_at: rfc3339(refund.created_at),
    })
}
