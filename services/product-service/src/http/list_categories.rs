//! `GET /categories`.

use axum::extract::State;
use axum::response::Response;
use cache::{Loaded, Tag};
use http::HeaderMap;
use souk_http::{Problem, fresh_or};
use wire::products::Category;

use super::view;
use crate::AppState;
use crate::error::ProductError;
use crate::store::{categories, fault};

/// All categories by name, as a flat array; `parentId` makes a tree of them.
#[utoipa::path(get, path = "/categories", tag = "categories",
    security(()), extensions(("x-access" = json!("anyone"))),
    responses((status = 200, body = Vec<Category>), (status = 304)))]
#[tracing::instrument(name = "category.list", skip_all)]
pub(super) async fn list_categories(
    State(app): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let app = &app;
    let load = || async move {
        let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
        let all = categories::all(&mut conn).await?;
        Ok::<_, ProductError>(Loaded {
            value: all.into(),
            tags: vec![Tag::of("categories", ())],
        })
    };
    let all = app
        .categories
        .get_or_load((), load)
        .await
        .map_err(ProductError::Shared)?;
    let shown: Vec<Category> = all.iter().map(view::category).collect();
    fresh_or(&headers, None, view::CACHE_CONTROL, &shown)
}
