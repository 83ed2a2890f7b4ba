//! `POST /orders`

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use saga::{Outcome, Reason};
use serde_json::{Value, json};
use souk_http::{Caller, Checks, Json, KeyedJson, Problem, ProblemBody};
use types::{Money, OrderId, ProductId, Quantity};
use wire::code;
use wire::orders::{OrderPayment, PlaceOrder};

use super::keyed::{self, Claim};
use super::view;
use crate::domain::{Address, Order, Status, Totals};
use crate::error::OrderError;
use crate::ops::admission;
use crate::ops::place::{self, Cart, Placed};
use crate::sagas::checkout::CheckoutState;
use crate::state::AppState;
use crate::store::{fault, orders};

/// Which requests a key is for.
const ROUTE: &str = "POST /orders";
/// The most lines of an order.
const MAX_LINES: usize = 100;

/// Orders products: prices them from the catalogue, holds their stock and makes a payment intent.
///
/// Answers 201 with the confirmed order and what to pay it with; 202 and a `Location` if that takes longer than four
/// seconds. An order that is refused on the way is kept as cancelled, and the problem names it in `orderId`.
#[utoipa::path(post, path = "/orders", tag = "orders", request_body = PlaceOrder,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeating the request repeats the answer")),
    security(("bearer" = [])), extensions(("x-access" = json!("signed-in"))),
    responses(
        (status = 201, body = wire::orders::Order),
        (status = 202, body = wire::orders::Order, description = "Not known yet; `Location` says where to look"),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 409, body = ProblemBody,
            description = "insufficient-stock, price-changed, too-many-open-orders, idempotency-in-progress"),
        (status = 422, body = ProblemBody,
            description = "invalid-request, product-unavailable, amount-too-small, idempotency-mismatch"),
        (status = 503, body = ProblemBody, description = "service-unavailable: nothing was written, for a part of the shop does not answer or too many order at once")))]
#[tracing::instrument(name = "order.place", skip_all)]
pub async fn place_order(
    State(app): State<AppState>,
    caller: Caller,
    KeyedJson { body, key }: KeyedJson<PlaceOrder>,
) -> Result<Response, Problem> {
    let (cart, expected) = read(&app, body)?;
    let admitted = app.admission.enter().await;
    let held = match key {
        None => None,
        Some(key) => {
            // Whoever repeats a request needs no place: the order may stand already.
            let claim = match &admitted {
                Ok(_) => keyed::claim(&app, &caller, ROUTE, key).await?,
                Err(_) => keyed::look(&app, &caller, ROUTE, key).await?,
            };
            match claim {
                Claim::New(held) => Some(held),
                Claim::Replay(answer) => return Ok(answer),
                Claim::Unfinished(held, id) => {
                    let answer = from_order(&app, &caller, id).await?;
                    return Ok(held.finish(&app, answer).await);
                }
            }
        }
    };
    let admitted = admitted.inspect_err(|_| admission::turned_away())?;
    let key = held.as_ref().map(keyed::Held::key);
    match place::place(&app, &caller, cart, expected, key, admitted).await {
        Ok(placed) => {
            // A fault is no answer to keep: the order stands, and a repetition is answered from it.
            let answer = answer(&app, &caller, placed).await?;
            Ok(match held {
                Some(held) => held.finish(&app, answer).await,
                None => answer,
            })
        }
        Err(OrderError::KeyTaken) => Err(keyed::in_progress().retry_after(Duration::from_secs(1))),
        // Nothing was written: the same key may try again.
        Err(error) => {
            if let Some(held) = held {
                held.abandon(&app).await;
            }
            Err(error.into())
        }
    }
}

/// The cart and the expected total, or everything that is wrong with them.
fn read(app: &AppState, body: PlaceOrder) -> Result<(Cart, Option<Money>), Problem> {
    let mut checks = Checks::new();
    if body.items.is_empty() || body.items.len() > MAX_LINES {
        checks.refuse(
            "/items",
            format!("has 1 to {MAX_LINES} lines, not {}", body.items.len()),
        );
    }
    let mut lines = Vec::with_capacity(body.items.len().min(MAX_LINES));
    for (position, item) in body.items.iter().enumerate().take(MAX_LINES) {
        let product = checks.take(
            &format!("/items/{position}/productId"),
            ProductId::new(item.product_id),
        );
        let quantity = checks.take(
            &format!("/items/{position}/quantity"),
            Quantity::new(item.quantity),
        );
        lines.extend(product.zip(quantity));
    }
    let street = checks.text("/shippingAddress", &body.shipping_address, 1, 500);
    let mut optional = |pointer: &str, text: Option<String>, max: usize| {
        let text = text.and_then(|text| checks.text(pointer, &text, 0, max));
        text.filter(|text| !text.is_empty())
    };
    let address = Address {
        street: street.unwrap_or_default(),
        city: optional("/shippingCity", body.shipping_city, 100),
        state: optional("/shippingState", body.shipping_state, 100),
        zip: optional("/shippingZip", body.shipping_zip, 20),
        country: optional("/shippingCountry", body.shipping_country, 100),
    };
    let notes = optional("/customerNotes", body.customer_notes, 1_000);
    let expected = body
        .expected_total
        .and_then(|text| checks.take("/expectedTotal", Money::parse(&text, app.rates.currency)));
    checks.finish()?;
    let cart = Cart {
        lines,
        address,
        notes,
    };
    Ok((cart, expected))
}

