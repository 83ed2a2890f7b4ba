//! The shop as a whole.

mod crashes;
mod expiry;
mod isolation;
mod logs;
mod outages;
mod race;
mod readme;
mod up;
