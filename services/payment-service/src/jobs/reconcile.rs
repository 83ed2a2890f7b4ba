//! Reconciliations by the clock: each hour what is open, each night everything, in one process of all (PAY-16).

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use bus::Relay;
use pg::jobs::{Cron, Every, Failure, Handler, Job, Queues, Schedule, Settings};
use runtime::Shared;
use serde_json::json;
use tokio::sync::Notify;

use crate::NAME;
use crate::domain::drift::Scope;
use crate::ops::reconcile::{Reconciler, reconcile};

/// The queue of these jobs.
const QUEUE: &str = "reconciliation";
/// Their kind; the payload says the scope.
const KIND: &str = "reconcile";
/// The open one and the whole one may meet.
const AT_A_TIME: usize = 2;
/// A million intents are ten thousand pages.
const TIMEOUT: Duration = Duration::from_secs(4 * 3600);
/// Nothing here is in a hurry: an idle service asks its database little.
const LOOK: Duration = Duration::from_secs(15);
/// When: in crontab's fields, past the full hour when everybody else's are due.
const SCHEDULES: [(&str, &str, Scope); 2] = [
    ("reconcile-open", "7 * * * *", Scope::Open),
    ("reconcile-all", "23 3 * * *", Scope::All),
];

/// The queues that reconcile when it is time.
pub fn queues(desk: Reconciler, relay: Relay, operations: Arc<Notify>, shared: &Shared) -> Queues {
    let (clock, tracker) = (Arc::clone(&shared.clock), shared.tracker.clone());
    let settings = Settings {
        poll: LOOK,
        tidy: LOOK,
        ..Settings::new(NAME)
    };
    let queues = Queues::new(desk.db.clone(), clock, tracker, settings);
    let queues =
        SCHEDULES
            .into_iter()
            .fold(queues, |queues, (name, when, scope)| match Cron::from_str(when) {
                Ok(cron) => queues.every(Schedule {
                    name,
                    every: Every::At(cron),
                    queue: QUEUE,
                    kind: KIND,
                    payload: json!({"scope": scope.name()}),
                }),
                Err(error) => {
                    tracing::error!(%error, "a schedule is left out");
                    queues
                }
            });
    let handler = Handler::new(QUEUE, KIND, move |job: Job| {
        let (desk, relay, operations) = (desk.clone(), relay.clone(), Arc::clone(&operations));
        async move {
            let all = job.payload.get("scope").and_then(|s| s.as_str()) == Some(Scope::All.name());
            let scope = if all { Scope::All } else { Scope::Open };
            let outcome = reconcile(&desk, scope).await;
            // What was taken in until then is told all the same.
            relay.nudge();
            operations.notify_one();
            outcome.map(|_| ()).map_err(|e| Failure::Again(e.to_string()))
        }
    });
    queues.with(handler.concurrency(AT_A_TIME).timeout(TIMEOUT))
}
