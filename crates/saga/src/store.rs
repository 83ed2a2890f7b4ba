//! The rows of sagas. Every change is one statement, refused if another process has taken the saga over.

use std::time::Duration;

use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use crate::error::SagaError;
use crate::machine::{Position, Run};
use crate::outcome::Status;
use crate::plan::{Direction, Place, Plan};

/// A saga that this process holds.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) id: i64,
    pub(crate) subject_id: i64,
    pub(crate) fence: i64,
    /// Wake-ups that the next attempt will have seen.
    pub(crate) wakes: i64,
    pub(crate) trace: String,
    pub(crate) data: Value,
    pub(crate) run: Run,
    /// Attempts that are not in the log yet.
    pub(crate) unwritten: Vec<Entry>,
}

/// What identifies a definition's rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) version: u16,
}

impl Definition {
    /// The version as stored.
    fn column(self) -> i16 {
        i16::try_from(self.version).unwrap_or(i16::MAX)
    }
}

/// Who holds a saga, and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease<'a> {
    pub(crate) owner: &'a str,
    pub(crate) until: OffsetDateTime,
}

/// A new saga to be written.
pub(crate) struct NewSaga<'a> {
    pub(crate) subject_id: i64,
    pub(crate) data: &'a Value,
    pub(crate) trace: &'a str,
    pub(crate) run: Run,
}

/// An attempt as the log keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) attempt: u32,
    pub(crate) outcome: &'static str,
    pub(crate) detail: Option<Value>,
    pub(crate) started_at: OffsetDateTime,
    pub(crate) took: Duration,
}

/// Writes a new saga, held by `lease` if there is one. `None` if the subject has one already.
///
/// A row that is held counts the call that follows: a driver that dies in it leaves a trace of the attempt.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    plan: &Plan,
    definition: Definition,
    new: NewSaga<'_>,
    lease: Option<Lease<'_>>,
    now: OffsetDateTime,
) -> Result<Option<Held>, SagaError> {
    let row = PlaceColumns::of(plan, new.run.position);
    let id = sqlx::query_scalar!(
        r#"
        insert into saga (name, version, subject_id, state, direction, step, attempt, first_attempt_at, data,
                          wake_at, lease_owner, lease_until, trace, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $12, $7, $8, $7, $9, $10, $11, $7, $7)
            on conflict on constraint saga_subject_key do nothing
        returning id
        "#,
        definition.name,
        definition.column(),
        new.subject_id,
        row.status.name(),
        row.direction,
        row.step,
        now,
        new.data,
        lease.map(|lease| lease.owner),
        lease.map(|lease| lease.until),
        new.trace,
        i32::from(lease.is_some()),
    )
    .fetch_optional(conn)
    .await
    .map_err(SagaError::store("start a saga"))?;
    Ok(id.map(|id| Held {
        id,
        subject_id: new.subject_id,
        fence: 0,
        wakes: 0,
        trace: new.trace.to_owned(),
        data: new.data.clone(),
        run: new.run,
        unwritten: Vec::new(),
    }))
}

/// Takes up to `limit` sagas that are due and that nobody holds. What another worker is taking is skipped.
/// The rows count the call that follows, as in [`insert`]; what is returned does not yet.
///
/// A row that cannot be read is given back as an error beside the others; its lease keeps it from being
/// claimed again at once.
pub(crate) async fn claim(
    pool: &PgPool,
    plan: &Plan,
    definition: Definition,
    lease: Lease<'_>,
    now: OffsetDateTime,
    limit: usize,
) -> Result<Vec<Result<Held, SagaError>>, SagaError> {
    let rows = sqlx::query!(
        r#"
        with due as (
            select id
              from saga
             where name = $1 and version = $2 and state in ('running', 'parked')
               and wake_at <= $3
               and (lease_until is null or lease_until <= $3)
             order by wake_at
             limit $6
               for update skip locked
        )
        update saga s
           set lease_owner = $4, lease_until = $5, fence = s.fence + 1, attempt = s.attempt + 1,
               updated_at = $3
          from due
         where s.id = due.id
        returning s.id, s.subject_id, s.state, s.direction, s.step, s.attempt - 1 as "attempt!", s.failures,
                  s.first_attempt_at, s.data, s.reason, s.wake_at, s.wakes, s.fence, s.trace
        "#,
        definition.name,
        definition.column(),
        now,
        lease.owner,
        lease.until,
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(pool)
    .await
    .map_err(SagaError::store("claim sagas"))?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let position = position(
                plan,
                row.id,
                &row.state,
                row.direction.as_deref(),
                row.step.as_deref(),
            )?;
            let reason = row
                .reason
                .map(serde_json::from_value)
                .transpose()
                .map_err(|source| SagaError::State {
                    name: definition.name,
                    source,
                })?;
            Ok(Held {
                id: row.id,
                subject_id: row.subject_id,
                fence: row.fence,
                wakes: row.wakes,
                trace: row.trace,
                data: row.data,
                run: Run {
                    position,
                    attempt: row.attempt.try_into().unwrap_or_default(),
                    failures: row.failures.try_into().unwrap_or_default(),
                    first_attempt_at: row.first_attempt_at,
                    wake_at: row.wake_at,
                    reason,
                },
                unwritten: Vec::new(),
            })
        })
        .collect())
}

