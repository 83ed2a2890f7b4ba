//! The rows of sagas. Every change is one statement, refused if another process has taken the saga over.

pub(crate) mod insert;
pub(crate) mod save;

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
    pub(crate) fn column(self) -> i16 {
        i16::try_from(self.version).unwrap_or(i16::MAX)
    }
}

/// Who holds a saga, and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease<'a> {
    pub(crate) owner: &'a str,
    pub(crate) until: OffsetDateTime,
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
