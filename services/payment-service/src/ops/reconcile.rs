//! Reconciliation (PAY-16): everything that the provider has is held against our books, and the other way round. What
//! a lost webhook left wrong is taken in through the one place where payments change; what that cannot explain is named.

mod disputes;
mod missing;
mod walk;

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use bus::Topic;
use pg::fold::{self, Together as _};
use runtime::context;
use sqlx::PgPool;
use time::OffsetDateTime;
use types::{Actor, Clock, OrderId};
use wire::events::{DriftAmount, ReconciliationDrifted};

use super::observe::Seen;
use super::observing::{By, Observation, Observing};
use crate::NAME;
use crate::domain::Payment;
use crate::domain::drift::{Finding, Kind, Scope};
use crate::error::PaymentError;
use crate::store::fault;
use crate::store::reconciliations::{self, Ended};
use crate::stripe::Stripe;

/// What reconciliations find. Nobody subscribes yet.
pub const RECONCILIATIONS: Topic = Topic {
    aggregate: "reconciliation",
    subscribers: &[],
};
/// How far back the open ones are looked for at least: refunds in the dashboard are of payments that are not open.
const RECENT: Duration = Duration::from_secs(2 * 3600);
/// Clocks differ a little.
const SLACK: Duration = Duration::from_secs(600);

/// What reconciling takes.
#[derive(Clone)]
pub struct Reconciler {
    /// Our books.
    pub db: PgPool,
    /// Theirs.
    pub stripe: Stripe,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// How a reconciliation went.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its id.
    pub id: i64,
    /// How far it looked.
    pub scope: Scope,
    /// How many objects of each kind the provider has.
    pub checked: [(Kind, i64); 3],
    /// What differed.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many objects differed and are right now.
    #[must_use]
    pub fn repaired(&self) -> usize {
        self.findings.iter().filter(|f| f.repaired).count()
    }

    /// How many a person has to look at.
    #[must_use]
    pub fn unexplained(&self) -> usize {
        self.findings.len() - self.repaired()
    }
}

/// An intent that is not ours, and what money of it is left.
struct Stranger {
    minor: i64,
    currency: String,
    open: bool,
    what: String,
}

/// A reconciliation under way.
struct Run<'a> {
    desk: &'a Reconciler,
    since: Option<OffsetDateTime>,
    started: OffsetDateTime,
    checked: [(Kind, i64); 3],
    /// What was seen over there, by hashes: the ids of a million objects are a hundred megabytes.
    seen: HashSet<u64>,
    strangers: BTreeMap<String, Stranger>,
    findings: Vec<Finding>,
}

/// Compares, repairs and reports. Any number of processes may do so at once.
///
/// # Errors
/// The provider or the database does not answer; what was repaired until then stays so.
#[tracing::instrument(name = "payment.reconcile", skip_all, fields(scope = scope.name()))]
pub async fn reconcile(desk: &Reconciler, scope: Scope) -> Result<Report, PaymentError> {
    let started = desk.clock.now();
    let since = match scope {
        Scope::All => None,
        Scope::Open => {
            let mut conn = desk.db.acquire().await.map_err(fault("reach the database"))?;
            let oldest = reconciliations::oldest_open(&mut conn).await?;
            let recent = started - RECENT;
            Some(oldest.map_or(recent, |oldest| oldest.min(recent)) - SLACK)
        }
    };
    let mut run = Run {
        desk,
        since,
        started,
        checked: Kind::ALL.map(|kind| (kind, 0)),
        seen: HashSet::new(),
        strangers: BTreeMap::new(),
        findings: Vec::new(),
    };
    // Refunds and disputes take from intents.
    run.intents().await?;
    run.refunds().await?;
    run.disputes().await?;
    run.missing_intents().await?;
    run.missing_refunds().await?;
    run.missing_disputes().await?;
    run.name_strangers();
    run.end(scope).await
}

