//! Where a person intervenes in sagas that are stuck. Needs no engine: only the plans, and the rows.

use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::definition::Saga;
use crate::error::SagaError;
use crate::intervention::{self, Illegal, Intervention};
use crate::machine::{Reason, Run};
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
    #[error("{why}")]
    Illegal {
        /// How it stands.
        state: Status,
        /// What is in the way.
        why: Illegal,
    },
    /// A fault of the database, or a row that this program cannot read.
    #[error(transparent)]
    Failed(#[from] SagaError),
}

/// A stuck saga as its row has it.
struct Stuck {
    id: i64,
    name: &'static str,
    fence: i64,
    run: Run,
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
        let refused = |state| move |why| InterventionError::Illegal { state, why };
        if view.state != Status::Stuck {
            return Err(refused(view.state)(Illegal::NotStuck));
        }
        let (name, plan) = self.plan_of(&view)?;
        let Some(stuck) = read(conn, name, plan, id).await? else {
            return Err(now_elsewhere(conn, id).await);
        };
        let from = PlaceColumns::of(plan, stuck.run.position);
        let run = intervention::intervene(plan, stuck.run.clone(), what, now).map_err(refused(view.state))?;
        let to = PlaceColumns::of(plan, run.position);
        let detail = json!({
            "before": {"state": from.status.name(), "failures": stuck.run.failures, "reason": stuck.run.reason},
            "after": {"state": to.status.name(), "direction": to.direction, "step": to.step},
        });
        if !write(conn, &stuck, (from, &to), &run, (what, by, detail), now).await? {
            return Err(now_elsewhere(conn, id).await);
        }
        self.tell(&stuck, what, by, to.status);
        view::get(conn, id)
            .await?
            .ok_or(InterventionError::NoSuchSaga(id))
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

    fn tell(&self, stuck: &Stuck, what: Intervention, by: &By, to: Status) {
        let (service, saga) = (self.service, stuck.name);
        metrics::counter!("saga_interventions_total", "service" => service, "saga" => saga, "what" => what.name())
            .increment(1);
        if to.is_end() {
            metrics::counter!("saga_ended_total", "service" => service, "saga" => saga, "end" => to.name())
                .increment(1);
        }
        let (actor, note) = (&by.actor, &by.note);
        tracing::warn!(
            saga,
            saga.id = stuck.id,
            what = what.name(),
            actor,
            note,
            to = to.name(),
            "a person intervened"
        );
    }
}

/// Somebody else was quicker.
async fn now_elsewhere(conn: &mut PgConnection, id: i64) -> InterventionError {
    match view::get(conn, id).await {
        Ok(Some(view)) => InterventionError::Illegal {
            state: view.state,
            why: Illegal::NotStuck,
        },
        Ok(None) => InterventionError::NoSuchSaga(id),
        Err(error) => error.into(),
    }
}

async fn read(
    conn: &mut PgConnection,
    name: &'static str,
    plan: &Plan,
    id: i64,
) -> Result<Option<Stuck>, SagaError> {
    let row = sqlx::query!(
        r#"
        select state, direction, step, attempt, failures, first_attempt_at, wake_at, reason, fence
          from saga
         where id = $1 and state = 'stuck'
        "#,
        id,
    )
    .fetch_optional(conn)
    .await
    .map_err(SagaError::store("read a stuck saga"))?;
    let Some(row) = row else {
        return Ok(None);
    };
    let (direction, step) = (row.direction.as_deref(), row.step.as_deref());
    let reason: Option<Reason> = row
        .reason
        .map(serde_json::from_value)
        .transpose()
        .map_err(|source| SagaError::State { name, source })?;
    Ok(Some(Stuck {
        id,
        name,
        fence: row.fence,
        run: Run {
            position: store::position(plan, id, &row.state, direction, step)?,
            attempt: row.attempt.try_into().unwrap_or_default(),
            failures: row.failures.try_into().unwrap_or_default(),
            first_attempt_at: row.first_attempt_at,
            wake_at: row.wake_at,
            reason,
        },
    }))
}

/// False if it is no longer as it was read.
async fn write(
    conn: &mut PgConnection,
    stuck: &Stuck,
    (from, to): (PlaceColumns, &PlaceColumns),
    run: &Run,
    (what, by, detail): (Intervention, &By, Value),
    now: OffsetDateTime,
) -> Result<bool, SagaError> {
    let reason = run
        .reason
        .as_ref()
        .map(serde_json::to_value)
        .transpose()
        .map_err(|source| SagaError::State {
            name: stuck.name,
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
        stuck.id,
        stuck.fence,
        to.status.name(),
        to.direction,
        to.step,
        store::clamp(run.attempt),
        store::clamp(run.failures),
        now,
        reason,
        from.step.unwrap_or_default(),
        from.direction.unwrap_or_default(),
        store::clamp(stuck.run.attempt),
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
