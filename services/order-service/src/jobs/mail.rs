//! Sends a mail about an order.

use std::fmt::Display;
use std::time::Duration;

use pg::jobs::{Failure, Handler, Job, Retry};
use runtime::context;
use serde::Deserialize as _;

use crate::NAME;
use crate::domain::{Letter, News, TrackingLinks};
use crate::error::OrderError;
use crate::mailer::{Mail, Mailer, SENT, Trouble};
use crate::ops::notify::{KIND, OrderMail, QUEUE};
use crate::ops::reading::Orders;
use crate::peers::Accounts;

/// Few at a time: a rush of orders is not held up by its mails.
const AT_A_TIME: usize = 4;
/// What looking up the order and the address may take, before the mailer's own patience begins.
const LOOKING_UP: Duration = Duration::from_secs(60);
/// Seconds while the mail server was busy, half an hour while it is away: with a hundred attempts, for a day.
const RETRY: Retry = Retry {
    base: Duration::from_secs(2),
    cap: Duration::from_secs(30 * 60),
};

/// What sending takes.
#[derive(Clone)]
pub struct Sender {
    /// The orders.
    pub orders: Orders,
    /// Who knows the addresses.
    pub accounts: Accounts,
    /// The way out.
    pub mailer: Mailer,
    /// Where parcels are followed.
    pub links: TrackingLinks,
}

impl Sender {
    /// The handler of these jobs.
    pub fn handler(self) -> Handler {
        // Beyond all that it waits for, so that whatever ends an attempt is told and counted.
        let most = LOOKING_UP + self.mailer.patience();
        Handler::new(QUEUE, KIND, move |job: Job| {
            let sender = self.clone();
            let context = context::Context::from_traceparent(NAME, Some(&job.trace));
            context::scope(context, async move { sender.send(&job).await })
        })
        .concurrency(AT_A_TIME)
        .timeout(most)
        .retry(RETRY)
    }

    async fn send(&self, job: &Job) -> Result<(), Failure> {
        let never = |error: &dyn Display| Failure::Never(format!("unreadable: {error}"));
        let OrderMail { order_id, to } = OrderMail::deserialize(&job.payload).map_err(|e| never(&e))?;
        let news: News = to.parse().map_err(|e| never(&e))?;
        let order = self.orders.ask(order_id).await.map_err(|error| match error {
            OrderError::Refused(refusal) => Failure::Never(refusal.to_string()),
            error => Failure::Again(error.to_string()),
        })?;
        let email = self.accounts.email(order.user_id).await;
        let Some(email) = email.map_err(|e| Failure::Again(e.to_string()))? else {
            tracing::info!(order.id = %order_id, "the customer's account is gone; nobody is told");
            return Ok(());
        };
        let mail = Mail {
            to: &email,
            letter: &Letter::about(&order, news, &self.links),
            // One for each news, and the same whenever it is sent again (ORD-13).
            key: &format!("{}.{news}", order.number),
            at: job.created_at,
        };
        let sent = self.mailer.send(&mail).await;
        let outcome = sent.as_ref().map_or_else(|error| error.trouble.name(), |()| SENT);
        metrics::counter!("mails_total", "service" => NAME, "outcome" => outcome).increment(1);
        sent.map_err(|error| match error.trouble {
            Trouble::Refused => Failure::Never(error.to_string()),
            _ => Failure::Again(error.to_string()),
        })
    }
}
