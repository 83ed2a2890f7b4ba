//! What is going to happen, from the seed alone: the same seed is the same plan, on any machine.

mod fault;
mod script;

pub use fault::{CALLS, EVENTS, Fault, Link, Mischief, Mishap, Part, Trouble};
pub use script::{Ending, Script};

/// SplitMix64 (Steele, Lea, Flood, 2014): small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Begins at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both possible.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        let span = u64::from(high.saturating_sub(low)) + 1;
        low + u32::try_from(self.draw() % span).unwrap_or_default()
    }

    /// One of `choices`, each as often as the others.
    fn one_of<T: Copy>(&mut self, choices: &[T], or: T) -> T {
        let last = u32::try_from(choices.len().saturating_sub(1)).unwrap_or_default();
        let at = usize::try_from(self.between(0, last)).unwrap_or_default();
        choices.get(at).copied().unwrap_or(or)
    }

    /// One of `choices`, as often as its weight says.
    fn weighted<T: Copy>(&mut self, choices: &[(u32, T)], or: T) -> T {
        let all: u32 = choices.iter().map(|(weight, _)| weight).sum();
        let mut at = self.between(1, all.max(1));
        for (weight, choice) in choices {
            if at <= *weight {
                return *choice;
            }
            at -= weight;
        }
        or
    }
}

/// A blow, and when it falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blow {
    /// After so many orders were placed: no clock would be the same twice.
    pub after: u32,
    /// What.
    pub fault: Fault,
}

/// Accounts that buy.
pub const BUYERS: u32 = 8;
/// Products on sale; the last one is scarce.
pub const PRODUCTS: u32 = 6;

/// Everything that is going to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Blows, in their order.
    pub blows: Vec<Blow>,
    /// Orders, in their order.
    pub scripts: Vec<Script>,
}

impl Plan {
    /// The plan of `seed`.
    #[must_use]
    pub fn of(seed: u64, orders: u32, kills: u32) -> Self {
        let mut rng = Rng::new(seed);
        let scripts = (0..orders).map(|n| script(&mut rng, n)).collect();
        let mut blows = Vec::new();
        // Half as many other blows as kills, and each kind of mischief at least once.
        for n in 0..kills {
            blows.push(blow(&mut rng, orders, |rng| kill(rng, n)));
        }
        for n in 0..(kills / 2).max(DISTURBANCES) {
            blows.push(blow(&mut rng, orders, |rng| disturbance(rng, n)));
        }
        for _ in 0..(kills / 20).max(3) {
            blows.push(blow(&mut rng, orders, |_| Fault::Reconcile));
        }
        blows.sort_by_key(|blow| blow.after);
        Self { blows, scripts }
    }
}

fn blow(rng: &mut Rng, orders: u32, fault: impl FnOnce(&mut Rng) -> Fault) -> Blow {
    let fault = fault(rng);
    // Not before there is something to strike, and with orders still to come.
    let after = rng.between(orders / 20, orders - orders / 20);
    Blow { after, fault }
}

fn kill(rng: &mut Rng, n: u32) -> Fault {
    // One in twelve is PostgreSQL's, for which everything waits; a short run has one too.
    if n == 1 || rng.between(1, 12) == 1 {
        return Fault::Kill(Part::Postgres);
    }
    let parts = [
        (28, Part::Order),
        (28, Part::Payment),
        (22, Part::Product),
        (8, Part::User),
        (8, Part::Gateway),
        (6, Part::Stripe),
    ];
    Fault::Kill(rng.weighted(&parts, Part::Order))
}

/// Kinds of other blows.
const DISTURBANCES: u32 = 23;

