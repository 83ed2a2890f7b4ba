//! `/v1/balance_transactions`.

use axum::extract::Path;
use axum::response::Response;

use super::list::Paging;
use super::request::Call;
use crate::error::ApiError;
use crate::objects::BalanceTransaction;
use crate::state::Row as _;

/// Gives one movement.
pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Response {
    call.read(|state, params| {
        params.finish()?;
        let moved = state.balance.get(&id);
        let moved = moved.ok_or_else(|| ApiError::missing(BalanceTransaction::NOUN, "id", &id))?;
        Ok(moved.render())
    })
    .await
}

/// Lists movements, of one object, kind or currency or all.
pub(super) async fn list(call: Call) -> Response {
    call.read(|state, params| {
        let paging = Paging::take(params)?;
        let (source, kind) = (params.word("source")?, params.word("type")?);
        let currency = params.word("currency")?;
        params.finish()?;
        let wanted = |moved: &BalanceTransaction| {
            source.as_ref().is_none_or(|id| *id == moved.source)
                && kind.as_ref().is_none_or(|kind| kind == moved.movement.kind())
                && currency
                    .as_ref()
                    .is_none_or(|c| c.eq_ignore_ascii_case(&moved.currency))
        };
        paging.page(&state.balance, "/v1/balance_transactions", wanted, |_, moved| {
            moved.render()
        })
    })
    .await
}
