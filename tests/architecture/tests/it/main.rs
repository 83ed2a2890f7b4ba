//! The shape of the code: who may use whom, and what a file may be. The reasons are in `CONTRIBUTING.md`.
//!
//! Each rule is a function from sources to what is wrong with them. Beside it one test applies it to the
//! workspace, and others to examples that break it.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in what its tests share"
)]

mod alerts;
mod documents;
mod files;
mod layers;
mod metrics;
mod packages;
mod problems;
mod requirements;
mod sources;
mod tables;

/// Fails with one line for each thing that is wrong.
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
