//! The saga engine: a sequence of steps over several parties that ends either wholly done or wholly taken back,
//! whatever dies on the way.
//!
//! A service defines its steps ([`Saga`], [`Step`]) and starts a run in the transaction that makes it necessary
//! ([`Engine::start`]). The request drives it inline ([`Engine::drive`]); workers ([`Engine::work`]) go on with
//! whatever stopped. What happens next is decided by a pure function ([`machine::step`]); every attempt and what
//! it led to is written by one statement, under a lease and a fencing token.
//!
//! Knows no shop. Time is a [`types::Clock`]; the machine's timers serve only to bound a call and to wait for
//! the next look.

mod asker;
mod definition;
mod desk;
mod driver;
mod engine;
mod error;
mod fault;
mod gauges;
pub mod intervention;
mod list;
pub mod machine;
mod older;
mod outcome;
mod plan;
mod policy;
mod store;
mod view;
mod worker;

use sqlx::migrate::Migrator;

pub use definition::{Key, Progress, Saga, Step, StepError, UndoError};
pub use desk::{Desk, InterventionError};
pub use engine::{Engine, EngineSettings, Started};
pub use error::SagaError;
pub use fault::{Fault, FaultHook, FaultPoint, Moment};
pub use intervention::{Illegal, Intervention};
pub use list::{Filter, Summary, list};
pub use machine::{Reason, Refused};
pub use outcome::{BadStatus, Outcome, Status};
pub use plan::{Direction, Place, Plan, PlannedStep};
pub use policy::Policy;
pub use view::{By, LogEntry, View, get, reasons};

/// The engine's tables; their history is kept in [`HISTORY`], apart from the service's.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// Where [`MIGRATIONS`] keep their history.
pub const HISTORY: &str = "_saga_migrations";