/// What is known after [`save`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) wakes: i64,
    /// It was woken while the step ran that now parks: it is still held, to be called again at once.
    pub(crate) woken: bool,
}

/// Writes down what the latest attempt led to, and the attempts that are not written down yet, if the saga is still held
/// under its fence.
///
/// `lease` is what to hold it until; without one it is given up.
pub(crate) async fn save(
    pool: &PgPool,
    plan: &Plan,
    held: &Held,
    lease: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<Saved, SagaError> {
    let to = PlaceColumns::of(plan, held.run.position);
    let reason = held
        .run
        .reason
        .as_ref()
        .map(serde_json::to_value)
        .transpose()
        .map_err(|source| SagaError::State { name: "any", source })?;
    let entries = &held.unwritten;
    let name = |entry: &Entry| plan.get(entry.place).map(|step| step.name).unwrap_or_default();
    let steps: Vec<String> = entries.iter().map(|e| name(e).to_owned()).collect();
    let directions: Vec<String> = entries
        .iter()
        .map(|e| e.place.direction.name().to_owned())
        .collect();
    let attempts: Vec<i32> = entries.iter().map(|e| clamp(e.attempt)).collect();
    let outcomes: Vec<String> = entries.iter().map(|e| e.outcome.to_owned()).collect();
    let details: Vec<Option<Value>> = entries.iter().map(|e| e.detail.clone()).collect();
    let started: Vec<OffsetDateTime> = entries.iter().map(|e| e.started_at).collect();
    let took: Vec<i64> = entries
        .iter()
        .map(|e| i64::try_from(e.took.as_millis()).unwrap_or(i64::MAX))
        .collect();
    let saved = sqlx::query!(
        r#"
        with moved as (
            update saga
               set state = $3, direction = $4, step = $5, attempt = $6, failures = $7, first_attempt_at = $8,
                   data = $9, reason = $10, updated_at = $11,
                   wake_at = case when $3 = 'parked' and wakes > $12 then $11::timestamptz else $13::timestamptz end,
                   lease_owner = case when $14::timestamptz is null and not ($3 = 'parked' and wakes > $12)
                                      then null else lease_owner end,
                   lease_until = case when $14::timestamptz is null and not ($3 = 'parked' and wakes > $12)
                                      then null else coalesce($14::timestamptz, lease_until) end,
                   log_seq = log_seq + cardinality($15::text[])
             where id = $1 and fence = $2 and lease_owner is not null
            returning id, log_seq, wakes
        ), logged as (
            insert into saga_log (saga_id, seq, step, direction, attempt, outcome, detail, started_at,
                                  duration_ms)
            select m.id, m.log_seq - cardinality($15::text[]) + e.turn, e.step, e.direction, e.attempt, e.outcome,
                   e.detail, e.started_at, e.took
              from moved m,
                   unnest($15::text[], $16::text[], $17::int[], $18::text[], $19::jsonb[], $20::timestamptz[],
                          $21::bigint[]) with ordinality
                   as e (step, direction, attempt, outcome, detail, started_at, took, turn)
        )
        select wakes from moved
        "#,
        held.id,
        held.fence,
        to.status.name(),
        to.direction,
        to.step,
        clamp(held.run.attempt),
        clamp(held.run.failures),
        held.run.first_attempt_at,
        held.data,
        reason,
        now,
        held.wakes,
        held.run.wake_at,
        lease,
        &steps,
        &directions,
        &attempts,
        &outcomes,
        &details as &[Option<Value>],
        &started,
        &took,
    )
    .fetch_optional(pool)
    .await
    .map_err(SagaError::store("save a saga"))?
    .ok_or(SagaError::Fenced(held.id))?;
    let woken = to.status == Status::Parked && saved.wakes > held.wakes;
    Ok(Saved {
        wakes: saved.wakes,
        woken,
    })
}

/// Holds a saga for longer.
pub(crate) async fn renew(pool: &PgPool, held: &Held, until: OffsetDateTime) -> Result<(), SagaError> {
    let renewed = sqlx::query!(
        r#"update saga set lease_until = $3 where id = $1 and fence = $2 and lease_owner is not null"#,
        held.id,
        held.fence,
        until,
    )
    .execute(pool)
    .await
    .map_err(SagaError::store("renew the lease of a saga"))?;
    if renewed.rows_affected() == 1 {
        Ok(())
    } else {
        Err(SagaError::Fenced(held.id))
    }
}

/// Gives a saga up between two steps, for whoever claims it next.
pub(crate) async fn release(pool: &PgPool, held: &Held) -> Result<(), SagaError> {
    sqlx::query!(
        r#"update saga set lease_owner = null, lease_until = null where id = $1 and fence = $2"#,
        held.id,
        held.fence,
    )
    .execute(pool)
    .await
    .map_err(SagaError::store("release a saga"))?;
    Ok(())
}

/// Notes a wake-up: a parked saga becomes due, a running one sees it when it parks. Whether one is open.
pub(crate) async fn wake(
    conn: &mut PgConnection,
    name: &str,
    subject_id: i64,
    now: OffsetDateTime,
) -> Result<bool, SagaError> {
    let woken = sqlx::query!(
        r#"
        update saga
           set wakes = wakes + 1,
               wake_at = case when state = 'parked' then least(wake_at, $3) else wake_at end
         where name = $1 and subject_id = $2 and state in ('running', 'parked')
        "#,
        name,
        subject_id,
        now,
    )
    .execute(conn)
    .await
    .map_err(SagaError::store("wake a saga"))?;
    Ok(woken.rows_affected() > 0)
}

/// The columns that say where a saga is.
pub(crate) struct PlaceColumns {
    pub(crate) status: Status,
    pub(crate) direction: Option<&'static str>,
    pub(crate) step: Option<&'static str>,
}

impl PlaceColumns {
    pub(crate) fn of(plan: &Plan, position: Position) -> Self {
        let place = match position {
            Position::At(place) | Position::Parked(place) | Position::Stuck(place) => Some(place),
            Position::Done | Position::Undone | Position::Diverted => None,
        };
        Self {
            status: position.into(),
            direction: place.map(|place| place.direction.name()),
            step: place.and_then(|place| plan.get(place)).map(|step| step.name),
        }
    }
}

/// Where a row says that its saga is.
pub(crate) fn position(
    plan: &Plan,
    id: i64,
    state: &str,
    direction: Option<&str>,
    step: Option<&str>,
) -> Result<Position, SagaError> {
    let unreadable = |what: &str| SagaError::Unreadable {
        id,
        what: what.to_owned(),
    };
    let place = || {
        let step = step.unwrap_or_default();
        direction
            .and_then(Direction::parse)
            .and_then(|direction| plan.find(direction, step))
            .ok_or_else(|| unreadable(step))
    };
    Ok(match Status::parse(state).ok_or_else(|| unreadable(state))? {
        Status::Running => Position::At(place()?),
        Status::Parked => Position::Parked(place()?),
        Status::Stuck => Position::Stuck(place()?),
        Status::Done => Position::Done,
        Status::Undone => Position::Undone,
        Status::Diverted => Position::Diverted,
    })
}

pub(crate) fn clamp(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
