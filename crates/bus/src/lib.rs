//! Events between services. Published in the transaction that makes them true; a relay hands each to its
//! subscribers' inboxes, at least once and in order per aggregate; the inbox takes each once.

mod inbox;
mod publish;
mod relay;

pub use inbox::{Delivered, Handler, Unreadable, inbox_server};
pub use publish::{News, Topic, publish, publish_all};
pub use relay::Relay;
