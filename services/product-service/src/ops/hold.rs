//! Holding: the orders that ask at the same time are served by shared statements. Where one was not held, we look at
//! what it has and answer from that, or give back what is over (STK-7), or ask again.

use std::collections::HashMap;
use std::sync::Arc;

use pg::fold::{Fold, Together};
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use types::{Actor, Clock, ProductId};

use super::stock::{Done, RECLAIM, TRIES};
use crate::domain::{Refusal, Reservation, ShortLine};
use crate::error::ProductError;
use crate::events;
use crate::store::holds::{self, Found, Outcome, Wish};
use crate::store::{expiry, fault, reservations};

/// Until when it is held, and whose stock changed; or why it is not.
pub type Answer = Result<Done<OffsetDateTime>, ProductError>;

/// Where holds are taken.
#[derive(Clone)]
pub struct Shelves {
    /// The stock's database.
    pub db: PgPool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How few are few: falling to it is told.
    pub low: i64,
}

/// Takes holds: those that are asked for at the same time share statements and commits. Alone, a product that everybody
/// wants sells as fast as the disk turns, since its orders wait for each other's commit.
pub type Holds = Fold<Shelves>;

impl Together for Shelves {
    const NAME: &'static str = "holds";
    type Ask = Wish;
    type Answer = Done<OffsetDateTime>;
    type Error = ProductError;

    fn subject(wish: &Wish) -> Option<i64> {
        Some(wish.order.get())
    }

    /// Holds for each wish all of its lines or none (STK-2, STK-6). Repeating those that were held is harmless.
    async fn together(&self, wishes: &[Wish]) -> Result<Vec<Answer>, ProductError> {
        together(self, wishes).await
    }

    fn unanswered() -> ProductError {
        UNANSWERED
    }
}

const UNANSWERED: ProductError = ProductError::Corrupt("reservation that comes and goes");

async fn together(shelves: &Shelves, wishes: &[Wish]) -> Result<Vec<Answer>, ProductError> {
    let mut batch = Batch {
        wishes,
        answers: wishes.iter().map(|_| None).collect(),
    };
    let mut fruitless = 0;
    while fruitless < TRIES && !batch.open().is_empty() {
        if !batch.round(shelves).await? {
            fruitless += 1;
        }
    }
    let answers = batch.answers.into_iter();
    Ok(answers.map(|answer| answer.unwrap_or(Err(UNANSWERED))).collect())
}

struct Batch<'a> {
    wishes: &'a [Wish],
    answers: Vec<Option<Answer>>,
}

impl<'a> Batch<'a> {
    /// The wishes that have no answer yet, with their places.
    fn open(&self) -> Vec<(usize, &'a Wish)> {
        let wishes = self.wishes.iter().enumerate();
        wishes
            .zip(&self.answers)
            .filter(|(_, answer)| answer.is_none())
            .map(|(open, _)| open)
            .collect()
    }

    fn answer(&mut self, place: usize, answer: Answer) {
        if let Some(slot) = self.answers.get_mut(place) {
            *slot = Some(answer);
        }
    }

