//! What is going to happen, from the seed alone: the same seed is the same plan, on any machine.

use std::fmt;

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

/// What can be struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// api-gateway.
    Gateway,
    /// user-service.
    User,
    /// product-service.
    Product,
    /// order-service.
    Order,
    /// payment-service.
    Payment,
    /// The stand-in for Stripe.
    Stripe,
    /// The database server.
    Postgres,
}

impl Part {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => api_gateway::NAME,
            Self::User => user_service::NAME,
            Self::Product => product_service::NAME,
            Self::Order => order_service::NAME,
            Self::Payment => payment_service::NAME,
            Self::Stripe => stripe_sandbox::NAME,
            Self::Postgres => "postgres",
        }
    }
}

/// A connection that can be disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// A service to its database.
    Database(Part),
    /// The services to the internal port of one of them.
    Rpc(Part),
    /// The gateway to a service.
    Http(Part),
    /// payment-service to Stripe.
    Stripe,
}

impl Link {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Database(Part::User),
        Self::Database(Part::Product),
        Self::Database(Part::Order),
        Self::Database(Part::Payment),
        Self::Rpc(Part::User),
        Self::Rpc(Part::Product),
        Self::Rpc(Part::Order),
        Self::Rpc(Part::Payment),
        Self::Http(Part::User),
        Self::Http(Part::Product),
        Self::Http(Part::Order),
        Self::Http(Part::Payment),
        Self::Stripe,
    ];
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(part) => write!(f, "{} to its database", part.name()),
            Self::Rpc(part) => write!(f, "calls of {}", part.name()),
            Self::Http(part) => write!(f, "the gateway to {}", part.name()),
            Self::Stripe => f.write_str("payment-service to Stripe"),
        }
    }
}

/// What becomes of webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mischief {
    /// Each comes twice.
    Duplicate,
    /// They are refused; Stripe sends them again.
    Refuse,
    /// They are taken and never arrive.
    Lose,
    /// Later ones overtake earlier ones.
    Reorder,
}

/// One blow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// `kill -9`.
    Kill(Part),
    /// SIGSTOP, and SIGCONT after so many milliseconds.
    Stop(Part, u32),
    /// Every piece of data is so many milliseconds late, for so many milliseconds.
    Delay(Link, u32, u32),
    /// All connections break.
    Reset(Link),
    /// Nothing gets through for so many milliseconds: calls time out.
    Silence(Link, u32),
    /// What is asked arrives, and the answer is lost, for so many milliseconds.
    LoseAnswers(Link, u32),
    /// Webhooks suffer for so many milliseconds.
    Webhooks(Mischief, u32),
}

impl Fault {
    /// What kind of blow it is, for the report.
    #[must_use]
    pub fn kind(self) -> String {
        match self {
            Self::Kill(part) => format!("kill -9 of {}", part.name()),
            Self::Stop(part, _) => format!("{} stopped (SIGSTOP) for a while", part.name()),
            Self::Delay(..) => "a connection slowed down".to_owned(),
            Self::Reset(_) => "all connections of a link broken".to_owned(),
            Self::Silence(Link::Stripe, _) => "Stripe timed out".to_owned(),
            Self::Silence(..) => "a link fell silent".to_owned(),
            Self::LoseAnswers(..) => "answers lost after the work was done".to_owned(),
            Self::Webhooks(Mischief::Duplicate, _) => "webhooks duplicated".to_owned(),
            Self::Webhooks(Mischief::Refuse, _) => "webhooks refused".to_owned(),
            Self::Webhooks(Mischief::Lose, _) => "webhooks lost for good".to_owned(),
            Self::Webhooks(Mischief::Reorder, _) => "webhooks reordered".to_owned(),
        }
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

/// What a buyer does after ordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Pays.
    Pay,
    /// Is declined, and pays with another card.
    DeclineThenPay,
    /// Is declined, and leaves.
    Decline,
    /// Cancels before paying.
    Cancel,
    /// Pays, and cancels.
    PayAndCancel,
    /// Pays, and an admin refunds all.
    PayAndRefund,
    /// Pays, and an admin refunds a part.
    PayAndRefundPart,
    /// Leaves; the order expires.
    Leave,
}

/// One order, from the buyer's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script {
    /// Which account.
    pub buyer: u32,
    /// Which product.
    pub product: u32,
    /// How many.
    pub quantity: u32,
    /// And then.
    pub ending: Ending,
    /// Sends the order again with the same key once it was answered.
    pub again: bool,
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
        let scripts = (0..orders).map(|_| script(&mut rng)).collect();
        let mut blows = Vec::new();
        // Half as many other blows as kills, and each kind of mischief at least once.
        for n in 0..kills {
            blows.push(blow(&mut rng, orders, |rng| kill(rng, n)));
        }
        for n in 0..(kills / 2).max(8) {
            blows.push(blow(&mut rng, orders, |rng| disturbance(rng, n)));
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

fn disturbance(rng: &mut Rng, n: u32) -> Fault {
    let link = usize::try_from(rng.between(0, 12)).unwrap_or_default();
    let link = Link::ALL.get(link).copied().unwrap_or(Link::Stripe);
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
    match n % 11 {
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
        _ => Fault::LoseAnswers(Link::Stripe, short),
    }
}

fn script(rng: &mut Rng) -> Script {
    let endings = [
        (56, Ending::Pay),
        (8, Ending::DeclineThenPay),
        (5, Ending::Decline),
        (7, Ending::Cancel),
        (8, Ending::PayAndCancel),
        (5, Ending::PayAndRefund),
        (4, Ending::PayAndRefundPart),
        (7, Ending::Leave),
    ];
    Script {
        buyer: rng.between(0, BUYERS - 1),
        product: rng.between(0, PRODUCTS - 1),
        quantity: rng.between(1, 3),
        ending: rng.weighted(&endings, Ending::Pay),
        again: rng.between(1, 8) == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Part, Plan, Rng};

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
}
