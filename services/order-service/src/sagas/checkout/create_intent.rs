//! Makes the order's one payment intent.

use saga::{Key, Progress, StepError, UndoError};
use wire::rpc::payments::CreateIntentRequest;

use super::{Checkout, CheckoutState};
use crate::sagas::{step_error, undo_error};

pub(super) async fn run(saga: &Checkout, s: &mut CheckoutState) -> Result<Progress, StepError> {
    let request = CreateIntentRequest {
        order_id: s.order_id.get(),
        user_id: s.user_id.get(),
        amount_minor: s.total_minor,
        currency: s.currency.clone(),
    };
    let reply = saga.payments.create_intent(request).await.map_err(step_error)?;
    s.payment_intent_id = Some(reply.payment_intent_id);
    s.client_secret = Some(reply.client_secret);
    Ok(Progress::Done)
}

/// Cancels the intent. Where the money had come first, it goes back (ORD-8).
pub(super) async fn undo(saga: &Checkout, key: &Key, s: &CheckoutState) -> Result<(), UndoError> {
    let already_succeeded = saga
        .payments
        .cancel_intent(s.order_id, "abandoned")
        .await
        .map_err(undo_error)?;
    if already_succeeded {
        let key = format!("{key}/refund");
        saga.payments
            .refund_rest(s.order_id, &key, "order cancelled")
            .await
            .map_err(undo_error)?;
    }
    Ok(())
}
