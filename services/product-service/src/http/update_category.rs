//! `PUT /categories/{id}`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::ETAG;
use souk_http::{Caller, Checks, IfMatch, Json, PathId, Problem, ProblemBody, etag_of_version};
use types::{CategoryId, Role};
use wire::products::{Category, UpdateCategory};

use super::create_category::{LONGEST, check_place};
use super::{body, view};
use crate::AppState;
use crate::store::{categories, fault};

/// Renames, describes or moves a category. Its slug stays.
///
/// A move under itself is refused, also when two moves would make the circle together; so is a tree that is deeper than
/// ten.
#[utoipa::path(put, path = "/categories/{id}", tag = "categories", request_body = UpdateCategory,
    security(("bearer" = [])), extensions(("x-access" = json!("admin"))), params(("id" = CategoryId, Path)),
    responses((status = 200, body = Category), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 412, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[tracing::instrument(name = "category.update", skip_all, fields(category.id = %id))]
pub(super) async fn update_category(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<CategoryId>,
    if_match: IfMatch,
    Json(body): Json<UpdateCategory>,
) -> Result<Response, Problem> {
    caller.require(&[Role::Admin])?;
    let mut checks = Checks::new();
    let name = body
        .name
        .and_then(|text| checks.text("/name", &text, 1, LONGEST.0));
    let description = body
        .description
        .and_then(|text| checks.text("/description", &text, 0, LONGEST.1));
    let parent = body
        .parent_id
        .map(|id| id.and_then(|id| body::category(&mut checks, "/parentId", id)));
    checks.finish()?;

    let now = app.clock.now();
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    categories::lock_tree(&mut tx).await?;
    let mut category = categories::lock(&mut tx, id).await?;
    if_match.check(&etag_of_version(category.version))?;
    if let Some(parent) = parent {
        if let Some(parent) = parent {
            check_place(&mut tx, Some(id), parent).await?;
        }
        category.parent_id = parent;
    }
    category.name = name.unwrap_or(category.name);
    category.description = description.unwrap_or(category.description);
    categories::save(&mut tx, &category, now).await?;
    tx.commit().await.map_err(fault("commit a category"))?;
    app.categories_changed();
    let etag = etag_of_version(category.version + 1);
    Ok(([(ETAG, etag)], Json(view::category(&category))).into_response())
}
