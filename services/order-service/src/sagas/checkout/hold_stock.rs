//! Holds all lines, or none.

use saga::{Progress, StepError, UndoError};
use wire::rpc::inventory::StockLine;

use super::{Checkout, CheckoutState};
use crate::sagas::{step_error, undo_error};

pub(super) async fn run(saga: &Checkout, s: &CheckoutState) -> Result<Progress, StepError> {
    let lines = s.lines.iter().map(|(product_id, quantity)| StockLine {
        product_id: *product_id,
        quantity: *quantity,
    });
    saga.inventory
        .hold(s.order_id, s.user_id, lines.collect(), saga.hold_seconds)
        .await
        .map(|()| Progress::Done)
        .map_err(step_error)
}

pub(super) async fn undo(saga: &Checkout, s: &CheckoutState) -> Result<(), UndoError> {
    saga.inventory
        .release(s.order_id, "checkout undone")
        .await
        .map_err(undo_error)
}
