//! Writing new sagas.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Definition, Held, Lease, PlaceColumns};
use crate::error::SagaError;
use crate::machine::Run;
use crate::plan::Plan;

/// A new saga to be written.
pub(crate) struct NewSaga {
    pub(crate) subject_id: i64,
    pub(crate) data: Value,
    pub(crate) trace: String,
}

/// Writes new sagas, no two of them of one subject, held by `lease` if there is one. `None` for each subject that has
/// one already; in the order of `new`.
///
/// A row that is held counts the call that follows: a driver that dies in it leaves a trace of the attempt.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    plan: &Plan,
    definition: Definition,
    new: Vec<NewSaga>,
    lease: Option<Lease<'_>>,
    now: OffsetDateTime,
) -> Result<Vec<Option<Held>>, SagaError> {
    let run = Run::new(plan, now);
    let first = PlaceColumns::of(plan, run.position);
    let subjects: Vec<i64> = new.iter().map(|saga| saga.subject_id).collect();
    let data: Vec<Value> = new.iter().map(|saga| saga.data.clone()).collect();
    let traces: Vec<String> = new.iter().map(|saga| saga.trace.clone()).collect();
    let rows = sqlx::query!(
        r#"
        insert into saga (name, version, subject_id, state, direction, step, attempt, first_attempt_at, data,
                          wake_at, lease_owner, lease_until, trace, created_at, updated_at)
        select $1, $2, new.subject_id, $4, $5, $6, $7, $8, new.data, $8, $9, $10, new.trace, $8, $8
          from unnest($3::bigint[], $11::jsonb[], $12::text[]) with ordinality as new (subject_id, data, trace, turn)
         order by new.turn
            on conflict on constraint saga_subject_key do nothing
        returning subject_id, id
        "#,
        definition.name,
        definition.column(),
        &subjects,
        first.status.name(),
        first.direction,
        first.step,
        i32::from(lease.is_some()),
        now,
        lease.map(|lease| lease.owner),
        lease.map(|lease| lease.until),
        &data,
        &traces,
    )
    .fetch_all(conn)
    .await
    .map_err(SagaError::store("start sagas"))?;
    let ids: HashMap<i64, i64> = rows.into_iter().map(|row| (row.subject_id, row.id)).collect();
    let held = |saga: NewSaga| {
        Some(Held {
            id: *ids.get(&saga.subject_id)?,
            subject_id: saga.subject_id,
            fence: 0,
            wakes: 0,
            trace: saga.trace,
            data: saga.data,
            run: run.clone(),
            unwritten: Vec::new(),
        })
    };
    Ok(new.into_iter().map(held).collect())
}
