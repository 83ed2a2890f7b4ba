//! Operations whose outcome is unknown (PAY-5): asked again with the same key while the provider remembers it, looked
//! up after that.

use super::settle::payment_of;
use super::{cancel_intent, create_intent, refund};
use crate::AppState;
use crate::domain::Refusal;
use crate::error::PaymentError;
use crate::store::operations::{Kind, Operation};

/// Settles the operation. An error that is no refusal leaves it as it is, for later.
#[tracing::instrument(name = "payment.resolve", skip_all, fields(operation = op.key))]
pub async fn resolve(app: &AppState, op: &Operation) -> Result<(), PaymentError> {
    let payment = payment_of(app, op.order_id)
        .await?
        .ok_or(Refusal::PaymentNotFound(op.order_id))?;
    match op.kind {
        Kind::CreateIntent => create_intent::carry_out(app, op, &payment).await.map(|_| ()),
        Kind::CancelIntent => cancel_intent::carry_out(app, op, &payment).await.map(|_| ()),
        Kind::Refund => refund::carry_out_operation(app, op, &payment).await,
    }
}
