//! The order is written before the saga starts; undone, it is cancelled. Orders whose checkouts are undone at the same time
//! are cancelled together: where many want what few can have, that is most of them.

use std::collections::HashMap;
use std::sync::Arc;

use pg::fold::Together;
use runtime::context::{self, Context};
use saga::{Reason, Saga as _, UndoError};
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use types::{Actor, Clock, OrderId};

use super::{Checkout, CheckoutState};
use crate::domain::{News, Refusal, Status};
use crate::error::OrderError;
use crate::ops::notify;
use crate::ops::transition::advance_all;
use crate::sagas::undo_error;
use crate::store::orders::{self, Move};
use crate::store::{fault, history};

/// Cancels orders whose checkouts are undone.
pub struct Undoings {
    /// The orders' database.
    pub db: PgPool,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// An order whose checkout is undone.
#[derive(Clone, Debug)]
pub struct Undoing {
    id: OrderId,
    /// When it is given up unpaid.
    expires_at: OffsetDateTime,
    /// The request that placed it still waits, and is answered with the reason.
    awaited: bool,
    context: Option<Context>,
}

impl Together for Undoings {
    const NAME: &'static str = "undoings";
    type Ask = Undoing;
    type Answer = ();
    type Error = OrderError;

    fn subject(undoing: &Undoing) -> Option<i64> {
        Some(undoing.id.get())
    }

    /// [`Refusal::NotFound`] for an order that there is not. One that is cancelled already, or beyond it, stays as it is.
    async fn together(&self, undoings: &[Undoing]) -> Result<Vec<Result<(), OrderError>>, OrderError> {
        let now = self.clock.now();
        let mut tx = pg::begin(&self.db).await.map_err(fault("begin a transaction"))?;
        let ids: Vec<OrderId> = undoings.iter().map(|u| u.id).collect();
        let stand = orders::lock_all(&mut tx, &ids).await?;
        let ids: Vec<i64> = ids.into_iter().map(OrderId::get).collect();
        let mut why = saga::reasons(&mut tx, Checkout::NAME, &ids)
            .await
            .map_err(OrderError::Saga)?;
        let moves: Vec<Move> = undoings
            .iter()
            .filter_map(|undoing| {
                let from = *stand.get(&undoing.id.get())?;
                let over = now >= undoing.expires_at;
                matches!(from, Status::Pending | Status::Confirmed).then(|| Move {
                    id: undoing.id,
                    from,
                    to: Status::Cancelled,
                    actor: Actor::System,
                    note: Some(word(why.remove(&undoing.id.get()), over)),
                    intent: None,
                    answered: undoing.awaited && from == Status::Pending,
                    context: undoing.context.clone(),
                })
            })
            .collect();
        if !moves.is_empty() {
            advance_all(&mut tx, &moves, now).await?;
        }
        tell_again(&mut tx, undoings, &stand, now).await?;
        tx.commit().await.map_err(fault("commit cancellations"))?;
        let answer = |undoing: &Undoing| match stand.contains_key(&undoing.id.get()) {
            true => Ok(()),
            false => Err(Refusal::NotFound(undoing.id).into()),
        };
        Ok(undoings.iter().map(answer).collect())
    }

    fn unanswered() -> OrderError {
        OrderError::Corrupt("batch of cancellations")
    }
}

/// Tells by mail of orders that were cancelled while a request waited which was then not answered with it: its process died, or
/// lost the saga, and the undo is repeated.
async fn tell_again(
    conn: &mut PgConnection,
    undoings: &[Undoing],
    stand: &HashMap<i64, Status>,
    now: OffsetDateTime,
) -> Result<(), OrderError> {
    let cancelled = |u: &&Undoing| !u.awaited && stand.get(&u.id.get()) == Some(&Status::Cancelled);
    let ids: Vec<i64> = undoings.iter().filter(cancelled).map(|u| u.id.get()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let taken_back = history::taken_back(conn, &ids).await?;
    let untold = undoings.iter().filter(|u| taken_back.contains(&u.id.get()));
    let news = untold.map(|u| (u.id, News::Became(Status::Cancelled), u.context.clone()));
    notify::enqueue(conn, news.collect(), now).await
}

pub(super) async fn undo(checkout: &Checkout, s: &CheckoutState, awaited: bool) -> Result<(), UndoError> {
    let undoing = Undoing {
        id: s.order_id,
        expires_at: s.expires_at,
        awaited,
        context: context::current(),
    };
    checkout.undoings.ask(undoing).await.map_err(undo_error)?;
    checkout.mails.nudge();
    Ok(())
}

/// Why the order is cancelled, in a word: the code of what was refused, or what became of the checkout.
fn word(why: Option<Reason>, over: bool) -> String {
    match why {
        Some(Reason::Refused { refused, .. }) => refused.code,
        Some(Reason::Unresolved { .. }) => "no-answer".to_owned(),
        Some(Reason::Abandoned { .. }) => "abandoned".to_owned(),
        Some(Reason::Misdirected { .. }) | None if over => "expired".to_owned(),
        Some(Reason::Misdirected { .. }) | None => "not-completed".to_owned(),
    }
}
