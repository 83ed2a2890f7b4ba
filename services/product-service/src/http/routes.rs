//! Which handler answers which path.

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::{
    adjust_stock, create_category, create_product, delete_category, delete_product, get_image, get_product,
    list_categories, list_products, update_category, update_product, upload_image,
};
use crate::AppState;
use crate::domain::image::MAX_BYTES;

/// What multipart adds around an image.
const ENVELOPE: usize = 64 * 1024;

/// The public router with its OpenAPI document.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    let upload = routes!(upload_image::upload_image).layer(DefaultBodyLimit::max(MAX_BYTES + ENVELOPE));
    OpenApiRouter::new()
        .routes(routes!(
            list_products::list_products,
            create_product::create_product
        ))
        .routes(routes!(
            get_product::get_product,
            update_product::update_product,
            delete_product::delete_product
        ))
        .routes(routes!(adjust_stock::adjust_stock))
        .routes(upload)
        .routes(routes!(get_image::get_image))
        .routes(routes!(
            list_categories::list_categories,
            create_category::create_category
        ))
        .routes(routes!(
            update_category::update_category,
            delete_category::delete_category
        ))
}
