//! Use cases with more than one entry point.

pub mod admission;
pub mod cancel;
pub mod fulfil;
pub mod intervene;
pub mod notify;
pub mod place;
pub mod placing;
pub mod reading;
pub mod tend;
pub mod transition;