fn disturbance(rng: &mut Rng, n: u32) -> Fault {
    let link = rng.one_of(&Link::ALL, Link::Stripe);
    let parts = [
        (3, Part::Order),
        (3, Part::Payment),
        (3, Part::Product),
        (1, Part::User),
        (1, Part::Gateway),
        (2, Part::Stripe),
    ];
    let part = rng.weighted(&parts, Part::Order);
    let (short, long) = (rng.between(200, 1_500), rng.between(1_000, 4_000));
    let call = rng.one_of(&CALLS, ("POST", "/v1/refunds"));
    let events = rng.one_of(&EVENTS, "*");
    let (few, many) = (rng.between(1, 4), rng.between(5, 30));
    match n % DISTURBANCES {
        0 => Fault::Webhooks(Mischief::Duplicate, long),
        1 => Fault::LoseAnswers(link, short),
        2 => Fault::Webhooks(Mischief::Reorder, long),
        3 => Fault::Stop(part, short),
        4 => Fault::Webhooks(Mischief::Refuse, long),
        5 => Fault::Silence(Link::Stripe, long),
        6 => Fault::Webhooks(Mischief::Lose, short),
        7 => Fault::Reset(link),
        8 => Fault::Delay(link, rng.between(20, 300), long),
        9 => Fault::Silence(link, short),
        10 => Fault::LoseAnswers(Link::Stripe, short),
        11 => Fault::Calls(Trouble::Refused(409), call, few),
        12 => Fault::Events(Mishap::Dropped, "*", 3 * many),
        13 => Fault::Calls(Trouble::Refused(429), call, few),
        14 => Fault::Events(Mishap::Doubled(few), events, many),
        15 => Fault::Calls(Trouble::Refused(500), call, few),
        16 => Fault::Events(Mishap::Late(long), events, many),
        17 => Fault::Calls(Trouble::DoneAndDenied, call, few),
        18 => Fault::Events(Mishap::Overtaken, events, many),
        19 => Fault::Calls(Trouble::DoneAndCut, call, few),
        20 => Fault::Calls(Trouble::Hangs, call, few),
        21 => Fault::Events(Mishap::Dropped, events, many),
        _ => Fault::Calls(Trouble::DoneAndHangs, call, few),
    }
}

/// The first orders end in every way that there is.
fn script(rng: &mut Rng, n: u32) -> Script {
    let drawn = rng.weighted(&Ending::ALL, Ending::Pay);
    let each = usize::try_from(n).ok().and_then(|n| Ending::ALL.get(n));
    Script {
        buyer: rng.between(0, BUYERS - 1),
        product: rng.between(0, PRODUCTS - 1),
        quantity: rng.between(1, 3),
        ending: each.map_or(drawn, |(_, ending)| *ending),
        heads: rng.between(0, 1) == 1,
        again: rng.between(1, 8) == 1,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{DISTURBANCES, Ending, Fault, Part, Plan, Rng};

    // The first numbers of the published generator, from seed 1234567.
    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        let mut rng = Rng::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| rng.draw()).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn the_same_seed_is_the_same_plan_and_another_seed_another_one() {
        let plan = Plan::of(7, 1_000, 100);
        assert_eq!(plan, Plan::of(7, 1_000, 100));
        assert_ne!(plan, Plan::of(8, 1_000, 100));
    }

    #[test]
    fn a_plan_has_as_many_kills_as_asked_for_and_postgres_is_among_them() {
        let plan = Plan::of(1, 60, 6);
        let kills = plan.blows.iter().filter(|b| matches!(b.fault, Fault::Kill(_)));
        assert_eq!(kills.count(), 6);
        assert!(plan.blows.iter().any(|b| b.fault == Fault::Kill(Part::Postgres)));
        assert!(plan.blows.iter().all(|b| b.after >= 3 && b.after <= 57));
        assert!(plan.blows.is_sorted_by_key(|b| b.after));
    }
    // PAY-16, PAY-20
    #[test]
    fn a_short_plan_has_every_kind_of_blow_and_every_way_for_an_order_to_end() {
        let plan = Plan::of(3, 60, 6);
        let kinds: BTreeSet<String> = plan.blows.iter().map(|b| b.fault.kind()).collect();
        let others = plan
            .blows
            .iter()
            .filter(|b| !matches!(b.fault, Fault::Kill(_) | Fault::Reconcile));
        assert_eq!(others.count(), usize::try_from(DISTURBANCES).unwrap());
        for kind in [
            "Stripe answers 409",
            "Stripe answers 429",
            "Stripe answers 500",
            "Stripe's events are dropped",
            "Stripe's events overtake one another",
            "reconciliation",
        ] {
            assert!(kinds.contains(kind), "{kind} is not in {kinds:?}");
        }
        assert!(
            Ending::ALL
                .iter()
                .all(|(_, ending)| plan.scripts.iter().any(|s| s.ending == *ending))
        );
        assert_eq!(Ending::ALL.iter().map(|(weight, _)| weight).sum::<u32>(), 100);
    }
}
