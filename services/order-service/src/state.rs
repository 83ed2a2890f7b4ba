//! What every handler may use.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use runtime::{Clock, context};
use saga::Engine;
use souk_http::{CursorKey, Verifier};
use sqlx::{PgConnection, PgPool};

use crate::domain::Rates;
use crate::error::OrderError;
use crate::peers::{Inventory, Payments};
use crate::sagas::cancellation::{Cancellation, CancellationState};
use crate::sagas::checkout::Checkout;

/// What every handler may use. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The service's database.
    pub db: PgPool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// product-service's stock.
    pub inventory: Inventory,
    /// payment-service's money.
    pub payments: Payments,
    /// Checks orders out.
    pub checkout: Engine<Checkout>,
    /// Takes paid orders back.
    pub cancellation: Engine<Cancellation>,
    /// Verifies access tokens.
    pub verifier: Verifier,
    /// Makes and reads cursors.
    pub cursors: CursorKey,
    /// Currency, tax, shipping.
    pub rates: Rates,
    /// How long an order may wait for its money.
    pub payment_window: Duration,
    /// How long `POST /orders` waits for the checkout.
    pub answer_within: Duration,
    /// Unpaid orders that one account may have; 0 for any number.
    pub max_open_orders: u32,
}

impl AppState {
    /// Starts, in the caller's transaction, the saga that returns money and stock; once per order.
    pub async fn start_cancellation(
        &self,
        conn: &mut PgConnection,
        state: CancellationState,
    ) -> Result<(), OrderError> {
        let trace = context::current().map(|c| c.traceparent());
        let started = self
            .cancellation
            .enqueue(conn, state.order_id.get(), state, trace)
            .await;
        started.map(|_new| ()).map_err(OrderError::Saga)
    }

    /// Tells the sagas' workers that something was committed.
    pub fn nudge(&self) {
        self.checkout.nudge();
        self.cancellation.nudge();
    }
}

impl FromRef<AppState> for Verifier {
    fn from_ref(app: &AppState) -> Self {
        app.verifier.clone()
    }
}
