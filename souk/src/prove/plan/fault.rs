//! The blows that there are.

use std::fmt;

/// How long Stripe leaves a call without an answer: longer than payment-service waits for one.
const GIVEN_UP_MS: u32 = 2_500;

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

/// What goes wrong at Stripe with a call of payment-service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// It is answered with this status, and nothing is done.
    Refused(u16),
    /// The work is done, and the answer is a 500.
    DoneAndDenied,
    /// The work is done, and the answer breaks off.
    DoneAndCut,
    /// There is no answer before the caller gives up, and nothing is done.
    Hangs,
    /// The work is done, and there is no answer before the caller gives up.
    DoneAndHangs,
}

impl Trouble {
    /// As the stand-in for Stripe is told.
    #[must_use]
    pub fn rule(self) -> String {
        match self {
            Self::Refused(status) => format!("do=status&status={status}"),
            Self::DoneAndDenied => "do=status&status=500&after=true".to_owned(),
            Self::DoneAndCut => "do=cut&after=true".to_owned(),
            Self::Hangs => format!("do=hang&ms={GIVEN_UP_MS}"),
            Self::DoneAndHangs => format!("do=hang&ms={GIVEN_UP_MS}&after=true"),
        }
    }

    fn kind(self) -> String {
        match self {
            Self::Refused(status) => format!("Stripe answers {status}"),
            Self::DoneAndDenied => "Stripe answers 500 though the work is done".to_owned(),
            Self::DoneAndCut => "Stripe's answer breaks off after the work".to_owned(),
            Self::Hangs => "Stripe does not answer in time, and does nothing".to_owned(),
            Self::DoneAndHangs => "Stripe does not answer in time, and does the work".to_owned(),
        }
    }
}

/// Calls of Stripe that only payment-service makes, as method and path.
pub const CALLS: [(&str, &str); 5] = [
    ("POST", "/v1/payment_intents"),
    ("POST", "/v1/payment_intents/*/cancel"),
    ("POST", "/v1/refunds"),
    ("GET", "/v1/payment_intents/*"),
    ("GET", "/v1/refunds*"),
];

/// What goes wrong at Stripe with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mishap {
    /// It comes so many milliseconds late.
    Late(u32),
    /// It never comes.
    Dropped,
    /// It comes so many times more.
    Doubled(u32),
    /// Another overtakes it.
    Overtaken,
}

impl Mishap {
    /// As the stand-in for Stripe is told.
    #[must_use]
    pub fn rule(self) -> String {
        match self {
            Self::Late(ms) => format!("do=delay&ms={ms}"),
            Self::Dropped => "do=drop".to_owned(),
            Self::Doubled(times) => format!("do=duplicate&times={times}"),
            Self::Overtaken => "do=reorder".to_owned(),
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Late(_) => "Stripe's events come late",
            Self::Dropped => "Stripe's events are dropped",
            Self::Doubled(_) => "Stripe's events come again and again",
            Self::Overtaken => "Stripe's events overtake one another",
        }
    }
}

/// Types of events that a mishap may be about.
pub const EVENTS: [&str; 5] = [
    "*",
    "payment_intent.*",
    "charge.refund*",
    "refund.*",
    "charge.dispute.*",
];

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
    /// So many calls of this method and path go wrong at Stripe.
    Calls(Trouble, (&'static str, &'static str), u32),
    /// So many events of this type go wrong at Stripe.
    Events(Mishap, &'static str, u32),
    /// Not a blow but its cure, as the clock brings it each hour: payments are held against Stripe's books.
    Reconcile,
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
            Self::Calls(trouble, ..) => trouble.kind(),
            Self::Events(mishap, ..) => mishap.kind().to_owned(),
            Self::Reconcile => "reconciliation".to_owned(),
        }
    }
}
