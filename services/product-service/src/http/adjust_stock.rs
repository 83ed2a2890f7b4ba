//! `PUT /products/{id}/stock`.

use axum::extract::State;
use http::HeaderMap;
use souk_http::{Caller, Checks, Json, PathId, Problem, ProblemBody};
use types::{ProductId, Role};
use wire::events::ProductChanged;
use wire::products::{AdjustStock, Stock};

use super::update_product::check_version;
use crate::AppState;
use crate::domain::Refusal;
use crate::domain::product::MAX_STOCK;
use crate::events::{self, PRODUCTS};
use crate::store::holds::Shelf;
use crate::store::shelf::{self, Adjustment};
use crate::store::{fault, products};

/// Corrects what is on the shelf, for a reason that the ledger keeps.
///
/// Made only if what is on hand is `expectedOnHand`; else refused with `stale` and the number. What orders hold stays
/// on the shelf.
#[utoipa::path(put, path = "/products/{id}/stock", tag = "products", request_body = AdjustStock,
    security(("bearer" = [])), extensions(("x-access" = json!("its seller, admin"))),
    params(("id" = ProductId, Path), ("If-Match" = Option<String>, Header, description = "The product's ETag")),
    responses((status = 200, body = Stock), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 412, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
#[tracing::instrument(name = "stock.adjust", skip_all, fields(product.id = %id))]
pub(super) async fn adjust_stock(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<ProductId>,
    headers: HeaderMap,
    Json(body): Json<AdjustStock>,
) -> Result<Json<Stock>, Problem> {
    caller.require(&[Role::Seller, Role::Admin])?;
    let mut checks = Checks::new();
    let reason = checks.text("/reason", &body.reason, 1, 200);
    for (pointer, units) in [
        ("/onHand", body.on_hand),
        ("/expectedOnHand", body.expected_on_hand),
    ] {
        if !(0..=MAX_STOCK).contains(&units) {
            checks.refuse(pointer, format!("0 to {MAX_STOCK} units"));
        }
    }
    checks.finish()?;

    let now = app.clock.now();
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    let product = products::lock_with_stock(&mut tx, id).await?;
    product.changeable_by(caller.id, caller.is_admin())?;
    check_version(&headers, &product, true)?;
    let (expected, reason) = (body.expected_on_hand, reason.unwrap_or_default());
    let adjustment = Adjustment {
        on_hand: body.on_hand,
        expected,
        reason: &reason,
        actor: caller.actor(),
        at: now,
    };
    let shelf = shelf::adjust(&mut tx, id, adjustment).await?;
    if !shelf.made {
        let refusal = if shelf.on_hand == expected {
            Refusal::invalid(
                "/onHand",
                format!("orders hold {}, which stay on the shelf", shelf.reserved),
            )
        } else {
            Refusal::OnHandDiffers {
                on_hand: shelf.on_hand,
                expected,
            }
        };
        return Err(refusal.into());
    }
    let counted = Shelf {
        product_id: id.get(),
        before: expected - shelf.reserved,
        after: shelf.on_hand - shelf.reserved,
    };
    events::tell_low(&mut tx, &[counted], app.low_stock, caller.actor(), now).await?;
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
    tx.commit().await.map_err(fault("commit an adjustment"))?;
    app.product_changed(id.get());
    Ok(Json(Stock {
        product_id: id,
        on_hand: shelf.on_hand,
        reserved: shelf.reserved,
        stock_quantity: shelf.on_hand - shelf.reserved,
    }))
}
