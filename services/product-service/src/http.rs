//! The public API: one file an endpoint.

mod adjust_stock;
mod body;
mod create_category;
mod create_product;
mod delete_category;
mod delete_product;
mod form;
mod get_image;
mod get_product;
mod list_categories;
mod list_products;
pub(crate) mod replay;
mod routes;
mod update_category;
mod update_product;
mod upload_image;
pub(crate) mod view;

pub(crate) use routes::routes;
