//! `GET /products/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use cache::Loaded;
use http::HeaderMap;
use souk_http::{PathId, Problem, ProblemBody, fresh_or};
use types::ProductId;

use super::view;
use crate::domain::{Product, ProductKey, Refusal};
use crate::error::ProductError;
use crate::store::{fault, products};
use crate::{AppState, product_tag};

/// A product on sale, by id or by slug.
///
/// What is shown of its stock may be a second old; what is decided on it never is. Deleted and inactive products are
/// not found.
#[utoipa::path(get, path = "/products/{id}", tag = "products",
    security(()), extensions(("x-access" = json!("anyone"))),
    params(("id" = String, Path, description = "Its id, or its slug")),
    responses((status = 200, body = wire::products::Product), (status = 304), (status = 404, body = ProblemBody)))]
#[tracing::instrument(name = "product.get", skip_all)]
pub(super) async fn get_product(
    State(app): State<AppState>,
    PathId(key): PathId<ProductKey>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let product = match key {
        ProductKey::Id(id) => cached(&app, id).await?,
        ProductKey::Slug(_) => Arc::new(read(&app, &key).await?),
    };
    fresh_or(
        &headers,
        Some(product.etag()),
        view::CACHE_CONTROL,
        &view::product(&product, &app.images),
    )
}

async fn cached(app: &AppState, id: ProductId) -> Result<Arc<Product>, ProductError> {
    let load = || async move {
        let product = read(app, &ProductKey::Id(id)).await?;
        Ok(Loaded {
            value: Arc::new(product),
            tags: vec![product_tag(id.get())],
        })
    };
    app.details
        .get_or_load(id, load)
        .await
        .map_err(ProductError::Shared)
}

async fn read(app: &AppState, key: &ProductKey) -> Result<Product, ProductError> {
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    products::find(&mut conn, key)
        .await?
        .ok_or_else(|| Refusal::NoProduct.into())
}
