//! `/v1/disputes`.

use axum::extract::Path;
use axum::response::Response;

use super::list::Paging;
use super::request::Call;
use crate::dispute;
use crate::error::ApiError;
use crate::form::Params;
use crate::objects::{Dispute, EVIDENCE, merge};
use crate::state::Row as _;

/// Gives one dispute.
pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Response {
    call.read(|state, params| {
        params.finish()?;
        let dispute = state.disputes.get(&id);
        let dispute = dispute.ok_or_else(|| ApiError::missing(Dispute::NOUN, "dispute", &id))?;
        Ok(dispute.render())
    })
    .await
}

/// Lists disputes, of one charge or intent or of all.
pub(super) async fn list(call: Call) -> Response {
    call.read(|state, params| {
        let paging = Paging::take(params)?;
        let (intent, charge) = (params.word("payment_intent")?, params.word("charge")?);
        params.finish()?;
        let wanted = |dispute: &Dispute| {
            intent.as_ref().is_none_or(|id| *id == dispute.payment_intent)
                && charge.as_ref().is_none_or(|id| *id == dispute.charge)
        };
        paging.page(&state.disputes, "/v1/disputes", wanted, |_, dispute| {
            dispute.render()
        })
    })
    .await
}

/// Takes evidence, and hands it to the bank unless `submit=false`.
pub(super) async fn update(Path(id): Path<String>, call: Call) -> Response {
    call.write(|transaction, params| {
        let mut dispute = transaction.dispute(&id)?;
        let submit = params.flag("submit")?;
        if let Some(changes) = params.texts("metadata")? {
            merge(&mut dispute.metadata, changes)?;
        }
        let said = params.nested("evidence")?;
        params.finish()?;
        let submit = submit.unwrap_or(said.is_some());
        if let Some(said) = said {
            take(&mut dispute, said)?;
        }
        if submit && !dispute.evidence.is_empty() {
            dispute::submit(transaction, &mut dispute)?;
        }
        transaction.save_dispute(&dispute, &["charge.dispute.updated"]);
        Ok(dispute.render())
    })
    .await
}

fn take(dispute: &mut Dispute, mut said: Params) -> Result<(), ApiError> {
    for name in EVIDENCE {
        match said.text(name)? {
            Some(text) if text.is_empty() => drop(dispute.evidence.remove(name)),
            Some(text) => drop(dispute.evidence.insert(name.to_owned(), text)),
            None => {}
        }
    }
    said.finish()
}

/// The shop gives in.
pub(super) async fn close(Path(id): Path<String>, call: Call) -> Response {
    call.write(|transaction, params| {
        params.finish()?;
        let dispute = transaction.dispute(&id)?;
        let ends = dispute::forfeit(&dispute);
        dispute::close(transaction, dispute, ends)
    })
    .await
}
