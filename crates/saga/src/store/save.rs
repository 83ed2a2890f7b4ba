//! Writing down what attempts led to. Sagas that are driven at the same time share the statement and its commit.

use std::collections::HashMap;
use std::sync::Arc;

use pg::fold::Together;
use serde_json::Value;
use sqlx::PgPool;
use time::OffsetDateTime;

use super::{Entry, Held, PlaceColumns, clamp};
use crate::error::SagaError;
use crate::outcome::Status;
use crate::plan::Plan;

/// Writes saves down.
pub(crate) struct Saves {
    pub(crate) pool: PgPool,
    pub(crate) plan: Arc<Plan>,
}

/// What the latest attempt led to, with the attempts that are not written down yet.
#[derive(Clone, Debug)]
pub(crate) struct Save {
    pub(crate) held: Held,
    /// What to hold it until; without one it is given up.
    pub(crate) lease: Option<OffsetDateTime>,
    pub(crate) at: OffsetDateTime,
}

/// What is known after a save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) wakes: i64,
    /// It was woken while the step ran that now parks: it is still held, to be called again at once.
    pub(crate) woken: bool,
}

impl Together for Saves {
    const NAME: &'static str = "saga-saves";
    type Ask = Save;
    type Answer = Saved;
    type Error = SagaError;

    fn subject(save: &Save) -> Option<i64> {
        Some(save.held.id)
    }

    /// [`SagaError::Fenced`] to whom another process has taken the saga from.
    async fn together(&self, saves: &[Save]) -> Result<Vec<Result<Saved, SagaError>>, SagaError> {
        let wakes = write(&self.pool, Columns::of(&self.plan, saves)?).await?;
        let answer = |save: &Save| {
            let held = &save.held;
            let wakes = *wakes.get(&held.id).ok_or(SagaError::Fenced(held.id))?;
            let woken = Status::from(held.run.position) == Status::Parked && wakes > held.wakes;
            Ok(Saved { wakes, woken })
        };
        Ok(saves.iter().map(answer).collect())
    }

    fn unanswered() -> SagaError {
        SagaError::store("save a saga")(sqlx::Error::WorkerCrashed)
    }
}

/// Writes the rows that are still held under their fences, and their logs. How often each of them was woken by now.
async fn write(pool: &PgPool, c: Columns) -> Result<HashMap<i64, i64>, SagaError> {
    let rows = sqlx::query!(
        r#"
        with given as (
            select *
              from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[],
                          $8::timestamptz[], $9::jsonb[], $10::jsonb[], $11::bigint[], $12::timestamptz[],
                          $13::timestamptz[], $14::timestamptz[], $15::int[])
                   as given (id, fence, state, direction, step, attempt, failures, first_attempt_at, data, reason, wakes,
                             wake_at, lease_until, at, entries)
        ), moved as (
            update saga s
               set state = g.state, direction = g.direction, step = g.step, attempt = g.attempt, failures = g.failures,
                   first_attempt_at = g.first_attempt_at, data = g.data, reason = g.reason, updated_at = g.at,
                   wake_at = case when g.state = 'parked' and s.wakes > g.wakes then g.at else g.wake_at end,
                   lease_owner = case when g.lease_until is null and not (g.state = 'parked' and s.wakes > g.wakes)
                                      then null else s.lease_owner end,
                   lease_until = case when g.lease_until is null and not (g.state = 'parked' and s.wakes > g.wakes)
                                      then null else coalesce(g.lease_until, s.lease_until) end,
                   log_seq = s.log_seq + g.entries
              from given g
             where s.id = g.id and s.fence = g.fence and s.lease_owner is not null
            returning s.id, s.log_seq - g.entries as logged, s.wakes
        ), added as (
            insert into saga_log (saga_id, seq, step, direction, attempt, outcome, detail, started_at, duration_ms)
            select m.id, m.logged + e.turn, e.step, e.direction, e.attempt, e.outcome, e.detail, e.started_at, e.took
              from unnest($16::bigint[], $17::int[], $18::text[], $19::text[], $20::int[], $21::text[], $22::jsonb[],
                          $23::timestamptz[], $24::bigint[])
                   as e (saga_id, turn, step, direction, attempt, outcome, detail, started_at, took)
              join moved m on m.id = e.saga_id
        )
        select id, wakes from moved
        "#,
        &c.id,
        &c.fence,
        &c.state,
        &c.direction as &[Option<String>],
        &c.step as &[Option<String>],
        &c.attempt,
        &c.failures,
        &c.first_attempt_at,
        &c.data,
        &c.reason as &[Option<Value>],
        &c.wakes,
        &c.wake_at,
        &c.lease_until as &[Option<OffsetDateTime>],
        &c.at,
        &c.entries,
        &c.log.saga_id,
        &c.log.turn,
        &c.log.step,
        &c.log.direction,
        &c.log.attempt,
        &c.log.outcome,
        &c.log.detail as &[Option<Value>],
        &c.log.started_at,
        &c.log.took,
    )
    .fetch_all(pool)
    .await
    .map_err(SagaError::store("save sagas"))?;
    Ok(rows.into_iter().map(|row| (row.id, row.wakes)).collect())
}

