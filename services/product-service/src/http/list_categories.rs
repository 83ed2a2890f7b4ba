//! `GET /categories`.

use axum::extract::State;
use axum::response::Response;
use cache::Loaded;
use http::HeaderMap;
use souk_http::{Problem, fresh_or};
use wire::products::Category;

use super::view;
use crate::error::ProductError;
use crate::store::{categories, fault};
use crate::{AppState, categories_tag};

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
        Ok::<_, ProductError>(Loaded::new(all.iter().map(view::category).collect()))
    };
    let all = app
        .categories
        .get_or_load("all", &[categories_tag()], load)
        .await
        .map_err(ProductError::Shared)?;
    fresh_or(&headers, None, view::CACHE_CONTROL, &*all)
}
