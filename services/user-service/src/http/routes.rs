//! Which handler answers which path; also the source of the OpenAPI document.

use axum::Router;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::change_password::{__path_change_password, change_password};
use super::change_role::{__path_change_role, change_role};
use super::get_keys::{__path_get_keys, get_keys};
use super::get_profile::{__path_get_profile, get_profile};
use super::log_in::{__path_log_in, log_in};
use super::log_out::{__path_log_out, log_out};
use super::log_out_everywhere::{__path_log_out_everywhere, log_out_everywhere};
use super::refresh_tokens::{__path_refresh_tokens, refresh_tokens};
use super::register_user::{__path_register_user, register_user};
use super::update_profile::{__path_update_profile, update_profile};
use crate::state::AppState;

#[derive(OpenApi)]
#[openapi(
    info(title = "user-service", description = "Accounts, sessions and tokens."),
    tags((name = "auth", description = "Signing up, in and out"), (name = "users", description = "Accounts")),
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
        .routes(routes!(register_user))
        .routes(routes!(log_in))
        .routes(routes!(refresh_tokens))
        .routes(routes!(log_out))
        .routes(routes!(log_out_everywhere))
        .routes(routes!(get_profile, update_profile))
        .routes(routes!(change_password))
        .routes(routes!(change_role))
        .routes(routes!(get_keys))
}

/// The public routes.
pub fn router(app: AppState) -> Router {
    souk_http::with_fallbacks(all().split_for_parts().0).with_state(app)
}

/// What [`router`] serves, as OpenAPI 3.1.
#[must_use]
pub fn openapi() -> Document {
    all().split_for_parts().1
}
