//! Which path is served where.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{create_intent, create_refund, get_payment, list_ledger, receive_webhook};
use crate::AppState;

/// All public routes.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_intent::create_intent))
        .routes(routes!(get_payment::get_payment))
        .routes(routes!(create_refund::create_refund))
        .routes(routes!(list_ledger::list_ledger))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(receive_webhook::receive_webhook))
                .layer(axum::extract::DefaultBodyLimit::max(receive_webhook::LIMIT)),
        )
}
