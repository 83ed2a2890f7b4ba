//! Which handler answers which path; also the source of the OpenAPI document.

use axum::Router;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cancel_order::{__path_cancel_order, cancel_order};
use super::get_history::{__path_get_history, get_history};
use super::get_order::{__path_get_order, get_order};
use super::jobs::discard_job::{__path_discard_job, discard_job};
use super::jobs::get_job::{__path_get_job, get_job};
use super::jobs::list_jobs::{__path_list_jobs, list_jobs};
use super::jobs::requeue_job::{__path_requeue_job, requeue_job};
use super::list_orders::{__path_list_orders, list_orders};
use super::move_order::{__path_move_order, move_order};
use super::place_order::{__path_place_order, place_order};
use super::sagas::abandon_saga::{__path_abandon_saga, abandon_saga};
use super::sagas::get_saga::{__path_get_saga, get_saga};
use super::sagas::list_sagas::{__path_list_sagas, list_sagas};
use super::sagas::retry_saga::{__path_retry_saga, retry_saga};
use super::sagas::skip_saga::{__path_skip_saga, skip_saga};
use super::statuses;
use super::track_order::{__path_track_order, track_order};
use crate::state::AppState;

#[derive(OpenApi)]
#[openapi(
    info(title = "order-service", description = "Orders and their checkout."),
    tags(
        (name = "orders", description = "Buying and fulfilling"),
        (name = "sagas", description = "Looking after what is stuck"),
        (name = "jobs", description = "Looking after work that is done later")
    ),
    modifiers(&Bearer)
)]
struct Api;

/// The access token, as OpenAPI names it.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.bearer_format = Some("JWT".to_owned());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(http));
    }
}

fn all() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(place_order, list_orders))
        .routes(routes!(get_order))
        .routes(routes!(cancel_order))
        .routes(routes!(move_order))
        .routes(routes!(track_order))
        .routes(routes!(get_history))
        .routes(routes!(list_sagas))
        .routes(routes!(get_saga))
        .routes(routes!(retry_saga))
        .routes(routes!(skip_saga))
        .routes(routes!(abandon_saga))
        .routes(routes!(list_jobs))
        .routes(routes!(get_job, discard_job))
        .routes(routes!(requeue_job))
}

/// The public routes.
pub fn router(app: AppState) -> Router {
    souk_http::with_fallbacks(all().split_for_parts().0).with_state(app)
}

/// What [`router`] serves, as OpenAPI 3.1.
#[must_use]
pub fn openapi() -> Document {
    let mut document = all().split_for_parts().1;
    statuses::list(&mut document);
    document
}
