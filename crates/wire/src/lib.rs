//! What crosses a boundary between services or to a client: JSON bodies, gRPC, events, problem codes.
//! Field names on the public side are camelCase; requests take today's clients' snake_case too.

pub mod code;
pub mod events;
pub mod jobs;
pub mod ledger;
pub mod list;
pub mod orders;
pub mod payments;
pub mod products;
pub mod rpc;
pub mod sagas;
pub mod users;

pub use code::Code;
pub use list::{Message, Pagination};
