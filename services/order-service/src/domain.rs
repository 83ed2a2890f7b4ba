//! Orders: their values and their rules. Pure: no SQL, no HTTP, no clock.

pub mod dispute;
pub mod letter;
pub mod number;
pub mod order;
pub mod pricing;
pub mod refusal;
pub mod shares;
pub mod status;
pub mod tracking;

pub use letter::{Letter, News};
pub use order::{Address, Line, NewOrder, Order};
pub use pricing::{PricedLine, Rates, Totals};
pub use refusal::Refusal;
pub use shares::Share;
pub use status::{Party, Status, Verdict};
pub use tracking::TrackingLinks;
