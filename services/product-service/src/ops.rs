//! What can be done to stock and catalogue, for those who have more than one way in.

pub mod hold;
pub mod pictures;
pub mod quote;
pub mod stock;
