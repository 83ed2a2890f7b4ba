//! A shop to test against: built into the test's own process, as five processes, or as `souk up`; and the people
//! who use it over HTTP. What is shown here is what a client sees.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod books;
mod client;
mod databases;
mod five;
mod people;
mod post_office;
mod process;
mod shop;
mod single;
mod stuck;
mod up;

pub use books::check_books;
pub use client::{Answer, Api};
pub use databases::Databases;
pub use five::FiveProcesses;
pub use people::{PASSWORD, Person, order_of};
pub use post_office::{Fate, PostOffice, Received};
pub use process::{Process, binary, free_ports};
pub use shop::{Form, Shop, as_stripe_client, eventually};
pub use single::OneProcess;
pub use stuck::leave_stuck;
pub use up::SoukUp;
