//! Whose an intent is.

use types::PaymentId;

use crate::domain::Payment;
use crate::stripe::Intent;

/// The payment that has the intent of this id.
pub(crate) fn has<'p>(ours: &'p [Payment], intent_id: &str) -> Option<&'p Payment> {
    ours.iter().find(|p| p.intent_id.as_deref() == Some(intent_id))
}

/// The payment that has this intent; or the one that asked for it, where our own insert of the intent's id is still under
/// way, or was lost: the order that we wrote onto it tells (PAY-11).
pub(crate) fn of<'p>(ours: &'p [Payment], intent: &Intent) -> Option<&'p Payment> {
    let named: Option<PaymentId> = intent.metadata.get("payment_id").and_then(|id| id.parse().ok());
    has(ours, &intent.id).or_else(|| {
        let asked = |p: &&Payment| p.intent_id.is_none() && p.user_id.is_some();
        let mut asked = ours.iter().filter(asked);
        asked.find(|p| Some(p.id) == named && Some(p.order_id) == intent.order_id())
    })
}
