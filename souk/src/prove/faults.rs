//! The blows, one after the other, each when as many orders were placed as the plan says.

use std::collections::BTreeMap;
use std::time::Duration;

use payment_service::domain::drift::Scope;
use payment_service::operator::Report as Reconciliation;
use runtime::StartError;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::plan::{Blow, Fault, Part};
use super::proxy::Mode;
use super::shop::Shop;

/// Orders that may be placed before the blow that comes first has fallen: blows fall among orders, not after them.
pub(super) const AHEAD: u32 = 16;

/// How far the blows have come.
pub(super) struct Struck {
    /// How often each kind fell.
    pub(super) by_kind: BTreeMap<String, u32>,
    /// How many calls and events went wrong at Stripe; those just before a kill of Stripe are not known.
    pub(super) at_stripe: i64,
    /// What came of reconciling meanwhile.
    pub(super) reconciled: Vec<Result<Reconciliation, String>>,
    /// The shop, struck.
    pub(super) shop: Shop,
}

/// Strikes all `blows`; `placed` counts orders, `next` tells buyers how far they may go.
pub(super) async fn strike(
    mut shop: Shop,
    blows: &[Blow],
    mut placed: watch::Receiver<u32>,
    next: watch::Sender<u32>,
    tracker: &TaskTracker,
) -> Result<Struck, StartError> {
    let (mut by_kind, mut at_stripe, mut reconciling) = (BTreeMap::new(), 0, Vec::new());
    for blow in blows {
        next.send_replace(blow.after);
        loop {
            shop.revive_all()?;
            let come = placed.wait_for(|count| *count >= blow.after);
            match tokio::time::timeout(Duration::from_millis(100), come).await {
                Ok(Ok(_)) => break,
                // Nobody buys any more.
                Ok(Err(_)) => break,
                Err(_) => {}
            }
        }
        match blow.fault {
            // It takes its time, while blows go on.
            Fault::Reconcile => reconciling.push(tracker.spawn(shop.reconciliation(Scope::Open))),
            Fault::Kill(Part::Stripe) => {
                // Its rules go with it.
                shop.ready(Part::Stripe).await?;
                at_stripe += shop.stripe().struck().await?;
                one(&mut shop, blow.fault).await?;
            }
            fault => one(&mut shop, fault).await?,
        }
        *by_kind.entry(blow.fault.kind()).or_default() += 1;
    }
    next.send_replace(u32::MAX);
    // Whoever ends by itself is started again until the last order is placed.
    while placed.has_changed().is_ok() {
        shop.revive_all()?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    shop.ready(Part::Stripe).await?;
    at_stripe += shop.stripe().struck().await?;
    shop.stripe().relent().await?;
    let mut reconciled = Vec::new();
    for run in reconciling {
        reconciled.push(run.await?.map_err(|e| e.to_string()));
    }
    Ok(Struck {
        by_kind,
        at_stripe,
        reconciled,
        shop,
    })
}

async fn one(shop: &mut Shop, fault: Fault) -> Result<(), StartError> {
    let millis = |ms: u32| Duration::from_millis(ms.into());
    let disturb = |shop: &Shop, link, mode, lasts| {
        if let Some(proxy) = shop.links.get(&link) {
            proxy.set(mode, millis(lasts));
        }
    };
    match fault {
        Fault::Kill(part) => {
            // A process that is not up yet would not feel it.
            shop.ready(part).await?;
            shop.kill(part).await?;
        }
        Fault::Stop(part, ms) => {
            shop.ready(part).await?;
            shop.pause(part, millis(ms)).await?;
        }
        Fault::Delay(link, by, lasts) => disturb(shop, link, Mode::Delay(millis(by)), lasts),
        Fault::Silence(link, lasts) => disturb(shop, link, Mode::Silent, lasts),
        Fault::LoseAnswers(link, lasts) => disturb(shop, link, Mode::LoseAnswers, lasts),
        Fault::Reset(link) => {
            if let Some(proxy) = shop.links.get(&link) {
                proxy.reset();
            }
        }
        Fault::Webhooks(mischief, lasts) => shop.road.set(mischief, millis(lasts)),
        Fault::Calls(trouble, (method, path), count) => {
            let rule = trouble.rule();
            let rule = format!("on=request&method={method}&path={path}&{rule}&count={count}");
            shop.ready(Part::Stripe).await?;
            shop.stripe().rule(&rule).await?;
        }
        Fault::Events(mishap, kind, count) => {
            let rule = format!("on=webhook&type={kind}&{}&count={count}", mishap.rule());
            shop.ready(Part::Stripe).await?;
            shop.stripe().rule(&rule).await?;
        }
        // Its runner sees to it.
        Fault::Reconcile => {}
    }
    Ok(())
}