/// What `unnest` takes: rows.
#[derive(Default)]
struct Columns {
    id: Vec<i64>,
    fence: Vec<i64>,
    state: Vec<String>,
    direction: Vec<Option<String>>,
    step: Vec<Option<String>>,
    attempt: Vec<i32>,
    failures: Vec<i32>,
    first_attempt_at: Vec<OffsetDateTime>,
    data: Vec<Value>,
    reason: Vec<Option<Value>>,
    wakes: Vec<i64>,
    wake_at: Vec<OffsetDateTime>,
    lease_until: Vec<Option<OffsetDateTime>>,
    at: Vec<OffsetDateTime>,
    entries: Vec<i32>,
    log: LogColumns,
}

/// What `unnest` takes: entries of the logs, numbered per saga from 1.
#[derive(Default)]
struct LogColumns {
    saga_id: Vec<i64>,
    turn: Vec<i32>,
    step: Vec<String>,
    direction: Vec<String>,
    attempt: Vec<i32>,
    outcome: Vec<String>,
    detail: Vec<Option<Value>>,
    started_at: Vec<OffsetDateTime>,
    took: Vec<i64>,
}

impl Columns {
    fn of(plan: &Plan, saves: &[Save]) -> Result<Self, SagaError> {
        let mut rows = Self::default();
        for Save { held, lease, at } in saves {
            let to = PlaceColumns::of(plan, held.run.position);
            let reason = held.run.reason.as_ref().map(serde_json::to_value).transpose();
            rows.id.push(held.id);
            rows.fence.push(held.fence);
            rows.state.push(to.status.name().to_owned());
            rows.direction.push(to.direction.map(str::to_owned));
            rows.step.push(to.step.map(str::to_owned));
            rows.attempt.push(clamp(held.run.attempt));
            rows.failures.push(clamp(held.run.failures));
            rows.first_attempt_at.push(held.run.first_attempt_at);
            rows.data.push(held.data.clone());
            rows.reason
                .push(reason.map_err(|source| SagaError::State { name: "any", source })?);
            rows.wakes.push(held.wakes);
            rows.wake_at.push(held.run.wake_at);
            rows.lease_until.push(*lease);
            rows.at.push(*at);
            rows.entries
                .push(i32::try_from(held.unwritten.len()).unwrap_or(i32::MAX));
            for (turn, entry) in (1..).zip(&held.unwritten) {
                rows.log.push(plan, held.id, turn, entry);
            }
        }
        Ok(rows)
    }
}

impl LogColumns {
    fn push(&mut self, plan: &Plan, saga: i64, turn: i32, entry: &Entry) {
        let step = plan.get(entry.place).map(|step| step.name).unwrap_or_default();
        self.saga_id.push(saga);
        self.turn.push(turn);
        self.step.push(step.to_owned());
        self.direction.push(entry.place.direction.name().to_owned());
        self.attempt.push(clamp(entry.attempt));
        self.outcome.push(entry.outcome.to_owned());
        self.detail.push(entry.detail.clone());
        self.started_at.push(entry.started_at);
        self.took
            .push(i64::try_from(entry.took.as_millis()).unwrap_or(i64::MAX));
    }
}
