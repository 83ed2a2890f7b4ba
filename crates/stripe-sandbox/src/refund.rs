//! Refunds: what is refused, and what the bank makes of them afterwards.

use crate::cards::After;
use crate::error::ApiError;
use crate::objects::{BalanceTransaction, Charge, Metadata, Movement, Refund, RefundStatus};
use crate::sandbox::Transaction;
use crate::{currency, id};

/// How soon the bank has its last word on the refunds that wait for it, in seconds.
const SETTLED_AFTER: i64 = 2;

/// Gives `amount` of `charge` back, or all that is left.
pub(crate) fn make(
    transaction: &mut Transaction<'_>,
    mut charge: Charge,
    amount: Option<i64>,
    reason: Option<String>,
    metadata: Metadata,
) -> Result<Refund, ApiError> {
    let left = charge.refundable();
    if transaction.dispute_of(&charge).is_some_and(|d| !d.refundable()) {
        let why = format!(
            "Charge {} has been charged back; cannot issue a refund.",
            charge.id
        );
        return Err(ApiError::state("charge_disputed", why));
    }
    if left == 0 {
        let why = format!("Charge {} has already been refunded.", charge.id);
        return Err(ApiError::state("charge_already_refunded", why));
    }
    let amount = amount.unwrap_or(left);
    if amount < 1 {
        let why = "This value must be greater than or equal to 1.";
        return Err(ApiError::invalid("amount", why).code("parameter_invalid_integer"));
    }
    if amount > left {
        let show = |amount| currency::display(amount, &charge.currency);
        let why = format!(
            "Refund amount ({}) is greater than unrefunded amount on charge ({})",
            show(amount),
            show(left)
        );
        return Err(ApiError::invalid("amount", why).into_outcome());
    }

    charge.amount_refunded += amount;
    let later = transaction.now + SETTLED_AFTER;
    let (status, settles) = match charge.payment_method.card.after() {
        After::RefundPends => (RefundStatus::Pending, Some((later, RefundStatus::Succeeded))),
        After::RefundFails => (RefundStatus::Succeeded, Some((later, RefundStatus::Failed))),
        After::Nothing | After::Dispute { .. } => (RefundStatus::Succeeded, None),
    };
    let mut refund = Refund {
        id: id::random("re"),
        created: transaction.now,
        amount,
        currency: charge.currency.clone(),
        charge: charge.id.clone(),
        payment_intent: charge.payment_intent.clone(),
        status,
        reason,
        failure_reason: None,
        settles,
        balance_transaction: None,
        failure_balance_transaction: None,
        metadata,
    };
    refund.balance_transaction = Some(moved(transaction, &refund, Movement::Refund, -amount));
    transaction.save_refund(&refund, &["refund.created"]);
    transaction.save_charge(&charge, &["charge.refunded"]);
    Ok(refund)
}

/// The bank took a refund that was pending.
pub(crate) fn succeed(transaction: &mut Transaction<'_>, mut refund: Refund) {
    refund.settles = None;
    refund.status = RefundStatus::Succeeded;
    transaction.save_refund(&refund, &["refund.updated", "charge.refund.updated"]);
}

/// The bank sends the money back: it is with the shop again.
pub(crate) fn fail(
    transaction: &mut Transaction<'_>,
    mut refund: Refund,
    why: &str,
) -> Result<Refund, ApiError> {
    let mut charge = transaction.charge_of("charge", &refund.charge)?;
    charge.amount_refunded -= refund.amount;
    refund.settles = None;
    refund.status = RefundStatus::Failed;
    refund.failure_reason = Some(why.to_owned());
    let amount = refund.amount;
    refund.failure_balance_transaction = Some(moved(transaction, &refund, Movement::RefundFailure, amount));
    transaction.save_charge(&charge, &[]);
    transaction.save_refund(
        &refund,
        &["refund.updated", "charge.refund.updated", "refund.failed"],
    );
    Ok(refund)
}

fn moved(transaction: &mut Transaction<'_>, refund: &Refund, movement: Movement, amount: i64) -> String {
    let moved = BalanceTransaction::new(transaction.now, movement, amount, &refund.currency, &refund.id);
    transaction.save_balance(&moved);
    moved.id
}
