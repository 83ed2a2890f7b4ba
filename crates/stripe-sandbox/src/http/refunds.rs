//! `/v1/refunds`.

use axum::extract::Path;
use axum::response::Response;
use serde_json::Value;

use super::list::Paging;
use super::request::Call;
use crate::error::ApiError;
use crate::form::Params;
use crate::objects::{Charge, Metadata, Refund, merge};
use crate::refund;
use crate::sandbox::Transaction;
use crate::state::Row as _;

/// Gives money back.
pub(super) async fn create(call: Call) -> Response {
    call.write(give_back).await
}

fn give_back(transaction: &mut Transaction<'_>, params: &mut Params) -> Result<Value, ApiError> {
    let (intent, charge) = (params.word("payment_intent")?, params.word("charge")?);
    let amount = params.integer("amount")?;
    let reason = params.choice("reason", &["duplicate", "fraudulent", "requested_by_customer"])?;
    let mut metadata = Metadata::new();
    if let Some(changes) = params.texts("metadata")? {
        merge(&mut metadata, changes)?;
    }
    params.finish()?;

    let charge = charge_of(transaction, intent, charge)?;
    refund::make(transaction, charge, amount, reason, metadata).map(|refund| refund.render())
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
    .await
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
    .await
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
    .await
}
