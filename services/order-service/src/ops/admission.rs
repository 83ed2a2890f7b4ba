//! The line before the checkout: so many orders are placed at once, and who comes beyond waits, though not for long. Without it
//! a crowd that comes together is served together, each so slowly that all have given up before the first is answered;
//! then they come again.
//!
//! What counts is the work, not who waits for it. A checkout whose client was answered 202 or hung up keeps its place until
//! it is confirmed or refused, or pauses so long that the workers, who have a limit of their own, go on with it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::NAME;
use crate::error::OrderError;

/// Admits requests to the checkout, first come, first served. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Admission {
    places: Arc<Semaphore>,
    patience: Duration,
}

/// A request that was let in; the next one is when this is dropped, which its checkout does when it ends.
#[derive(Debug)]
pub struct Admitted {
    came: Instant,
    _place: OwnedSemaphorePermit,
}

impl Admission {
    /// Lets `at_once` requests in at the same time, and lets others wait for `patience`.
    #[must_use]
    pub fn new(at_once: usize, patience: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(at_once)),
            patience,
        }
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// None became free in time: nothing was done for this request.
    pub async fn enter(&self) -> Result<Admitted, OrderError> {
        let came = Instant::now();
        let place = timeout(self.patience, Arc::clone(&self.places).acquire_owned()).await;
        if let Ok(Ok(place)) = place {
            return Ok(Admitted { came, _place: place });
        }
        Err(OrderError::Crowded)
    }
}

/// Counts a request that was not let in, and was no repetition that could be answered all the same.
pub fn turned_away() {
    metrics::counter!("orders_turned_away_total", "service" => NAME).increment(1);
}

impl Admitted {
    /// What is left of `within`, counted from when the request came.
    #[must_use]
    pub fn left(&self, within: Duration) -> Duration {
        within.saturating_sub(self.came.elapsed())
    }
}
