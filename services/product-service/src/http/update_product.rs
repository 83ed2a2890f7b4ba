//! `PUT /products/{id}`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ETAG, IF_MATCH};
use souk_http::{Caller, Json, PathId, Problem, ProblemBody};
use types::{ProductId, Role};
use wire::code;
use wire::events::ProductChanged;
use wire::products::{Product, UpdateProduct};

use super::{body, view};
use crate::AppState;
use crate::domain;
use crate::events::PRODUCTS;
use crate::store::{fault, pictures, products, shelf};

/// Changes what is sent of a product and nothing else.
///
/// `stock` sets how many can be bought, besides those that orders hold. With `If-Match` the change is made only to
/// that version (412); sales in between do not count unless `stock` is sent.
#[utoipa::path(put, path = "/products/{id}", tag = "products", request_body = UpdateProduct,
    security(("bearer" = [])), extensions(("x-access" = json!("its seller, admin"))),
    params(("id" = ProductId, Path), ("If-Match" = Option<String>, Header, description = "The ETag of the version to change")),
    responses((status = 200, body = Product), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 412, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
#[tracing::instrument(name = "product.update", skip_all, fields(product.id = %id))]
pub(super) async fn update_product(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<ProductId>,
    headers: HeaderMap,
    Json(body): Json<UpdateProduct>,
) -> Result<Response, Problem> {
    caller.require(&[Role::Seller, Role::Admin])?;
    let patch = body::patch(body, app.currency)?;

    let now = app.clock.now();
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    let product = match patch.stock {
        Some(_) => products::lock_with_stock(&mut tx, id).await?,
        None => products::lock(&mut tx, id).await?,
    };
    product.changeable_by(caller.id, caller.is_admin())?;
    check_version(&headers, &product, patch.stock.is_some())?;
    let (stock, names) = (patch.stock, patch.hanging.names_pictures());
    let changed = patch.apply(product)?;
    if names {
        pictures::name(&mut tx, changed.gallery.images(), now).await?;
    }
    products::save(&mut tx, &changed, now).await?;
    if let Some(available) = stock {
        shelf::set_available(&mut tx, id, available, caller.actor(), now).await?;
    }
    bus::publish(
        &mut tx,
        &PRODUCTS,
        id.get(),
        &ProductChanged { product_id: id },
        caller.actor(),
        now,
    )
    .await
    .map_err(fault("publish a product"))?;
    let product = products::lock(&mut tx, id).await?;
    tx.commit().await.map_err(fault("commit a product"))?;
    app.product_changed(id.get());
    Ok((
        [(ETAG, product.etag())],
        Json(view::product(&product, &app.images)),
    )
        .into_response())
}

/// Refuses (412) where `If-Match` names another version.
pub(super) fn check_version(
    headers: &HeaderMap,
    product: &domain::Product,
    stock_counts: bool,
) -> Result<(), Problem> {
    let Some(named) = headers.get(IF_MATCH) else {
        return Ok(());
    };
    if named
        .to_str()
        .is_ok_and(|named| product.is_named_by(named, stock_counts))
    {
        return Ok(());
    }
    let etag = product.etag();
    Err(Problem::new(code::PRECONDITION_FAILED)
        .detail(format!(
            "If-Match names another version; it is {etag} now. Read it again."
        ))
        .with("etag", etag))
}
