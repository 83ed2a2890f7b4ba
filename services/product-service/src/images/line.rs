//! How many uploads there are at once, so that their memory has a bound: a place is for an upload's bytes, a turn for the
//! pixels of a picture.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::render::{Rendered, render};
use crate::NAME;
use crate::domain::{BadImage, ImageKind, Refusal};
use crate::error::ProductError;

/// Uploads that are read, wait or are rendered; 10 MiB each.
const PLACES: usize = 8;
/// How long an upload waits for its turn: less than the gateway waits for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whoever uploads stands here. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Line {
    /// A line of which so many are rendered at once.
    pub(crate) fn new(turns: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(PLACES.max(turns))),
            turns: Arc::new(Semaphore::new(turns)),
        }
    }

    /// A place, if one is free. To be taken before the upload is read.
    pub(crate) fn enter(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())
    }

    /// Renders the upload when its turn comes. Place and turn are kept until the work is done, also if nobody waits for it
    /// any more.
    pub(crate) async fn render(
        &self,
        place: OwnedSemaphorePermit,
        bytes: Vec<u8>,
        kind: ImageKind,
    ) -> Result<Rendered, ProductError> {
        let Ok(Ok(turn)) = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await else {
            return Err(busy().into());
        };
        let work = tokio::task::spawn_blocking(move || {
            let _kept = (place, turn);
            let started = Instant::now();
            let rendered = render(&bytes, kind);
            let outcome = if rendered.is_ok() { "done" } else { "refused" };
            metrics::histogram!("image_render_seconds", "service" => NAME, "outcome" => outcome)
                .record(started.elapsed().as_secs_f64());
            rendered
        });
        // A decoder that panics has met a file that it cannot read.
        let rendered = work.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "an image made its decoder panic");
            Err(BadImage::Damaged)
        });
        Ok(rendered.map_err(Refusal::from)?)
    }
}

fn busy() -> Refusal {
    metrics::counter!("image_uploads_refused_total", "service" => NAME).increment(1);
    Refusal::Busy
}
