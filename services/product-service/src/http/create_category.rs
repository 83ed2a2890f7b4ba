//! `POST /categories`.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::value::RawValue;
use souk_http::{Caller, Checks, IdempotencyKey, Json, Problem, ProblemBody, body_hash};
use sqlx::PgConnection;
use types::{CategoryId, Role};
use wire::products::{Category, CreateCategory};

use super::replay::Once;
use super::{body, view};
use crate::AppState;
use crate::domain::category::MAX_DEPTH;
use crate::domain::{Refusal, slug};
use crate::error::ProductError;
use crate::store::{categories, fault};

/// The longest name and description, in characters.
pub(super) const LONGEST: (usize, usize) = (100, 2_000);

/// Makes a category.
///
/// Its slug is made from its name; refused with `category-taken` if another category has that.
#[utoipa::path(post, path = "/categories", tag = "categories", request_body = CreateCategory,
    security(("bearer" = [])), extensions(("x-access" = json!("admin"))),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat harmless")),
    responses((status = 201, body = Category), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[tracing::instrument(name = "category.create", skip_all)]
pub(super) async fn create_category(
    State(app): State<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    Json(raw): Json<Box<RawValue>>,
) -> Result<Response, Problem> {
    caller.require(&[Role::Admin])?;
    let Json(body) = Json::<CreateCategory>::from_bytes(raw.get().as_bytes())?;
    let mut checks = Checks::new();
    let name = checks.text("/name", &body.name, 1, LONGEST.0);
    let description = body.description.unwrap_or_default();
    let description = checks.text("/description", &description, 0, LONGEST.1);
    let parent = body
        .parent_id
        .and_then(|id| body::category(&mut checks, "/parentId", id));
    checks.finish()?;
    let (name, description) = (name.unwrap_or_default(), description.unwrap_or_default());
    let once = Once::new(&caller, "POST /categories", key, body_hash(raw.get().as_bytes()));

    let now = app.clock.now();
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    if let Some(answer) = once.begin(&mut tx, now).await? {
        return Ok(answer);
    }
    categories::lock_tree(&mut tx).await?;
    if let Some(parent) = parent {
        check_place(&mut tx, None, parent).await?;
    }
    let slug = slug::of(&name, "category");
    let category = categories::insert(&mut tx, parent, (&name, &slug, &description), now).await?;
    let answer = once
        .finish(
            &mut tx,
            StatusCode::CREATED,
            Vec::new(),
            &view::category(&category),
        )
        .await?;
    tx.commit().await.map_err(fault("commit a category"))?;
    app.categories_changed();
    Ok(answer)
}

/// Refuses a place in the tree that would be a circle, too deep, or under nothing (CAT-1).
pub(super) async fn check_place(
    conn: &mut PgConnection,
    moved: Option<CategoryId>,
    parent: CategoryId,
) -> Result<(), ProductError> {
    let fit = categories::fit(conn, moved, parent).await?;
    let why = match fit.parent_depth {
        None => "there is no such category".to_owned(),
        Some(_) if fit.is_circle => "a category cannot be within itself".to_owned(),
        Some(depth) if depth + fit.height > MAX_DEPTH => format!("categories nest {MAX_DEPTH} deep at most"),
        Some(_) => return Ok(()),
    };
    Err(Refusal::invalid("/parentId", why).into())
}
