//! What runs beside the requests.

pub mod prune;
pub mod sweep;
