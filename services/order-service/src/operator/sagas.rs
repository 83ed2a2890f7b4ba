//! What an operator does with sagas from the command line.

use std::time::Duration;

use runtime::Clock;
use saga::{By, Filter};
use sqlx::PgPool;
use wire::sagas::{SagaDetail, SagaSummary};

pub use saga::{Intervention, Status};

use crate::error::OrderError;
use crate::http::sagas::view;
use crate::ops::intervene;
use crate::store::fault;

/// Which sagas.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// In this state.
    pub state: Option<Status>,
    /// `checkout` or `cancellation`.
    pub name: Option<String>,
    /// Started at least so long ago.
    pub older_than: Option<Duration>,
}

/// Why an intervention did not happen. A sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// Nobody would know why.
    #[error("the reason has 1 to {} characters", view::REASON)]
    Reason,
    /// It was refused, or the database failed.
    #[error(transparent)]
    Failed(#[from] OrderError),
}

/// At most `limit` sagas, newest first.
///
/// # Errors
/// The database does not answer.
pub async fn list_sagas(
    pool: &PgPool,
    clock: &dyn Clock,
    which: Which,
    limit: u32,
) -> Result<Vec<SagaSummary>, OrderError> {
    let filter = Filter {
        name: which.name,
        state: which.state,
        started_by: which.older_than.map(|age| clock.now() - age),
        before: None,
    };
    let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
    let sagas = saga::list(&mut conn, &filter, limit).await;
    let sagas = sagas.map_err(OrderError::Saga)?;
    Ok(sagas.into_iter().map(view::summary).collect())
}

/// One saga with its timeline.
///
/// # Errors
/// There is none with that id, or the database does not answer.
pub async fn find_saga(pool: &PgPool, id: i64) -> Result<SagaDetail, OrderError> {
    Ok(view::detail(&intervene::find(pool, id).await?))
}

/// Does `what` to a saga that is stuck; the workers of the service find it at their next look.
///
/// # Errors
/// There is none with that id, it is not in a state for that, the reason is none, or the database does not answer.
pub async fn intervene(
    pool: &PgPool,
    clock: &dyn Clock,
    id: i64,
    what: Intervention,
    reason: &str,
) -> Result<SagaDetail, OperatorError> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > view::REASON {
        return Err(OperatorError::Reason);
    }
    let by = By {
        actor: "operator".to_owned(),
        note: reason.to_owned(),
        request_id: None,
        network: None,
    };
    let view = intervene::intervene(pool, clock, id, what, &by, None).await?;
    Ok(view::detail(&view))
}
