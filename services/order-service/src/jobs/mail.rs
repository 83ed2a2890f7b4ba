//! Sends the mail about an order's move.

use std::fmt::Display;
use std::time::Duration;

use pg::jobs::{Failure, Handler, Job};
use runtime::context;
use serde::Deserialize as _;

use crate::NAME;
use crate::domain::{Letter, Status};
use crate::error::OrderError;
use crate::mailer::{Mail, MailError, Mailer};
use crate::ops::notify::{KIND, OrderMail, QUEUE};
use crate::ops::reading::Orders;
use crate::peers::Accounts;

/// Few at a time: a rush of orders is not held up by its mails.
const AT_A_TIME: usize = 4;
/// Longer than a mail server's own time-out.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What sending takes.
#[derive(Clone)]
pub struct Sender {
    /// The orders.
    pub orders: Orders,
    /// Who knows the addresses.
    pub accounts: Accounts,
    /// The way out.
    pub mailer: Mailer,
}

impl Sender {
    /// The handler of these jobs.
    pub fn handler(self) -> Handler {
        Handler::new(QUEUE, KIND, move |job: Job| {
            let sender = self.clone();
            let context = context::Context::from_traceparent(NAME, Some(&job.trace));
            context::scope(context, async move { sender.send(&job).await })
        })
        .concurrency(AT_A_TIME)
        .timeout(TIMEOUT)
    }

    async fn send(&self, job: &Job) -> Result<(), Failure> {
        let never = |error: &dyn Display| Failure::Never(format!("unreadable: {error}"));
        let OrderMail { order_id, to } = OrderMail::deserialize(&job.payload).map_err(|e| never(&e))?;
        let to: Status = to.parse().map_err(|e| never(&e))?;
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
            letter: &Letter::about(&order, to),
            // One per move, and the same whenever it is sent again (ORD-13).
            key: &format!("{}.{to}", order.number),
            at: job.created_at,
        };
        self.mailer.send(&mail).await.map_err(|error| match error {
            MailError::Refused(why) => Failure::Never(why),
            MailError::Unknown(why) => Failure::Again(why),
        })
    }
}
