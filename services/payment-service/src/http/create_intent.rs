//! `POST /payments/create-intent`

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use souk_http::{Caller, IdempotencyKey, Json, Problem, ProblemBody};
use wire::payments as dto;

use super::once::{Once, Turn};
use crate::AppState;
use crate::domain::{Payment, Refusal};
use crate::error::PaymentError;
use crate::ops::create_intent as op;
use crate::store::payments::NewPayment;

/// The status in which an order waits for its money: its stock is held.
const PAYABLE: &str = "confirmed";

/// Gives the intent by which an order is paid.
///
/// Amount and currency are the order's. Asking again gives the same intent while it is open. Somebody else's order is
/// as if it were not there; one that is not waiting for its money is refused with `not-payable`. While the provider
/// does not answer: 503 with `Retry-After`; nothing is charged, and asking again finds the same intent.
#[utoipa::path(
    post, path = "/payments/create-intent", tag = "payments",
    request_body = dto::CreateIntent,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered alike for 24 hours.")),
    responses(
        (status = 200, body = dto::Intent),
        (status = 401, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody), (status = 503, body = ProblemBody)),
    security(("bearer" = [])),
    extensions(("x-access" = json!("owner")))
)]
#[tracing::instrument(name = "http.create_intent", skip_all)]
pub(super) async fn create_intent(
    State(app): State<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    Body(bytes): Body,
) -> Result<Response, Problem> {
    let Json(body) = Json::<dto::CreateIntent>::from_bytes(&bytes)?;
    let once = Once::new(&caller, "POST /payments/create-intent", key, &bytes);
    if let Turn::Answered(answer) = once.begin(&app).await? {
        return Ok(answer);
    }
    let outcome = make(&app, &caller, &body).await;
    once.end(&app, outcome).await
}

async fn make(
    app: &AppState,
    caller: &Caller,
    body: &dto::CreateIntent,
) -> Result<dto::Intent, PaymentError> {
    let order = app.orders.for_payment(body.order_id).await?;
    if order.user_id != caller.id {
        return Err(Refusal::OrderNotFound(order.id).into());
    }
    let not_payable = |status: &str| Refusal::NotPayable {
        order: order.id,
        status: status.to_owned(),
    };
    if order.status != PAYABLE {
        return Err(not_payable(&order.status).into());
    }
    let ask = NewPayment {
        order_id: order.id,
        user_id: caller.id,
        amount: order.total,
    };
    let payment = match op::create_intent(app, ask).await {
        Err(PaymentError::Refused(Refusal::Cancelled(_))) => return Err(not_payable("cancelled").into()),
        payment => payment?,
    };
    if !payment.status.is_open() {
        return Err(not_payable(payment.status.name()).into());
    }
    show(payment)
}

fn show(payment: Payment) -> Result<dto::Intent, PaymentError> {
    let amount = payment.asked()?;
    let intent = payment.intent_id.zip(payment.client_secret);
    let (payment_intent_id, client_secret) = intent.ok_or(PaymentError::Corrupt("intent"))?;
    Ok(dto::Intent {
        payment_intent_id,
        client_secret,
        amount: amount.to_string(),
        currency: amount.currency().code().to_owned(),
        status: payment.status.name().to_owned(),
    })
}

/// The bytes of a JSON body: hashed for the idempotency key, then read.
pub(super) struct Body(pub(super) Bytes);

impl<S: Send + Sync> axum::extract::FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, Problem> {
        // Json says what is wrong with the media type and the length; RawValue keeps the bytes as they came.
        let Json(raw) = Json::<Box<serde_json::value::RawValue>>::from_request(request, state).await?;
        Ok(Self(Bytes::from(String::from(Box::<str>::from(raw)))))
    }
}
