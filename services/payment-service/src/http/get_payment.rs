//! `GET /payments/order/{orderId}`

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use souk_http::{Caller, PathId, Problem, ProblemBody, etag_of_version, fresh_or};
use types::{Money, OrderId, rfc3339};
use wire::payments as dto;

use crate::AppState;
use crate::domain::{DisputeStatus, Payment, Refusal};
use crate::error::PaymentError;
use crate::ops::refresh::glance;
use crate::ops::settle::payment_of;

/// Shows an order's payment.
///
/// For the order's owner and admins; for others it is not there. Never holds a client secret. An open payment is read
/// anew from the provider, though not every time: a payer who comes back sees that it was paid, webhook or not.
#[utoipa::path(
    get, path = "/payments/order/{orderId}", tag = "payments",
    params(("orderId" = OrderId, Path)),
    responses(
        (status = 200, body = dto::Payment), (status = 304),
        (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)),
    security(("bearer" = [])),
    extensions(("x-access" = json!("owner, admin")))
)]
#[tracing::instrument(name = "http.get_payment", skip_all, fields(order.id = %order))]
pub(super) async fn get_payment(
    State(app): State<AppState>,
    caller: Caller,
    PathId(order): PathId<OrderId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let payment = payment_of(&app, order).await?;
    let payment = payment.filter(|p| p.user_id == Some(caller.id) || caller.is_admin());
    let payment = payment.ok_or_else(|| PaymentError::from(Refusal::PaymentNotFound(order)))?;
    // A tombstone was never asked for: it is no payment.
    let amount = payment
        .amount
        .ok_or_else(|| PaymentError::from(Refusal::PaymentNotFound(order)))?;
    let payment = glance(&app, payment).await?;
    let tag = etag_of_version(payment.version);
    fresh_or(&headers, Some(tag), "private, no-cache", &show(payment, amount))
}

fn show(payment: Payment, amount: Money) -> dto::Payment {
    let shown = |minor| Money::from_minor(minor, amount.currency()).to_string();
    dto::Payment {
        id: payment.id,
        order_id: payment.order_id,
        payment_intent_id: payment.intent_id,
        status: payment.status.name().to_owned(),
        amount: amount.to_string(),
        amount_captured: shown(payment.captured_minor),
        amount_refunded: shown(payment.refunded_minor),
        currency: amount.currency().code().to_owned(),
        dispute_status: payment
            .disputed
            .status
            .map_or("none", DisputeStatus::name)
            .to_owned(),
        evidence_due_by: payment.disputed.evidence_due_by.map(rfc3339),
        last_error: payment.last_error,
        created_at: rfc3339(payment.created_at),
        updated_at: rfc3339(payment.updated_at),
    }
}
