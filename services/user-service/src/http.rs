//! The public routes, one file each.

mod change_password;
mod change_role;
mod get_keys;
mod get_profile;
mod log_in;
mod log_out;
mod log_out_everywhere;
mod refresh_tokens;
mod register_user;
mod routes;
mod update_profile;

use http::HeaderName;
use http::header::CACHE_CONTROL;

pub use routes::{openapi, router};

/// On every answer that holds tokens (RFC 6749 section 5.1).
const NO_STORE: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];
