//! The gateway between clients and doubles of its services.

mod compression;
mod cors;
mod failures;
mod harness;
mod headers;
mod limits;
mod metrics;
mod pages;
mod rates;
mod routing;
mod settings;
mod smuggling;
mod tokens;
mod webhook;
