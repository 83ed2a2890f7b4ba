//! HTTP as every service of the shop speaks it: problems, extractors, the caller, keys, cursors, ETags and the
//! layer that gives each request its context, its log line and its metrics.

mod caller;
mod card_data;
mod checks;
mod conditional;
mod cursor;
mod extract;
mod idempotency;
mod identity;
mod keys;
mod layer;
mod links;
mod meter;
mod network;
mod problem;
mod sessions;

pub use caller::{Caller, FreshCaller, MaybeCaller, SessionCheck};
pub use checks::Checks;
pub use conditional::{IfMatch, etag, etag_of_version, fresh_or, names_tag};
pub use cursor::CursorKey;
pub use extract::{Json, PathId, Query};
pub use idempotency::{IdempotencyKey, KeyedJson, body_hash};
pub use identity::{JsonWebKey, KeySet, keys_from, sessions_at};
pub use keys::{Claims, FetchKeys, KeysError, PublicKey, Verifier};
pub use layer::{request_layer, with_fallbacks};
pub use links::Links;
pub use network::network_of;
pub use problem::{FieldError, Problem, ProblemBody};
pub use sessions::{SessionCopy, redis_dependency, sessions_copied};
