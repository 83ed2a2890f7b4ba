//! Disputes: how they are opened, answered, decided.

use serde_json::Value;

use crate::error::ApiError;
use crate::id;
use crate::objects::{BalanceTransaction, Charge, Dispute, DisputeStatus, Metadata, Movement};
use crate::sandbox::Transaction;

/// Stripe's fee of a chargeback, in the smallest unit; it is kept even if the dispute is won.
const FEE: i64 = 1_500;
/// How long evidence is taken, in days; then until the day ends.
const DAYS: i64 = 14;
const DAY: i64 = 24 * 60 * 60;
/// How long the bank thinks about evidence whose text says how it decides, in seconds.
const THINKS: i64 = 5;

/// Reasons that a bank gives.
pub(crate) const REASONS: [&str; 8] = [
    "fraudulent",
    "product_not_received",
    "product_unacceptable",
    "duplicate",
    "credit_not_processed",
    "subscription_canceled",
    "unrecognized",
    "general",
];

/// The holder asks for what is left of `charge`.
pub(crate) fn open(
    transaction: &mut Transaction<'_>,
    mut charge: Charge,
    reason: &str,
    inquiry: bool,
) -> Result<Dispute, ApiError> {
    let amount = charge.refundable();
    if amount == 0 {
        let why = format!("Charge {} holds no money that could be disputed.", charge.id);
        return Err(ApiError::bad_request(why).into_outcome());
    }
    if let Some(dispute) = transaction.dispute_of(&charge).filter(|d| !d.status.closed()) {
        let why = format!("Charge {} is disputed already ({}).", charge.id, dispute.id);
        return Err(ApiError::bad_request(why).into_outcome());
    }
    let now = transaction.now;
    let mut dispute = Dispute {
        id: id::random("du"),
        created: now,
        amount,
        currency: charge.currency.clone(),
        charge: charge.id.clone(),
        payment_intent: charge.payment_intent.clone(),
        card: charge.payment_method.card,
        reason: reason.to_owned(),
        status: DisputeStatus::WarningNeedsResponse,
        due_by: (now / DAY + DAYS + 1) * DAY - 1,
        evidence: Default::default(),
        submissions: 0,
        decides: None,
        movements: Vec::new(),
        metadata: Metadata::new(),
    };
    charge.dispute = Some(dispute.id.clone());
    charge.disputes_at = None;
    transaction.save_charge(&charge, &[]);
    if inquiry {
        transaction.save_dispute(&dispute, &["charge.dispute.created"]);
    } else {
        dispute.status = DisputeStatus::NeedsResponse;
        withdraw(transaction, &mut dispute);
        transaction.save_dispute(
            &dispute,
            &["charge.dispute.created", "charge.dispute.funds_withdrawn"],
        );
    }
    Ok(dispute)
}

/// An inquiry becomes a chargeback.
pub(crate) fn escalate(transaction: &mut Transaction<'_>, mut dispute: Dispute) -> Result<Value, ApiError> {
    if !dispute.status.inquiry() || dispute.status.closed() {
        return Err(unexpected(
            &dispute,
            "only an open inquiry can become a chargeback",
        ));
    }
    dispute.status = DisputeStatus::NeedsResponse;
    dispute.decides = None;
    dispute.due_by = (transaction.now / DAY + DAYS + 1) * DAY - 1;
    withdraw(transaction, &mut dispute);
    transaction.save_dispute(
        &dispute,
        &["charge.dispute.updated", "charge.dispute.funds_withdrawn"],
    );
    Ok(dispute.render())
}

/// What was said goes to the bank. At Stripe's test mode, and here, a text says what the bank will think of it.
pub(crate) fn submit(transaction: &Transaction<'_>, dispute: &mut Dispute) -> Result<(), ApiError> {
    if !dispute.status.needs_response() {
        return Err(unexpected(dispute, "evidence is no longer taken"));
    }
    let inquiry = dispute.status.inquiry();
    dispute.submissions += 1;
    dispute.status = if inquiry {
        DisputeStatus::WarningUnderReview
    } else {
        DisputeStatus::UnderReview
    };
    let text = dispute.evidence.get("uncategorized_text");
    let decided = match text.map(String::as_str) {
        Some("winning_evidence" | "losing_evidence") if inquiry => Some(DisputeStatus::WarningClosed),
        Some("winning_evidence") => Some(DisputeStatus::Won),
        Some("losing_evidence") => Some(DisputeStatus::Lost),
        _ => None,
    };
    dispute.decides = decided.map(|status| (transaction.now + THINKS, status));
    Ok(())
}

/// It ends as `status` says.
pub(crate) fn close(
    transaction: &mut Transaction<'_>,
    mut dispute: Dispute,
    status: DisputeStatus,
) -> Result<Value, ApiError> {
    if dispute.status.closed() {
        return Err(unexpected(&dispute, "it is closed already"));
    }
    if status.inquiry() != dispute.status.inquiry() {
        return Err(unexpected(&dispute, "it cannot end so"));
    }
    dispute.status = status;
    dispute.decides = None;
    let mut kinds = vec!["charge.dispute.closed"];
    if status == DisputeStatus::Won {
        let mut back = movement(transaction.now, &dispute, Movement::DisputeReversal);
        back.description = Some(format!("Chargeback reversal for {}", dispute.charge));
        transaction.save_balance(&back);
        dispute.movements.push(back);
        kinds.push("charge.dispute.funds_reinstated");
    }
    transaction.save_dispute(&dispute, &kinds);
    Ok(dispute.render())
}

/// How it ends if nobody says anything.
pub(crate) fn forfeit(dispute: &Dispute) -> DisputeStatus {
    if dispute.status.inquiry() {
        DisputeStatus::WarningClosed
    } else {
        DisputeStatus::Lost
    }
}

fn withdraw(transaction: &mut Transaction<'_>, dispute: &mut Dispute) {
    let mut taken = movement(transaction.now, dispute, Movement::Dispute);
    taken.fee = FEE;
    taken.description = Some(format!("Chargeback withdrawal for {}", dispute.charge));
    transaction.save_balance(&taken);
    dispute.movements.push(taken);
}

fn movement(now: i64, dispute: &Dispute, movement: Movement) -> BalanceTransaction {
    let amount = if movement == Movement::Dispute {
        -dispute.amount
    } else {
        dispute.amount
    };
    BalanceTransaction::new(now, movement, amount, &dispute.currency, &dispute.id)
}

fn unexpected(dispute: &Dispute, why: &str) -> ApiError {
    let why = format!("This dispute has a status of {}: {why}.", dispute.status.name());
    ApiError::bad_request(why).into_outcome()
}
