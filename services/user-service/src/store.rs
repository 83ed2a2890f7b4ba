//! SQL, one file a table family. Functions take a connection; their caller has the transaction.

pub mod audit;
pub mod keys;
pub mod sessions;
pub mod users;
