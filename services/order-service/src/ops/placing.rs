//! Writing new orders: each with its event, its saga and its request's key in one transaction, which those that come at the
//! same time share.

use std::collections::HashMap;
use std::sync::Arc;

use bus::{News, publish_all};
use pg::fold::Together;
use pg::idempotency::{self, BindError};
use runtime::context::Context;
use saga::{Engine, Started};
use sqlx::{PgConnection, PgPool};
use types::{Actor, Clock, OrderId};
use wire::events::OrderCreated;

use crate::domain::{NewOrder, Refusal};
use crate::error::OrderError;
use crate::events::ORDERS;
use crate::sagas::checkout::{Checkout, CheckoutState};
use crate::store::fault;
use crate::store::place::{self, New};

/// A priced order, about to be written.
#[derive(Clone, Debug)]
pub struct Placement {
    /// The order.
    pub order: NewOrder,
    /// Who places it.
    pub actor: Actor,
    /// On which request, and in whose trace.
    pub context: Option<Context>,
    /// The request's key.
    pub key: Option<idempotency::Key>,
    /// Those of one turn are not written together.
    pub turn: Option<i64>,
}

/// Writes orders.
pub struct Placing {
    /// The orders' database.
    pub db: PgPool,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Checks them out.
    pub checkout: Engine<Checkout>,
    /// Unpaid orders that one account may have; 0 for any number. Where there is a limit, an account's orders have one
    /// turn: each is counted before the next one.
    pub max_open_orders: u32,
}

/// An order that was written. Its saga is leased to this process: drive it.
pub type Written = (OrderId, Started<Checkout>);

impl Together for Placing {
    const NAME: &'static str = "placements";
    type Ask = Placement;
    type Answer = Written;
    type Error = OrderError;

    fn subject(placement: &Placement) -> Option<i64> {
        placement.turn
    }

    async fn together(&self, asked: &[Placement]) -> Result<Vec<Result<Written, OrderError>>, OrderError> {
        let mut tx = pg::begin(&self.db).await.map_err(fault("begin a transaction"))?;
        let most = self.max_open_orders;
        let open = self.open(&mut tx, asked).await?;
        let is_free = |p: &Placement| {
            open.get(&p.order.user_id.get())
                .is_none_or(|n| *n < i64::from(most))
        };
        let placed: Vec<&Placement> = asked.iter().filter(|p| is_free(p)).collect();
        let mut written = Vec::new();
        if !placed.is_empty() {
            written = self.write(&mut tx, &placed).await?;
            tx.commit().await.map_err(fault("commit orders"))?;
        }
        let mut written = written.into_iter();
        let answer = |p| match is_free(p) {
            true => written.next().ok_or_else(Self::unanswered),
            false => Err(Refusal::TooManyOpen { most }.into()),
        };
        Ok(asked.iter().map(answer).collect())
    }

    fn unanswered() -> OrderError {
        OrderError::Corrupt("batch of orders")
    }
}

impl Placing {
    /// The unpaid orders of each account, if they are limited.
    async fn open(
        &self,
        conn: &mut PgConnection,
        asked: &[Placement],
    ) -> Result<HashMap<i64, i64>, OrderError> {
        if self.max_open_orders == 0 {
            return Ok(HashMap::new());
        }
        let users: Vec<i64> = asked.iter().map(|p| p.order.user_id.get()).collect();
        place::count_open(conn, &users, self.max_open_orders).await
    }

    async fn write(
        &self,
        conn: &mut PgConnection,
        placed: &[&Placement],
    ) -> Result<Vec<Written>, OrderError> {
        let new: Vec<New<'_>> = placed
            .iter()
            .map(|p| New {
                order: &p.order,
                actor: p.actor,
                request_id: p.context.as_ref().map(|c| c.request_id.as_str()),
            })
            .collect();
        let ids = place::insert(conn, &new).await?;
        let numbered = || ids.iter().copied().zip(placed);
        let news: Vec<News> = numbered()
            .map(|(id, p)| {
                let created = OrderCreated { order_id: id };
                News::new(id.get(), &created, p.actor).on(p.context.clone())
            })
            .collect();
        publish_all(conn, &ORDERS, &news, self.clock.now())
            .await
            .map_err(fault("publish the orders"))?;
        let sagas = numbered()
            .map(|(id, p)| {
                let trace = p.context.as_ref().map(Context::traceparent);
                (id.get(), CheckoutState::new(id, &p.order), trace)
            })
            .collect();
        let started = self
            .checkout
            .start_all(conn, sagas)
            .await
            .map_err(OrderError::Saga)?;
        for (id, placement) in numbered() {
            if let Some(key) = &placement.key {
                bind(conn, key, id).await?;
            }
        }
        let started = started.into_iter().zip(ids);
        started
            .map(|(started, id)| {
                let started = started.ok_or(OrderError::Corrupt("saga of a new order"))?;
                Ok((id, started))
            })
            .collect()
    }
}

async fn bind(conn: &mut PgConnection, key: &idempotency::Key, id: OrderId) -> Result<(), OrderError> {
    idempotency::bind_subject(conn, &key.scope(), id.get())
        .await
        .map_err(|error| match error {
            BindError::TakenOver => OrderError::KeyTaken,
            BindError::Store(source) => fault("bind the key to the order")(source),
        })
}