/// The answer for how far the checkout has come, a refusal among them.
async fn answer(app: &AppState, caller: &Caller, placed: Placed) -> Result<Response, OrderError> {
    let id = placed.id;
    match placed.outcome {
        Outcome::Parked { state, .. } | Outcome::Done { state } => {
            let order = app.orders.ask(id).await?;
            Ok(created(order, &state))
        }
        Outcome::Undone { reason, .. } => Ok(refused(id, reason, &placed.product_ids).into_response()),
        Outcome::Diverted { .. } => Ok(Problem::new(code::RESERVATION_LOST)
            .detail(format!(
                "Order {id} was cancelled: its stock was lost; what was paid is returned."
            ))
            .with("orderId", id)
            .into_response()),
        Outcome::Stuck { .. } | Outcome::StillRunning => Ok(accepted(app.orders.ask(id).await?, caller)),
    }
}

/// 201 with what to pay by.
fn created(order: Order, state: &CheckoutState) -> Response {
    let payment = state
        .payment_intent_id
        .clone()
        .map(|payment_intent_id| OrderPayment {
            payment_intent_id,
            client_secret: state.client_secret.clone(),
        });
    (StatusCode::CREATED, Json(view::with_payment(order, payment))).into_response()
}

/// 202: the checkout goes on without the client.
fn accepted(order: Order, caller: &Caller) -> Response {
    let location = [(LOCATION, format!("/orders/{}", order.id))];
    (
        StatusCode::ACCEPTED,
        location,
        Json(view::order(order, caller.actor())),
    )
        .into_response()
}

/// The problem for a checkout that was taken back.
fn refused(id: OrderId, reason: Reason, products: &[i64]) -> Problem {
    let (code, detail, data) = match reason {
        Reason::Refused { refused, .. } => {
            let text = refused
                .detail
                .get("detail")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let data = refused.detail.get("data").cloned().unwrap_or_default();
            match code::by_slug(&refused.code) {
                Some(code) => (code, text.to_owned(), data),
                // Words of the saga's own: the order was cancelled, or its time was over.
                None => (
                    code::ILLEGAL_TRANSITION,
                    text.to_owned(),
                    json!({"from": Status::Cancelled.name()}),
                ),
            }
        }
        Reason::Abandoned { .. } => (
            code::ILLEGAL_TRANSITION,
            "the order was cancelled by the shop".to_owned(),
            json!({"from": Status::Cancelled.name()}),
        ),
        Reason::Unresolved { .. } | Reason::Misdirected { .. } => {
            let text =
                "a part of the shop did not answer in time, so the order was cancelled; try again".to_owned();
            (code::UNAVAILABLE, text, Value::Null)
        }
    };
    // A neighbour's sentence ends as it likes.
    let mut problem = Problem::new(code)
        .detail(format!("{}.", detail.trim_end_matches('.')))
        .with("orderId", id);
    if code == code::UNAVAILABLE {
        problem = problem.retry_after(Duration::from_secs(2));
    }
    if let Value::Object(members) = data {
        for (name, value) in members {
            problem = problem.with(&name, pointed(value, products));
        }
    }
    problem
}

/// Lines of a refusal, with pointers to the first line of the request that asks for the product.
fn pointed(value: Value, products: &[i64]) -> Value {
    let Value::Array(lines) = value else { return value };
    let point = |mut line: Value| {
        let product = line.get("productId").and_then(Value::as_i64);
        let position = products.iter().position(|id| Some(*id) == product);
        if let (Some(position), Some(members)) = (position, line.as_object_mut()) {
            members.insert("pointer".to_owned(), json!(format!("/items/{position}")));
        }
        line
    };
    lines.into_iter().map(point).collect()
}

/// The answer to a keyed request whose first try died: built from the order that it made and its saga.
async fn from_order(app: &AppState, caller: &Caller, id: i64) -> Result<Response, Problem> {
    let id = OrderId::new(id).map_err(|_| OrderError::Corrupt("id"))?;
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    let order = orders::get(&mut conn, id).await?;
    let saga = app
        .checkout
        .find(&mut conn, id.get())
        .await
        .map_err(OrderError::Saga)?;
    let products: Vec<i64> = order.lines.iter().map(|l| l.product_id.get()).collect();
    let (reason, state) = match saga {
        Some(view) => (
            view.reason,
            serde_json::from_value::<CheckoutState>(view.data).ok(),
        ),
        None => (None, None),
    };
    Ok(match (order.status, reason, state) {
        (Status::Pending, ..) => accepted(order, caller),
        (Status::Cancelled, Some(reason), _) => refused(id, reason, &products).into_response(),
        (_, _, Some(state)) => created(order, &state),
        (..) => accepted(order, caller),
    })
}

/// The total of a quote, as a refusal shows it.
pub fn quote(totals: &Totals) -> Value {
    json!({
        "subtotal": totals.subtotal.to_string(),
        "tax": totals.tax.to_string(),
        "taxIncluded": totals.tax_included,
        "shippingCost": totals.shipping.to_string(),
        "discount": totals.discount.to_string(),
        "total": totals.total.to_string(),
        "currency": totals.total.currency().code(),
    })
}
