//! The public routes, one file each.

mod cancel_order;
mod get_history;
mod get_order;
pub(crate) mod jobs;
pub(crate) mod keyed;
mod list_orders;
mod move_order;
pub(crate) mod place_order;
mod routes;
pub(crate) mod sagas;
mod statuses;
mod track_order;
mod view;

pub use routes::{openapi, router};
