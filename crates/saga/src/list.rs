//! The list of sagas, for operators.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::SagaError;
use crate::machine::Reason;
use crate::outcome::Status;

/// Which sagas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this definition.
    pub name: Option<String>,
    /// That stand like this.
    pub state: Option<Status>,
    /// Started at this time or before.
    pub started_by: Option<OffsetDateTime>,
    /// Behind this one in the list: older than it.
    pub before: Option<i64>,
}

/// A saga in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
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
    /// How often that step was called.
    pub attempt: u32,
    /// Nothing is to be done before this.
    pub wake_at: OffsetDateTime,
    /// Why it turned back or got stuck.
    pub reason: Option<Reason>,
    /// The trace of the request that started it, or empty.
    pub trace: String,
    /// When it was started.
    pub created_at: OffsetDateTime,
    /// When it last moved or was taken up.
    pub updated_at: OffsetDateTime,
}

/// At most `limit` sagas that `filter` lets through, newest first.
///
/// # Errors
/// The database did not answer, or a row names a state that this program does not know.
pub async fn list(conn: &mut PgConnection, filter: &Filter, limit: u32) -> Result<Vec<Summary>, SagaError> {
    let rows = sqlx::query!(
        r#"
        select id, name, version, subject_id, state, direction, step, attempt, wake_at, reason, trace, created_at,
               updated_at
          from saga
         where ($1::text is null or name = $1)
           and ($2::text is null or state = $2)
           and ($3::timestamptz is null or created_at <= $3)
           and ($4::bigint is null or id < $4)
         order by id desc
         limit $5
        "#,
        filter.name.as_deref(),
        filter.state.map(Status::name),
        filter.started_by,
        filter.before,
        i64::from(limit),
    )
    .fetch_all(conn)
    .await
    .map_err(SagaError::store("list sagas"))?;
    let summaries = rows.into_iter().map(|row| {
        let state = Status::parse(&row.state).ok_or_else(|| SagaError::Unreadable {
            id: row.id,
            what: row.state.clone(),
        })?;
        let reason = row
            .reason
            .map(serde_json::from_value)
            .transpose()
            .map_err(|source| SagaError::State { name: "any", source })?;
        Ok(Summary {
            id: row.id,
            name: row.name,
            version: row.version.try_into().unwrap_or_default(),
            subject_id: row.subject_id,
            state,
            direction: row.direction,
            step: row.step,
            attempt: row.attempt.try_into().unwrap_or_default(),
            wake_at: row.wake_at,
            reason,
            trace: row.trace,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    });
    summaries.collect()
}
