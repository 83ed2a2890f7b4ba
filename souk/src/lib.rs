//! The shop as a whole: its five services built into one process, and what an operator does to it.
//!
//! Holds no SQL, no routes and no business rules: each service exports what is done here.

pub mod admin;
pub mod audit;
pub mod cli;
pub mod demo;
pub mod jobs;
pub mod migrate;
mod orders;
pub mod prove;
pub mod reconcile;
pub mod run;
pub mod saga;
pub mod shop;
pub mod term;
pub mod up;
