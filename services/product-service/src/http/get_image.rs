//! `GET /images/{file}`.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, StatusCode};
use souk_http::{Problem, ProblemBody, names_tag};

use crate::AppState;
use crate::domain::{PictureFile, Refusal};
use crate::images;

/// A file of a picture. Its name says what it holds, so it may be kept for ever.
#[utoipa::path(get, path = "/images/{file}", tag = "images",
    security(()), extensions(("x-access" = json!("anyone"))), params(("file" = String, Path)),
    responses((status = 200, content_type = "image/*", body = Vec<u8>), (status = 304),
        (status = 404, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[tracing::instrument(name = "image.get", skip_all)]
pub(super) async fn get_image(
    State(app): State<AppState>,
    Path(name): Path<String>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let file = PictureFile::parse(&name).ok_or(Refusal::NoImage)?;
    let tag = format!("\"{name}\"");
    let asked = request.get(IF_NONE_MATCH);
    let known = names_tag(asked, &tag);
    let headers = [
        (ETAG, tag),
        (CACHE_CONTROL, images::CACHE_CONTROL.to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
    ];
    // Whoever has it has the right one: the storage need not be asked. `*` names whatever is there.
    if known && asked.is_some_and(|list| list != "*") {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let bytes = app.images.read(&file).await?.ok_or(Refusal::NoImage)?;
    if known {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((headers, [(CONTENT_TYPE, file.format.media_type())], bytes).into_response())
}
