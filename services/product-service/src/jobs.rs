//! What runs beside the requests.

pub mod pictures;
pub mod prune;
pub mod sweep;
