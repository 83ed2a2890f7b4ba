//! `DELETE /products/{id}`.

use axum::extract::State;
use http::HeaderMap;
use souk_http::{Caller, Json, PathId, Problem, ProblemBody};
use types::{ProductId, Role};
use wire::Message;
use wire::events::ProductChanged;

use super::update_product::check_version;
use crate::AppState;
use crate::events::PRODUCTS;
use crate::store::{fault, products};

/// Takes a product out of the catalogue for good.
///
/// It cannot be found or ordered any more; orders that hold or bought it keep what they have.
#[utoipa::path(delete, path = "/products/{id}", tag = "products",
    security(("bearer" = [])), extensions(("x-access" = json!("its seller, admin"))),
    params(("id" = ProductId, Path), ("If-Match" = Option<String>, Header, description = "The ETag of the version to delete")),
    responses((status = 200, body = Message), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 412, body = ProblemBody)))]
#[tracing::instrument(name = "product.delete", skip_all, fields(product.id = %id))]
pub(super) async fn delete_product(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<ProductId>,
    headers: HeaderMap,
) -> Result<Json<Message>, Problem> {
    caller.require(&[Role::Seller, Role::Admin])?;
    let now = app.clock.now();
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    let product = products::lock(&mut tx, id).await?;
    product.changeable_by(caller.id, caller.is_admin())?;
    check_version(&headers, &product, false)?;
    products::delete(&mut tx, id, now).await?;
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
    tx.commit().await.map_err(fault("commit a product's end"))?;
    app.product_changed(id.get());
    Ok(Json(Message {
        message: "The product was deleted.".to_owned(),
    }))
}
