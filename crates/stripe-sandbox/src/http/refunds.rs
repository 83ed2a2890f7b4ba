//! `/v1/refunds`.

use axum::extract::Path;
use axum::response::Response;
use serde_json::Value;

use super::list::Paging;
use super::request::Call;
use crate::error::ApiError;
use crate::form::Params;
use crate::objects::{Charge, Metadata, Refund, RefundStatus, merge};
use crate::sandbox::Transaction;
use crate::state::Row as _;
use crate::{currency, id};

/// Gives money back.
pub(super) async fn create(call: Call) -> Response {
    call.write(refund)
}

fn refund(transaction: &mut Transaction<'_>, params: &mut Params) -> Result<Value, ApiError> {
    let (intent, charge) = (params.word("payment_intent")?, params.word("charge")?);
    let amount = params.integer("amount")?;
    let reason = params.choice("reason", &["duplicate", "fraudulent", "requested_by_customer"])?;
    let mut metadata = Metadata::new();
    if let Some(changes) = params.texts("metadata")? {
        merge(&mut metadata, changes)?;
    }
    params.finish()?;

    let mut charge = charge_of(transaction, intent, charge)?;
    let left = charge.refundable();
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
    let refund = Refund {
        id: id::random("re"),
        created: transaction.now,
        amount,
        currency: charge.currency.clone(),
        charge: charge.id.clone(),
        payment_intent: charge.payment_intent.clone(),
        status: RefundStatus::Succeeded,
        reason,
        failure_reason: None,
        metadata,
    };
    transaction.save_refund(&refund, &["refund.created"]);
    transaction.save_charge(&charge, &["charge.refunded"]);
    Ok(refund.render())
}

/// The charge that the parameters name, if money was taken by it.
fn charge_of(
    transaction: &Transaction<'_>,
    intent: Option<String>,
    charge: Option<String>,
) -> Result<Charge, ApiError> {
    match (intent, charge) {
        (None, None) => Err(ApiError::bad_request(
            "One of the following params should be provided for this request: payment_intent or charge.",
        )
        .code("parameter_missing")),
        (Some(_), Some(_)) => Err(ApiError::bad_request(
            "You may only specify one of these parameters: payment_intent, charge.",
        )),
        (None, Some(id)) => {
            let charge = transaction.charge_of("charge", &id)?;
            if charge.paid() {
                return Ok(charge);
            }
            Err(ApiError::invalid(
                "charge",
                format!("Charge {id} did not succeed; there is nothing to refund."),
            )
            .into_outcome())
        }
        (Some(id), None) => {
            let intent = transaction.intent_of("payment_intent", &id)?;
            let charge = intent
                .latest_charge
                .map(|id| transaction.charge_of("charge", &id))
                .transpose()?;
            charge.filter(Charge::paid).ok_or_else(|| {
                let why = format!("This PaymentIntent ({id}) does not have a successful charge to refund.");
                ApiError::invalid("payment_intent", why).into_outcome()
            })
        }
    }
}

/// Gives one refund.
pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Response {
    call.read(|state, params| {
        params.finish()?;
        let refund = state
            .refunds
            .get(&id)
            .ok_or_else(|| ApiError::missing(Refund::NOUN, "id", &id))?;
        Ok(refund.render())
    })
}

/// Changes a refund's metadata.
pub(super) async fn update(Path(id): Path<String>, call: Call) -> Response {
    call.write(|transaction, params| {
        let changes = params.texts("metadata")?;
        params.finish()?;
        let mut refund = transaction.refund(&id)?;
        if let Some(changes) = changes {
            merge(&mut refund.metadata, changes)?;
            transaction.save_refund(&refund, &["refund.updated"]);
        }
        Ok(refund.render())
    })
}

/// Lists refunds, of one intent or charge or of all.
pub(super) async fn list(call: Call) -> Response {
    call.read(|state, params| {
        let paging = Paging::take(params)?;
        let (intent, charge) = (params.word("payment_intent")?, params.word("charge")?);
        params.finish()?;
        let wanted = |refund: &Refund| {
            intent.as_ref().is_none_or(|id| *id == refund.payment_intent)
                && charge.as_ref().is_none_or(|id| *id == refund.charge)
        };
        paging.page(&state.refunds, "/v1/refunds", wanted, |_, refund| refund.render())
    })
}
