//! `GET /.well-known/jwks.json`

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use souk_http::{JsonWebKey, KeySet, Problem, fresh_or};

use crate::error::UserError;
use crate::state::AppState;
use crate::store::keys;

/// The keys that verify access tokens: the signing one, the next one and the retiring ones.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth", security(()),
    extensions(("x-access" = json!("anyone"))),
    responses((status = 200, body = KeySet), (status = 304, description = "The client has them already")))]
#[tracing::instrument(name = "user.get_keys", skip_all)]
pub async fn get_keys(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, Problem> {
    let mut conn = app
        .db
        .acquire()
        .await
        .map_err(UserError::store("reach the database"))?;
    let keys = keys::published(&mut conn)
        .await?
        .iter()
        .map(JsonWebKey::from)
        .collect();
    fresh_or(&headers, None, "public, max-age=300", &KeySet { keys })
}
