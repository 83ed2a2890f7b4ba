//! Use cases with two or more ways in.

pub mod issue;
mod present;
