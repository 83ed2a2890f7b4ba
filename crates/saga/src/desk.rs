//! Where a person intervenes in sagas that are stuck. Needs no engine: only the plans, and the rows.

use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::definition::Saga;
use crate::error::SagaError;
use crate::intervention::{self, Illegal, Intervention};
use crate::machine::Run;
use crate::outcome::Status;
use crate::plan::Plan;
use crate::store::{self, PlaceColumns};
use crate::view::{self, By, View};

/// The definitions whose sagas can be intervened in.
#[derive(Clone, Debug)]
pub struct Desk {
    service: &'static str,
    plans: Vec<(&'static str, u16, Plan)>,
}

/// Why an intervention did not happen.
#[derive(Debug, thiserror::Error)]
pub enum InterventionError {
    /// There is no such saga.
    #[error("there is no saga {0}")]
    NoSuchSaga(i64),
    /// The saga is not at a place for it.
    #[error("saga {id} is {state}: {why}")]
    Illegal {
        /// Its row.
        id: i64,
        /// How it stands.
        state: Status,
        /// What could be done instead.
        allowed: Vec<Intervention>,
        /// What is in the way.
        why: Illegal,
    },
    /// A fault of the database, or a row that this program cannot read.
    #[error(transparent)]
    Failed(#[from] SagaError),
}

impl Desk {
    /// A desk of `service` that knows no saga yet.
    #[must_use]
    pub const fn new(service: &'static str) -> Self {
        Self {
            service,
            plans: Vec::new(),
        }
    }

    /// The same desk, which knows the sagas of `S` too. Each version is one of its own.
    #[must_use]
    pub fn with<S: Saga>(mut self) -> Self {
        self.plans.push((S::NAME, S::VERSION, Plan::of::<S::Step>()));
        self
    }

    /// Does `what` to a stuck saga and writes into its log who did it and why, all by one statement: two persons
    /// never do it twice. Whoever still holds the saga from before can no longer write. Nudge the workers after
    /// the commit; otherwise they find it at their next look.
    ///
    /// # Errors
    /// See [`InterventionError`]; nothing has changed then.
    pub async fn intervene(
        &self,
        conn: &mut PgConnection,
        id: i64,
        what: Intervention,
        by: &By,
        now: OffsetDateTime,
    ) -> Result<View, InterventionError> {
        let view = view::get(conn, id)
            .await?
            .ok_or(InterventionError::NoSuchSaga(id))?;
        let (name, plan) = self.plan_of(&view)?;
        let before = run_of(plan, &view)?;
        let after = intervention::intervene(plan, before.clone(), what, now).map_err(|why| {
            InterventionError::Illegal {
                id,
                state: view.state,
                allowed: allowed(plan, &before, now),
                why,
            }
        })?;
        let (from, to) = (
            PlaceColumns::of(plan, before.position),
            PlaceColumns::of(plan, after.position),
        );
        let detail = json!({
            "before": {"state": from.status.name(), "failures": before.failures, "reason": before.reason},
            "after": {"state": to.status.name(), "direction": to.direction, "step": to.step},
        });
        let moved = Moved {
            name,
            id,
            fence: view.fence,
            before: &before,
            from,
            after: &after,
            to: &to,
        };
        if !moved.write(conn, (what, by, detail), now).await? {
            // Somebody else was quicker.
            return Err(InterventionError::Illegal {
                id,
                state: view::get(conn, id).await?.map_or(view.state, |view| view.state),
                allowed: Vec::new(),
                why: Illegal::NotStuck,
            });
        }
        self.tell(name, id, (what, by), to.status);
        view::get(conn, id)
            .await?
            .ok_or(InterventionError::NoSuchSaga(id))
    }

    /// What can be done to a saga as it stands; nothing to one that is not stuck, or of a version that is not
    /// known here.
    #[must_use]
    pub fn allowed(&self, view: &View) -> Vec<Intervention> {
        let run = self
            .plan_of(view)
            .and_then(|(_, plan)| Ok((plan, run_of(plan, view)?)));
        run.map(|(plan, run)| allowed(plan, &run, view.updated_at))
            .unwrap_or_default()
    }

