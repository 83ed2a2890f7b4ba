//! The sandbox's time, which may be ahead of the machine's, and what happens as it passes.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Inner, Sandbox, Transaction};
use crate::cards::After;
use crate::error::ApiError;
use crate::objects::{Cause, RefundStatus};
use crate::state::State;
use crate::timers::Due;
use crate::{dispute, refund};

/// How often to look where nobody calls.
const POLL: Duration = Duration::from_millis(500);

impl Sandbox {
    /// The machine's time, in seconds. Webhooks are signed with it: their receiver's clock is nowhere else.
    pub(crate) fn wall_clock(&self) -> i64 {
        self.clock.now().unix_timestamp()
    }

    /// The sandbox's time, in seconds.
    pub(super) fn now_in(&self, state: &State) -> i64 {
        self.wall_clock().saturating_add(state.ahead)
    }

    /// Does what is due, each at its own time. Every request begins with it, so that nobody sees what would have
    /// changed by then.
    pub(crate) fn settle(&self) {
        let mut inner = self.lock();
        let Inner { state, journal } = &mut *inner;
        while let Some((at, due)) = state.timers.first(self.now_in(state)) {
            let mut transaction = Transaction::new(state, at, Cause::default(), &self.config);
            if let Err(error) = act(&mut transaction, &due) {
                tracing::warn!(?due, ?error, "what was due could not be done");
            }
            let record = transaction.into_record();
            match self.commit(journal, record) {
                Ok(record) => state.apply(record),
                // It stays due.
                Err(_) => return,
            }
            // Nothing acts twice, even if it did nothing.
            if state.timers.first(at).is_some_and(|(_, next)| next == due) {
                state.timers.set(due, None);
            }
        }
    }

    /// Does what is due as time passes, until `stop`.
    pub(crate) async fn keep_time(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(POLL) => self.settle(),
            }
        }
    }
}

fn act(transaction: &mut Transaction<'_>, due: &Due) -> Result<(), ApiError> {
    match due {
        Due::Charge(id) => {
            let charge = transaction.charge_of("charge", id)?;
            if let After::Dispute { reason, inquiry } = charge.payment_method.card.after() {
                dispute::open(transaction, charge, reason, inquiry)?;
            }
        }
        Due::Refund(id) => {
            let refund = transaction.refund(id)?;
            if let Some((_, RefundStatus::Failed)) = refund.settles {
                refund::fail(transaction, refund, "expired_or_canceled_card")?;
            } else {
                refund::succeed(transaction, refund);
            }
        }
        Due::Dispute(id) => {
            let dispute = transaction.dispute(id)?;
            let ends = dispute.decides.map(|(_, status)| status);
            let ends = ends.unwrap_or_else(|| dispute::forfeit(&dispute));
            dispute::close(transaction, dispute, ends)?;
        }
    }
    Ok(())
}
