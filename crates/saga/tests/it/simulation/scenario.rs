//! What one world is like, drawn from its seed.

use std::ops::Range;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use saga::{Plan, PlannedStep, Policy};

/// Milliseconds since the world began.
pub type Millis = i64;

/// The plan, what the parties are like, and how bad the network and the processes are.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    pub plan: Plan,
    /// The forward step that says no, and when it does.
    pub refuses: Option<(usize, Range<Millis>)>,
    /// The forward step that leads into the branch.
    pub diverts: Option<usize>,
    /// The forward step that waits for money.
    pub waits: Option<usize>,
    /// When the money comes, if it does.
    pub money_at: Option<Millis>,
    /// Until when it is waited for.
    pub deadline: Millis,
    /// The party of this step cannot be reached in that time, whichever way.
    pub outage: Option<(&'static str, Range<Millis>)>,
    /// Chances in a thousand.
    pub lose: u32,
    pub double: u32,
    pub slow: u32,
    pub fail: u32,
    pub die: u32,
    pub stand_still: u32,
    /// Whether persons look after it when it is stuck.
    pub helped: bool,
}

const FORWARD: [&str; 5] = ["one", "two", "three", "four", "five"];
const BRANCH: [&str; 2] = ["away-one", "away-two"];

impl Scenario {
    pub fn of(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let steps = random.random_range(1..=FORWARD.len());
        let planned = |name: &&'static str| PlannedStep {
            name,
            policy: Policy::new(Duration::from_secs(3), Duration::from_secs(20))
                .undone_within(Duration::from_secs(600)),
            recorded_later: false,
        };
        let mut plan = Plan {
            forward: FORWARD.iter().take(steps).map(planned).collect(),
            branch: BRANCH
                .iter()
                .take(random.random_range(0..=2))
                .map(planned)
                .collect(),
            pivot: random.random_bool(0.9).then(|| random.random_range(0..steps)),
        };
        // Never the pivot, nor what follows it.
        let before_pivot = plan.pivot.unwrap_or_default();
        for step in plan.forward.iter_mut().take(before_pivot) {
            step.recorded_later = random.random_bool(0.3);
        }
        let start = random.random_range(0..20_000);
        let refuses = random.random_bool(0.35).then(|| {
            (
                random.random_range(0..steps),
                start..start + random.random_range(5_000..100_000),
            )
        });
        // Often where the way back is still open, which is a fault in the saga.
        let first_to_divert = if random.random_bool(0.6) {
            0
        } else {
            plan.pivot.unwrap_or_default()
        };
        let diverts = random
            .random_bool(0.35)
            .then(|| random.random_range(first_to_divert..steps));
        let waits = random.random_bool(0.4).then(|| random.random_range(0..steps));
        let outage_at = random.random_range(0..30_000);
        let outage = random.random_bool(0.2).then(|| {
            let name = FORWARD.iter().take(steps).chain(&BRANCH);
            let name = name.copied().nth(random.random_range(0..steps + BRANCH.len()));
            (
                name.unwrap_or_default(),
                outage_at..outage_at + random.random_range(5_000..2_000_000),
            )
        });
        Self {
            seed,
            refuses,
            diverts,
            waits,
            money_at: random.random_bool(0.7).then(|| random.random_range(0..60_000)),
            deadline: random.random_range(1_000..60_000),
            outage,
            lose: random.random_range(0..300),
            double: random.random_range(0..200),
            slow: random.random_range(0..300),
            fail: random.random_range(0..200),
            die: random.random_range(0..80),
            stand_still: random.random_range(0..80),
            helped: random.random_bool(0.7),
            plan,
        }
    }
}
