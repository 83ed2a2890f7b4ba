//! `POST /products`.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http::header::{ETAG, LOCATION};
use serde_json::value::RawValue;
use souk_http::{Caller, IdempotencyKey, Json, Problem, ProblemBody, body_hash};
use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{Actor, ProductId, Role};
use wire::events::ProductChanged;
use wire::products::{CreateProduct, Product};

use super::replay::Once;
use super::{body, view};
use crate::AppState;
use crate::domain::NewProduct;
use crate::error::ProductError;
use crate::events::PRODUCTS;
use crate::store::{fault, pictures, products};

/// How often to look for a free slug; from the second time on nobody else takes it but by chance.
const TRIES: usize = 4;

/// Puts a product into the catalogue, with its stock.
///
/// Its slug is made from its name, with a suffix if that is taken; its SKU is made if none is sent. Refused with
/// `sku-taken` if another product has the SKU. With an `Idempotency-Key` a repeat is answered as the first time.
#[utoipa::path(post, path = "/products", tag = "products", request_body = CreateProduct,
    security(("bearer" = [])), extensions(("x-access" = json!("seller, admin"))),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat harmless")),
    responses((status = 201, body = Product), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[tracing::instrument(name = "product.create", skip_all)]
pub(super) async fn create_product(
    State(app): State<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    Json(raw): Json<Box<RawValue>>,
) -> Result<Response, Problem> {
    caller.require(&[Role::Seller, Role::Admin])?;
    let Json(body) = Json::<CreateProduct>::from_bytes(raw.get().as_bytes())?;
    let new = body::new_product(body, caller.id, app.currency, rand::random())?;
    let once = Once::new(&caller, "POST /products", key, body_hash(raw.get().as_bytes()));

    let now = app.clock.now();
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    if let Some(answer) = once.begin(&mut tx, now).await? {
        return Ok(answer);
    }
    pictures::name(&mut tx, new.gallery.images(), now).await?;
    let id = insert(&mut tx, &new, caller.actor(), now).await?;
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
    let headers = vec![(ETAG, product.etag()), (LOCATION, format!("/api/products/{id}"))];
    let shown = view::product(&product, &app.images);
    let answer = once.finish(&mut tx, StatusCode::CREATED, headers, &shown).await?;
    tx.commit().await.map_err(fault("commit a product"))?;
    app.product_changed(id.get());
    Ok(answer)
}

/// Inserts under the name's own slug, or the next free one with a number (CAT-2).
async fn insert(
    conn: &mut PgConnection,
    new: &NewProduct,
    actor: Actor,
    now: OffsetDateTime,
) -> Result<ProductId, ProductError> {
    if let Some(id) = products::insert(conn, new, &new.slug, actor, now).await? {
        return Ok(id);
    }
    for _ in 0..TRIES {
        let slug = products::next_slug(conn, &new.slug).await?;
        if let Some(id) = products::insert(conn, new, &slug, actor, now).await? {
            return Ok(id);
        }
    }
    Err(ProductError::Corrupt("slug: none is free"))
}
