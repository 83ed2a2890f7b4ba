//! `GET /products/{id}`.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use cache::Loaded;
use http::HeaderMap;
use souk_http::{PathId, Problem, ProblemBody, fresh_or};
use types::ProductId;

use super::view::{self, Shown};
use crate::domain::{ProductKey, Refusal};
use crate::error::ProductError;
use crate::store::{fault, products};
use crate::{AppState, product_tag};

/// How long one that is not there is known not to be: made here, it is there at once.
const ABSENT: Duration = Duration::from_millis(250);

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
    let shown = match key {
        ProductKey::Id(id) => cached(&app, id).await?,
        ProductKey::Slug(_) => read(&app, &key).await?,
    };
    fresh_or(&headers, Some(shown.etag), view::CACHE_CONTROL, &shown.product)
}

async fn cached(app: &AppState, id: ProductId) -> Result<Shown, ProductError> {
    let load = || async move {
        match read(app, &ProductKey::Id(id)).await {
            Ok(shown) => Ok(Loaded::new(Some(shown))),
            Err(ProductError::Refused(Refusal::NoProduct)) => Ok(Loaded::briefly(None, ABSENT)),
            Err(error) => Err(error),
        }
    };
    let found = app
        .details
        .get_or_load(id, &[product_tag(id.get())], load)
        .await
        .map_err(ProductError::Shared)?;
    Option::clone(&found).ok_or_else(|| Refusal::NoProduct.into())
}

async fn read(app: &AppState, key: &ProductKey) -> Result<Shown, ProductError> {
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    let found = products::find(&mut conn, key).await?.ok_or(Refusal::NoProduct)?;
    Ok(Shown::of(&found, &app.images))
}
