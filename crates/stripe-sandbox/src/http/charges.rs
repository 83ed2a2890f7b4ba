//! `/v1/charges`.

use axum::extract::Path;
use axum::response::Response;

use super::list::Paging;
use super::request::Call;
use crate::error::ApiError;
use crate::objects::Charge;
use crate::state::Row as _;

/// Gives one charge.
pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Response {
    call.read(|state, params| {
        params.finish()?;
        let charge = state
            .charges
            .get(&id)
            .ok_or_else(|| ApiError::missing(Charge::NOUN, "id", &id))?;
        Ok(charge.render())
    })
    .await
}

/// Lists charges, of one intent or of all.
pub(super) async fn list(call: Call) -> Response {
    call.read(|state, params| {
        let paging = Paging::take(params)?;
        let intent = params.word("payment_intent")?;
        params.finish()?;
        paging.page(
            &state.charges,
            "/v1/charges",
            |charge| intent.as_ref().is_none_or(|id| *id == charge.payment_intent),
            |_, charge| charge.render(),
        )
    })
    .await
}