    fn plan_of(&self, view: &View) -> Result<(&'static str, &Plan), SagaError> {
        let known = |(name, version, _): &&(&'static str, u16, Plan)| {
            *name == view.name.as_str() && *version == view.version
        };
        self.plans
            .iter()
            .find(known)
            .map(|(name, _, plan)| (*name, plan))
            .ok_or_else(|| SagaError::Unreadable {
                id: view.id,
                what: format!("{} version {}", view.name, view.version),
            })
    }

    fn tell(&self, saga: &'static str, id: i64, (what, by): (Intervention, &By), to: Status) {
        let (service, name) = (self.service, what.name());
        metrics::counter!("saga_interventions_total", "service" => service, "saga" => saga, "what" => name)
            .increment(1);
        if to.is_end() {
            metrics::counter!("saga_ended_total", "service" => service, "saga" => saga, "end" => to.name())
                .increment(1);
        }
        // Why is in the saga's log: it may name people.
        let (actor, to) = (&by.actor, to.name());
        tracing::warn!(saga, saga.id = id, what = name, actor, to, "a person intervened");
    }
}

/// The run of a row. When its attempts began is left out: no intervention asks.
fn run_of(plan: &Plan, view: &View) -> Result<Run, SagaError> {
    let (direction, step) = (view.direction.as_deref(), view.step.as_deref());
    Ok(Run {
        position: store::position(plan, view.id, view.state.name(), direction, step)?,
        attempt: view.attempt,
        failures: view.failures,
        first_attempt_at: view.updated_at,
        wake_at: view.wake_at,
        reason: view.reason.clone(),
    })
}

fn allowed(plan: &Plan, run: &Run, now: OffsetDateTime) -> Vec<Intervention> {
    let possible = |what: &Intervention| intervention::intervene(plan, run.clone(), *what, now).is_ok();
    Intervention::ALL.into_iter().filter(possible).collect()
}

/// An intervention, to be written down.
struct Moved<'a> {
    name: &'static str,
    id: i64,
    /// As it was read: the row must still be so.
    fence: i64,
    before: &'a Run,
    from: PlaceColumns,
    after: &'a Run,
    to: &'a PlaceColumns,
}

impl Moved<'_> {
    /// False if the saga is no longer as it was read.
    async fn write(
        &self,
        conn: &mut PgConnection,
        (what, by, detail): (Intervention, &By, Value),
        now: OffsetDateTime,
    ) -> Result<bool, SagaError> {
        let reason = self.after.reason.as_ref().map(serde_json::to_value).transpose();
        let reason = reason.map_err(|source| SagaError::State {
            name: self.name,
            source,
        })?;
        let written = sqlx::query!(
            r#"
            with moved as (
                update saga
                   set state = $3, direction = $4, step = $5, attempt = $6, failures = $7, first_attempt_at = $8,
                       reason = $9, wake_at = $8, updated_at = $8, lease_owner = null, lease_until = null,
                       fence = fence + 1, log_seq = log_seq + 1
                 where id = $1 and fence = $2 and state = 'stuck'
                returning id, log_seq
            )
            insert into saga_log (saga_id, seq, step, direction, attempt, outcome, detail, started_at, duration_ms,
                                  actor, note, request_id, network)
            select id, log_seq, $10, $11, $12, $13, $14, $8, 0, $15, $16, $17, $18 from moved
            "#,
            self.id,
            self.fence,
            self.to.status.name(),
            self.to.direction,
            self.to.step,
            store::clamp(self.after.attempt),
            store::clamp(self.after.failures),
            now,
            reason,
            self.from.step.unwrap_or_default(),
            self.from.direction.unwrap_or_default(),
            store::clamp(self.before.attempt),
            what.outcome(),
            detail,
            by.actor,
            by.note,
            by.request_id.as_deref(),
            by.network.as_deref(),
        )
        .execute(conn)
        .await
        .map_err(SagaError::store("intervene in a saga"))?;
        Ok(written.rows_affected() == 1)
    }
}
