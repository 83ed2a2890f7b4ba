//! Points at which a test may make things go wrong.

use crate::plan::Direction;

/// Decides at each point of each attempt whether something goes wrong there.
pub trait FaultHook: Send + Sync + 'static {
    /// Called when a driver reaches `point`.
    fn at(&self, point: FaultPoint) -> Option<Fault>;
}

/// Where in an attempt a driver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultPoint {
    /// The saga's name.
    pub saga: &'static str,
    /// The step's name.
    pub step: &'static str,
    /// Which way it is going.
    pub direction: Direction,
    /// How far the attempt has come.
    pub moment: Moment,
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Nothing was sent.
    BeforeCall,
    /// The answer is there, but not yet written down.
    BeforePersist,
    /// It is written down.
    AfterPersist,
}

impl Moment {
    /// Every point of an attempt, in order.
    pub const ALL: [Self; 3] = [Self::BeforeCall, Self::BeforePersist, Self::AfterPersist];
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The driver stops dead, as if its process had died; the lease stays until it runs out.
    Crash,
    /// The request is lost before the call, the answer after it: the attempt's outcome is unknown. Means
    /// nothing once the answer is written down.
    Lose,
}
