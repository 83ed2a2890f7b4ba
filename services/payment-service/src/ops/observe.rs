//! The one place where a payment changes (PAY-9): what a webhook, a poll, a call's answer or a resolved operation
//! shows of it is taken in here, under the lock on its row, together with the events that tell of it. Payments that are
//! looked at in one transaction share its statements.

mod disputes;
mod intents;
mod refunds;

use bus::Topic;
use runtime::context::Context;
use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{Actor, OrderId, RefundId};
use wire::events::{Event, PaymentMoved, PaymentRefunded};

use self::disputes::see_dispute;
use self::intents::see_intents;
use self::refunds::{see_not_made, see_refunds};
use crate::NAME;
use crate::domain::{Dispute, IntentSeen, Payment, Refund, RefundSeen, Refusal, Status};
use crate::error::PaymentError;
use crate::store::{fault, payments};

/// What happens to payments, and who wants to know.
pub const PAYMENTS: Topic = Topic {
    aggregate: "payment",
    subscribers: &["order-service"],
};

/// What the provider shows.
#[derive(Clone, Debug)]
pub enum Seen {
    /// The intent.
    Intent(IntentSeen),
    /// Some or all of its refunds; none still adds up those that we know.
    Refunds(Vec<RefundSeen>),
    /// It will not make this refund of ours, for that reason.
    NotMade(RefundId, String),
    /// One of its disputes.
    Dispute(Dispute),
}

/// What was seen of an order's payment.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    /// The order.
    pub order: OrderId,
    /// What was seen, in this order.
    pub seen: &'a [Seen],
    /// On which request.
    pub context: Option<Context>,
}

/// Payments after they were observed.
#[must_use]
pub struct Observed {
    /// As they are now, in the order of the looks.
    pub payments: Vec<Payment>,
    counts: Vec<Count>,
}

/// Counts in metrics, or writes into the log, that something happened.
type Count = Box<dyn FnOnce() + Send>;

impl Observed {
    /// Counts what has happened. Call it once that is committed: a batch that fails is done again.
    pub fn count(&mut self) {
        self.counts.drain(..).for_each(|count| count());
    }
}

/// Takes in what was seen of orders of which no two are the same, in the caller's transaction. Seeing the same again, or
/// something older, changes nothing and tells nobody.
///
/// # Errors
/// There is no such payment, or what was seen is another's: then nothing may be committed of any of them.
pub async fn observe_all(
    conn: &mut PgConnection,
    looks: &[Look<'_>],
    at: OffsetDateTime,
) -> Result<Observed, PaymentError> {
    let orders: Vec<OrderId> = looks.iter().map(|look| look.order).collect();
    let mut locked = payments::lock_all(conn, &orders).await?;
    let mut views = Vec::with_capacity(looks.len());
    for look in looks {
        let payment = locked.remove(&look.order);
        views.push(View::new(
            look,
            payment.ok_or(Refusal::PaymentNotFound(look.order))?,
        ));
    }
    let longest = looks.iter().map(|look| look.seen.len()).max();
    for turn in 0..longest.unwrap_or_default() {
        see_intents(conn, &mut views, turn, at).await?;
        for view in &mut views {
            match view.seen.get(turn) {
                Some(Seen::Refunds(list)) => see_refunds(conn, view, list, at).await?,
                Some(Seen::NotMade(refund, why)) => see_not_made(conn, view, *refund, why, at).await?,
                Some(Seen::Dispute(dispute)) => see_dispute(conn, view, dispute, at).await?,
                Some(Seen::Intent(_)) | None => {}
            }
        }
    }
    views.iter_mut().for_each(View::tell_sums);
    let news: Vec<bus::News> = views
        .iter_mut()
        .flat_map(|view| std::mem::take(&mut view.news))
        .collect();
    if !news.is_empty() {
        bus::publish_all(conn, &PAYMENTS, &news, at)
            .await
            .map_err(fault("publish what happened to payments"))?;
    }
    let changed = views.iter().filter(|view| view.payment != view.before);
    let changed: Vec<&Payment> = changed.map(|view| &view.payment).collect();
    payments::save_all(conn, &changed, at).await?;
    let counts = views.iter_mut().flat_map(|view| std::mem::take(&mut view.counts));
    Ok(Observed {
        counts: counts.collect(),
        payments: views.into_iter().map(|view| view.end(at)).collect(),
    })
}

/// A payment that is looked at.
struct View<'a> {
    before: Payment,
    payment: Payment,
    /// Its refunds, once they are read.
    refunds: Option<Vec<Refund>>,
    seen: &'a [Seen],
    /// The latest attempt's failure is news, and told as such.
    told_failed: bool,
    context: Option<Context>,
    news: Vec<bus::News>,
    counts: Vec<Count>,
}

impl<'a> View<'a> {
    fn new(look: &Look<'a>, payment: Payment) -> Self {
        Self {
            before: payment.clone(),
            payment,
            refunds: None,
            seen: look.seen,
            told_failed: false,
            context: look.context.clone(),
            news: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// Has it counted once it is committed.
    fn count(&mut self, count: impl FnOnce() + Send + 'static) {
        self.counts.push(Box::new(count));
    }

    /// Has it published in the same transaction.
    fn tell(&mut self, event: &impl Event) {
        let news = bus::News::new(self.payment.id.get(), event, Actor::System);
        self.news.push(news.on(self.context.clone()));
    }

    /// Tells how much went back, and where it stands now, if that is news.
    fn tell_sums(&mut self) {
        let (order_id, payment_id) = (self.payment.order_id, self.payment.id);
        if self.payment.refunded_minor != self.before.refunded_minor {
            self.tell(&PaymentRefunded {
                order_id,
                payment_id,
                refunded_minor: self.payment.refunded_minor,
                captured_minor: self.payment.captured_minor,
            });
            let (before, payment) = (self.before.clone(), self.payment.clone());
            self.count(move || count_refund(&before, &payment));
        }
        let (from, to) = (self.before.status, self.payment.status);
        if moved_openly(from, to) && !(to == Status::Failed && self.told_failed) {
            self.tell(&PaymentMoved {
                order_id,
                payment_id,
                status: self.payment.status.name().to_owned(),
            });
        }
    }

    /// The payment as it was saved.
    fn end(self, at: OffsetDateTime) -> Payment {
        let Self {
            before, mut payment, ..
        } = self;
        if payment != before {
            payment.version += 1;
            payment.updated_at = at;
        }
        payment
    }
}

/// Whether an open payment stands elsewhere than it was last told of. That it was made or ended is told as such, and so is
/// a failure, once: it may be seen again behind an older look at the payment, which had it under way.
fn moved_openly(from: Status, to: Status) -> bool {
    let under_way = |status| matches!(status, Status::Processing | Status::RequiresAction);
    from != to && (under_way(to) || to == Status::Failed || to == Status::Pending && under_way(from))
}

/// A refund that was undone later is not taken back from the counter, which only grows.
fn count_refund(before: &Payment, after: &Payment) {
    let Some(amount) = after.amount else { return };
    let more = u64::try_from(after.refunded_minor - before.refunded_minor).unwrap_or_default();
    metrics::counter!(
        "payments_refunded_minor_total",
        "service" => NAME, "currency" => amount.currency().code()
    )
    .increment(more);
}

/// Publishes in the same transaction.
pub(crate) async fn tell(
    conn: &mut PgConnection,
    payment: &Payment,
    event: &impl Event,
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    bus::publish(conn, &PAYMENTS, payment.id.get(), event, Actor::System, at)
        .await
        .map_err(fault("publish what happened to the payment"))
}