impl Run<'_> {
    fn count(&mut self, kind: Kind, object_id: &str) {
        self.seen.insert(hash(object_id));
        for (counted, count) in &mut self.checked {
            *count += i64::from(*counted == kind);
        }
    }

    /// Takes in what was seen. Of one that cannot be taken in it is told why; the others are looked at all the same.
    async fn take_in(
        &self,
        order: OrderId,
        seen: Vec<Seen>,
    ) -> Result<Result<Payment, String>, PaymentError> {
        match self.observed(order, seen).await {
            Ok(payment) => Ok(Ok(payment)),
            Err(PaymentError::Store { doing, source }) if pg::is_unavailable(&source) => {
                Err(PaymentError::Store { doing, source })
            }
            Err(
                error @ (PaymentError::Store { .. }
                | PaymentError::Corrupt(_)
                | PaymentError::Unknown(_)
                | PaymentError::Refused(_)),
            ) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                Ok(Err(match source {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// The one place where payments change (PAY-9).
    async fn observed(&self, order: OrderId, seen: Vec<Seen>) -> Result<Payment, PaymentError> {
        let observing = Observing {
            db: self.desk.db.clone(),
            clock: Arc::clone(&self.desk.clock),
        };
        let observation = Observation {
            order,
            seen,
            by: By::Look,
            context: context::current(),
        };
        let observed = fold::all(&observing, &[observation]).await.pop();
        observed.unwrap_or_else(|| Err(Observing::unanswered()))
    }

    /// Intents that are not ours and that may have, or get, money. Those whose money went back, or that nobody can
    /// pay, cost nobody anything.
    fn name_strangers(&mut self) {
        for (object_id, stranger) in std::mem::take(&mut self.strangers) {
            if stranger.minor != 0 || stranger.open {
                self.findings.push(Finding {
                    kind: Kind::Intent,
                    object_id,
                    order: None,
                    what: stranger.what,
                    minor: stranger.minor,
                    currency: stranger.currency,
                    repaired: false,
                });
            }
        }
    }

    async fn end(self, scope: Scope) -> Result<Report, PaymentError> {
        let Self {
            desk,
            started,
            checked,
            findings,
            ..
        } = self;
        let ended_at = desk.clock.now();
        let ended = Ended {
            scope,
            started_at: started,
            ended_at,
            checked: checked.iter().map(|(_, count)| count).sum(),
            findings: &findings,
        };
        let mut tx = pg::begin(&desk.db).await.map_err(fault("begin a transaction"))?;
        let id = reconciliations::insert(&mut tx, ended).await?;
        let report = Report {
            id,
            scope,
            checked,
            findings,
        };
        let amounts = amounts(&report.findings);
        if !report.findings.is_empty() {
            let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
            let event = ReconciliationDrifted {
                reconciliation_id: id,
                scope: scope.name().to_owned(),
                repaired: count(report.repaired()),
                unexplained: count(report.unexplained()),
                amounts: amounts.clone(),
            };
            bus::publish(&mut tx, &RECONCILIATIONS, id, &event, Actor::System, ended_at)
                .await
                .map_err(fault("publish what differs"))?;
        }
        tx.commit().await.map_err(fault("commit the reconciliation"))?;
        tell(&report, &amounts);
        Ok(report)
    }
}

fn hash(object_id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    object_id.hash(&mut hasher);
    hasher.finish()
}

/// How much money is in what was found, by currency.
fn amounts(findings: &[Finding]) -> Vec<DriftAmount> {
    let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for finding in findings {
        let (repaired, unexplained) = sums.entry(&finding.currency).or_default();
        let sum = if finding.repaired { repaired } else { unexplained };
        *sum = sum.saturating_add(finding.minor);
    }
    let amount = |(currency, (repaired_minor, unexplained_minor)): (&str, (i64, i64))| DriftAmount {
        currency: currency.to_owned(),
        repaired_minor,
        unexplained_minor,
    };
    sums.into_iter().map(amount).collect()
}

/// Metrics and the log. What wakes somebody is read from the report that is kept (`reconciliation_unexplained`).
fn tell(report: &Report, amounts: &[DriftAmount]) {
    let scope = report.scope.name();
    let (repaired, unexplained) = (report.repaired(), report.unexplained());
    for (outcome, count) in [("repaired", repaired), ("unexplained", unexplained)] {
        metrics::counter!("reconciliation_drift_total", "service" => NAME, "scope" => scope, "outcome" => outcome)
            .increment(u64::try_from(count).unwrap_or(u64::MAX));
    }
    for amount in amounts {
        for (outcome, minor) in [
            ("repaired", amount.repaired_minor),
            ("unexplained", amount.unexplained_minor),
        ] {
            metrics::counter!("reconciliation_drift_minor_total", "service" => NAME, "scope" => scope,
                "outcome" => outcome, "currency" => amount.currency.clone())
            .increment(u64::try_from(minor).unwrap_or_default());
        }
    }
    for finding in report.findings.iter().filter(|f| !f.repaired) {
        tracing::error!(
            reconciliation = report.id, object = finding.object_id, order.id = ?finding.order.map(OrderId::get),
            what = finding.what, money = finding.money(), "the provider's books and ours differ; somebody has to look"
        );
    }
    tracing::info!(
        reconciliation = report.id,
        scope,
        repaired,
        unexplained,
        "the books were reconciled"
    );
}
