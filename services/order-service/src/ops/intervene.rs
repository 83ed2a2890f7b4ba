//! What a person does to a saga that is stuck: from the admin's route, and from the command line.

use pg::idempotency::{self, BindError, Scope};
use runtime::Clock;
use saga::{By, Desk, Intervention, InterventionError, View};
use sqlx::PgPool;

use crate::NAME;
use crate::error::OrderError;
use crate::sagas::cancellation::Cancellation;
use crate::sagas::checkout::Checkout;
use crate::store::fault;

/// A desk that knows both sagas.
pub fn desk() -> Desk {
    Desk::new(NAME).with::<Checkout>().with::<Cancellation>()
}

/// Does `what` to the saga and binds `key` to it, if there is one. Nudge the workers afterwards.
pub async fn intervene(
    db: &PgPool,
    clock: &dyn Clock,
    id: i64,
    what: Intervention,
    by: &By,
    key: Option<Scope<'_>>,
) -> Result<View, OrderError> {
    let mut tx = pg::begin(db).await.map_err(fault("begin a transaction"))?;
    let view = desk()
        .intervene(&mut tx, id, what, by, clock.now())
        .await
        .map_err(|error| match error {
            InterventionError::Failed(error) => OrderError::Saga(error),
            refused => OrderError::Intervention(refused),
        })?;
    if let Some(key) = key {
        idempotency::bind_subject(&mut tx, &key, id)
            .await
            .map_err(|error| match error {
                BindError::TakenOver => OrderError::KeyTaken,
                BindError::Store(source) => fault("bind the key to the saga")(source),
            })?;
    }
    tx.commit().await.map_err(fault("commit the intervention"))?;
    Ok(view)
}

/// One saga with its timeline.
pub async fn find(db: &PgPool, id: i64) -> Result<View, OrderError> {
    let mut conn = db.acquire().await.map_err(fault("reach the database"))?;
    let found = saga::get(&mut conn, id).await.map_err(OrderError::Saga)?;
    found.ok_or(OrderError::Intervention(InterventionError::NoSuchSaga(id)))
}
