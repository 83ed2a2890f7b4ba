//! `GET /images/{file}`.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, StatusCode};
use souk_http::{Problem, ProblemBody};

use crate::AppState;
use crate::domain::Refusal;

/// A stored image. Its name says what it holds, so it may be kept for ever.
#[utoipa::path(get, path = "/images/{file}", tag = "images",
    security(()), extensions(("x-access" = json!("anyone"))), params(("file" = String, Path)),
    responses((status = 200, content_type = "image/*", body = Vec<u8>), (status = 304),
        (status = 404, body = ProblemBody)))]
#[tracing::instrument(name = "image.get", skip_all)]
pub(super) async fn get_image(
    State(app): State<AppState>,
    Path(file): Path<String>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let (kind, bytes) = app.images.read(&file).await?.ok_or(Refusal::NoImage)?;
    let tag = format!("\"{file}\"");
    let known = request
        .get(IF_NONE_MATCH)
        .and_then(|list| list.to_str().ok())
        .is_some_and(|list| {
            list.split(',')
                .map(str::trim)
                .any(|t| t == "*" || t.trim_start_matches("W/") == tag)
        });
    let headers = [
        (ETAG, tag),
        (CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
    ];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((headers, [(CONTENT_TYPE, kind.media_type())], bytes).into_response())
}
