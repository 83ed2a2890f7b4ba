//! A saga and its log, for operators and tests.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::SagaError;
use crate::machine::Reason;
use crate::outcome::Status;

/// A saga as its row has it.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Its row.
    pub id: i64,
    /// The definition's name.
    pub name: String,
    /// The definition's version.
    pub version: u16,
    /// What it is about.
    pub subject_id: i64,
    /// How it stands.
    pub state: Status,
    /// `forward`, `undo` or `branch`; nothing at an end.
    pub direction: Option<String>,
    /// The step that is next, or whose answer is waited for; nothing at an end.
    pub step: Option<String>,
    /// How often that step was called, counting a call under way.
    pub attempt: u32,
    /// How many of the latest attempts in a row ended in doubt.
    pub failures: u32,
    /// Nothing is to be done before this.
    pub wake_at: OffsetDateTime,
    /// Why it turned back or got stuck.
    pub reason: Option<Reason>,
    /// What was learnt.
    pub data: Value,
    /// Who holds it, and until when.
    pub lease: Option<(String, OffsetDateTime)>,
    /// How often it was taken up or intervened in.
    pub fence: i64,
    /// The trace of the request that started it, or empty.
    pub trace: String,
    /// When it was started.
    pub created_at: OffsetDateTime,
    /// When it last moved or was taken up.
    pub updated_at: OffsetDateTime,
    /// Its attempts, in order.
    pub log: Vec<LogEntry>,
}

/// One attempt whose answer was recorded, or what a person did.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// 1, 2, 3 …
    pub seq: u32,
    /// Which step.
    pub step: String,
    /// `forward`, `undo` or `branch`.
    pub direction: String,
    /// Which call of that step this was. One that is missing died unanswered.
    pub attempt: u32,
    /// `succeeded`, `parked`, `diverted`, `refused` or `unknown`; `retried`, `skipped` or `abandoned` where a
    /// person intervened.
    pub outcome: String,
    /// The refusal, the error, how long it waits, or how it stood before and after an intervention.
    pub detail: Option<Value>,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// How long it took.
    pub took: Duration,
    /// Who intervened, where a person did.
    pub by: Option<By>,
}

/// Who intervenes, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Such as `admin:7`.
    pub actor: String,
    /// Why.
    pub note: String,
    /// The request that asked for it.
    pub request_id: Option<String>,
    /// The network it came from.
    pub network: Option<String>,
}

/// The saga of a subject.
pub(crate) async fn find(
    conn: &mut PgConnection,
    name: &'static str,
    subject_id: i64,
) -> Result<Option<View>, SagaError> {
    let id = sqlx::query_scalar!(
        r#"select id from saga where name = $1 and subject_id = $2"#,
        name,
        subject_id,
    )
    .fetch_optional(&mut *conn)
    .await
    .map_err(SagaError::store("find a saga"))?;
    match id {
        Some(id) => get(conn, id).await,
        None => Ok(None),
    }
}

/// Why the sagas of these subjects turned back; those that have.
///
/// # Errors
/// The database did not answer, or a row holds a reason that this program does not know.
pub async fn reasons(
    conn: &mut PgConnection,
    name: &'static str,
    subjects: &[i64],
) -> Result<HashMap<i64, Reason>, SagaError> {
    let rows = sqlx::query!(
        "select subject_id, reason from saga where name = $1 and subject_id = any($2) and reason is not null",
        name,
        subjects,
    )
    .fetch_all(conn)
    .await
    .map_err(SagaError::store("read why sagas turned back"))?;
    let mut reasons = HashMap::new();
    for row in rows {
        let reason = row.reason.map(serde_json::from_value).transpose();
        let reason = reason.map_err(|source| SagaError::State { name, source })?;
        reasons.extend(reason.map(|reason| (row.subject_id, reason)));
    }
    Ok(reasons)
}

/// One saga with its log, if there is one.
///
/// # Errors
/// The database did not answer, or the row names a state that this program does not know.
pub async fn get(conn: &mut PgConnection, id: i64) -> Result<Option<View>, SagaError> {
    let row = sqlx::query!(
        r#"
        select id, name, version, subject_id, state, direction, step, attempt, failures, wake_at, reason, data,
               lease_owner, lease_until, fence, trace, created_at, updated_at
          from saga
         where id = $1
        "#,
        id,
    )
    .fetch_optional(&mut *conn)
    .await
    .map_err(SagaError::store("read a saga"))?;
    let Some(row) = row else {
        return Ok(None);
    };
    let state = Status::parse(&row.state).ok_or_else(|| SagaError::Unreadable {
        id: row.id,
        what: row.state.clone(),
    })?;
    let reason = row
        .reason
        .map(serde_json::from_value)
        .transpose()
        .map_err(|source| SagaError::State { name: "any", source })?;
    Ok(Some(View {
        id: row.id,
        name: row.name,
        version: row.version.try_into().unwrap_or_default(),
        subject_id: row.subject_id,
        state,
        direction: row.direction,
        step: row.step,
        attempt: row.attempt.try_into().unwrap_or_default(),
        failures: row.failures.try_into().unwrap_or_default(),
        wake_at: row.wake_at,
        reason,
        data: row.data,
        lease: row.lease_owner.zip(row.lease_until),
        fence: row.fence,
        trace: row.trace,
        created_at: row.created_at,
        updated_at: row.updated_at,
        log: log(conn, row.id).await?,
    }))
}

async fn log(conn: &mut PgConnection, saga_id: i64) -> Result<Vec<LogEntry>, SagaError> {
    let rows = sqlx::query!(
        r#"
        select seq, step, direction, attempt, outcome, detail, started_at, duration_ms, actor, note, request_id,
               network
          from saga_log
         where saga_id = $1
         order by seq
        "#,
        saga_id,
    )
    .fetch_all(conn)
    .await
    .map_err(SagaError::store("read the log of a saga"))?;
    let entries = rows.into_iter().map(|row| LogEntry {
        seq: row.seq.try_into().unwrap_or_default(),
        step: row.step,
        direction: row.direction,
        attempt: row.attempt.try_into().unwrap_or_default(),
        outcome: row.outcome,
        detail: row.detail,
        started_at: row.started_at,
        took: Duration::from_millis(row.duration_ms.try_into().unwrap_or_default()),
        by: row.actor.map(|actor| By {
            actor,
            note: row.note.unwrap_or_default(),
            request_id: row.request_id,
            network: row.network,
        }),
    });
    Ok(entries.collect())
}
