//! Definitions of before: what was started under them is finished under them.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::definition::Saga;
use crate::engine::Engine;
use crate::error::SagaError;

/// The engine of an older definition, beside the current one.
pub(crate) trait Older: Send + Sync + 'static {
    /// See [`Engine::work`].
    fn work(&self, stop: CancellationToken) -> BoxFuture<'static, ()>;
    /// See [`Engine::run_due`].
    fn run_due(&self) -> BoxFuture<'_, Result<usize, SagaError>>;
    /// See [`Engine::nudge`].
    fn nudge(&self);
}

impl<S: Saga> Older for Engine<S> {
    fn work(&self, stop: CancellationToken) -> BoxFuture<'static, ()> {
        Box::pin(self.clone().work_alone(stop))
    }

    fn run_due(&self) -> BoxFuture<'_, Result<usize, SagaError>> {
        Box::pin(self.run_due_alone())
    }

    fn nudge(&self) {
        self.nudged.notify_one();
    }
}

impl<S: Saga> Engine<S> {
    /// The same engine, which also finishes what was started under an older definition of this saga, by the
    /// steps of that definition. Nothing is started under it any more: keep it until `saga` has no open row
    /// of its version. Both ask the same fault hook, so set that first.
    #[must_use]
    pub fn with_older<Old: Saga>(mut self, old: Old) -> Self {
        debug_assert!(
            Old::NAME == S::NAME && Old::VERSION < S::VERSION,
            "an older version of the same saga"
        );
        let (pool, clock) = (self.pool.clone(), Arc::clone(&self.clock));
        let settings = (*self.settings).clone();
        let mut engine = Engine::new(old, pool, clock, self.tracker.clone(), settings);
        engine.faults = self.faults.clone();
        self.older.push(Arc::new(engine));
        self
    }
}
