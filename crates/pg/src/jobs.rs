//! Jobs: work to be done later, at least once, that exists exactly if the transaction commits that asked for it.
//!
//! [`enqueue`] in that transaction and [`Queues::nudge`] after it; a service's [`Queues::work`] runs what is due.
//! A job is held under a lease that is renewed while it runs. A process that dies loses it within half a minute;
//! what it writes later is refused, because each claim raises the job's fence. A job that fails is tried again
//! after a pause and, past its last attempt, is `dead` until a person requeues it.
//!
//! What is done is deleted by default: a row that goes costs one write and no index entry, the table stays as
//! small as the work that is left, and what was done is in the log and the metrics. [`Settings::keep_done`]
//! keeps it for whoever wants to look.

mod claim;
mod clerk;
mod cron;
mod enqueue;
mod finish;
mod handler;
mod keeper;
mod lanes;
mod pace;
mod queues;
mod schedule;
mod types;
mod views;
mod worker;

pub use claim::{claim, reap};
pub use cron::{BadCron, Cron};
pub use enqueue::{enqueue, enqueue_many};
pub use finish::{Ended, Verdict, finish, hand_back, renew};
pub use handler::{Failure, Handler, Retry};
pub use queues::{Queues, Settings};
pub use schedule::{Every, Schedule, tick};
pub use types::{BadState, Job, NewJob, Priority, State, Wanted};
pub use views::{Depth, Filter, Requeued, View, depths, discard, find, list, open, prune, requeue};