    /// Asks once for all that are open. Whether that led to anything: it does unless somebody else changes these very
    /// reservations at the same time.
    async fn round(&mut self, shelves: &Shelves) -> Result<bool, ProductError> {
        let at = shelves.clock.now();
        let open = self.open();
        let wishes: Vec<&Wish> = open.iter().map(|(_, wish)| *wish).collect();
        let mut tx = pg::begin(&shelves.db)
            .await
            .map_err(fault("begin a transaction"))?;
        let outcomes = take(&mut tx, &wishes, shelves.low, at).await?;
        tx.commit().await.map_err(fault("commit holds"))?;
        let mut refused = Vec::new();
        for ((place, wish), outcome) in open.iter().copied().zip(outcomes) {
            match outcome {
                Outcome::Held => self.answer(place, held(wish, at, &[])),
                Outcome::Not(found) => refused.push((place, wish, found)),
            }
        }
        let mut fruitful = refused.len() < open.len();
        if refused.is_empty() {
            return Ok(fruitful);
        }

        // A repeat is answered alike also when the first one took the last unit.
        let mut conn = shelves.db.acquire().await.map_err(fault("reach the database"))?;
        let orders: Vec<i64> = refused.iter().map(|(_, wish, _)| wish.order.get()).collect();
        let had: HashMap<_, Reservation> = reservations::find_all(&mut conn, &orders)
            .await?
            .into_iter()
            .map(|had| (had.order, had))
            .collect();
        let mut short = Vec::new();
        for (place, wish, found) in refused {
            let answer = match (had.get(&wish.order), refusal(&found)) {
                (Some(had), _) => had.held_again(&wish.lines.hash()).map(Done::nothing),
                (None, Some(lack @ Refusal::Short { .. })) => {
                    short.push((place, wish, lack));
                    continue;
                }
                (None, Some(refusal)) => Err(refusal),
                // Others of the batch came first; the next round tells.
                (None, None) => continue,
            };
            fruitful = true;
            self.answer(place, answer.map_err(ProductError::from));
        }
        if short.is_empty() {
            return Ok(fruitful);
        }

        let products: Vec<i64> = short.iter().flat_map(|(_, w, _)| w.lines.products()).collect();
        let over = expiry::due_of(&mut conn, &products, None, at, RECLAIM).await?;
        if over.is_empty() {
            for (place, _, lack) in short {
                self.answer(place, Err(lack.into()));
            }
            return Ok(true);
        }
        drop(conn);
        let freed = self.reclaim(shelves, &short, (&over, &products), at).await?;
        Ok(fruitful || freed)
    }

    /// Gives back the holds that are `over`, and holds, in one transaction. Who is not held then asks again in the next
    /// round. Whether anything was given back.
    async fn reclaim(
        &mut self,
        shelves: &Shelves,
        short: &[(usize, &'a Wish, Refusal)],
        (over, products): (&[i64], &[i64]),
        at: OffsetDateTime,
    ) -> Result<bool, ProductError> {
        let mut tx = pg::begin(&shelves.db)
            .await
            .map_err(fault("begin a transaction"))?;
        let freed = expiry::free(&mut tx, over, products, at).await?;
        let wishes: Vec<&Wish> = short.iter().map(|(_, wish, _)| *wish).collect();
        let outcomes = take(&mut tx, &wishes, shelves.low, at).await?;
        tx.commit().await.map_err(fault("commit a hold"))?;
        for ((place, wish, _), outcome) in short.iter().zip(outcomes) {
            if let Outcome::Held = outcome {
                self.answer(*place, held(wish, at, &freed));
            }
        }
        Ok(!freed.is_empty())
    }
}

/// Takes what can be taken, and tells of what little is left.
async fn take(
    conn: &mut PgConnection,
    wishes: &[&Wish],
    low: i64,
    at: OffsetDateTime,
) -> Result<Vec<Outcome>, ProductError> {
    let taken = holds::hold(&mut *conn, wishes, at).await?;
    events::tell_low(conn, &taken.shelves, low, Actor::System, at).await?;
    Ok(taken.outcomes)
}

fn held(wish: &Wish, at: OffsetDateTime, freed: &[i64]) -> Answer {
    let mut changed = wish.lines.products();
    changed.extend(freed);
    Ok(Done {
        answer: at + wish.ttl.get(),
        changed,
    })
}

/// Why these cannot be held, if that is so.
fn refusal(found: &[Found]) -> Option<Refusal> {
    let id = |f: &Found| ProductId::new(f.product_id).ok();
    let products: Vec<ProductId> = found.iter().filter(|f| !f.for_sale).filter_map(id).collect();
    if !products.is_empty() {
        return Some(Refusal::Unavailable { products });
    }
    let lines: Vec<ShortLine> = found
        .iter()
        .filter(|f| f.available < f.wanted)
        .filter_map(|f| {
            let (product_id, sku) = (id(f)?, f.sku.clone().unwrap_or_default());
            Some(ShortLine {
                product_id,
                sku,
                left: f.available,
                requested: f.wanted,
            })
        })
        .collect();
    (!lines.is_empty()).then_some(Refusal::Short { lines })
}
