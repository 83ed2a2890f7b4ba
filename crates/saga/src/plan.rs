//! The steps of a saga in order, as the engine's core needs them: without their code.

use std::fmt;
use std::time::Duration;

use crate::definition::Step;
use crate::policy::Policy;

/// One step of a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedStep {
    /// Part of its key and of its log entries.
    pub name: &'static str,
    /// What its attempts are allowed.
    pub policy: Policy,
    /// Its success is written down with what comes next: whoever finds it begun cannot know whether the next one was
    /// called.
    pub recorded_later: bool,
}

/// A linear list of steps, how far they can be taken back, and another way to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In order of execution.
    pub forward: Vec<PlannedStep>,
    /// Run instead of the rest of the way forward once a step diverts; forward only.
    pub branch: Vec<PlannedStep>,
    /// The forward step whose success is the point of no return. It and those before it can be undone until
    /// then; without one nothing is ever undone.
    pub pivot: Option<usize>,
}

/// Which way a saga is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Through the forward steps.
    Forward,
    /// Back through the forward steps, in reverse.
    Undo,
    /// Through the branch, to its end.
    Branch,
}

/// A step, and which way the saga is going there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which way.
    pub direction: Direction,
    /// Which step of that list; undoing counts in the forward list.
    pub index: usize,
}

impl Plan {
    /// The plan that `S` declares.
    #[must_use]
    pub fn of<S: Step>() -> Self {
        let planned = |steps: &[S]| {
            steps
                .iter()
                .map(|step| PlannedStep {
                    name: step.name(),
                    policy: step.policy(),
                    recorded_later: step.is_recorded_later(),
                })
                .collect()
        };
        let plan = Self {
            forward: planned(S::FORWARD),
            branch: planned(S::BRANCH),
            pivot: S::PIVOT.and_then(|pivot| S::FORWARD.iter().position(|step| *step == pivot)),
        };
        debug_assert!(
            S::PIVOT.is_none() || plan.pivot.is_some(),
            "the pivot is one of the forward steps"
        );
        debug_assert!(
            S::PIVOT.is_none_or(|pivot| !pivot.is_recorded_later()),
            "nobody turns back after the pivot: it is written down at once"
        );
        debug_assert!(
            plan.has_distinct_names(),
            "a step's name is its key: each is used once"
        );
        plan
    }

    /// Whether no two steps share a name, and thereby a key.
    #[must_use]
    pub fn has_distinct_names(&self) -> bool {
        let mut names: Vec<_> = self
            .forward
            .iter()
            .chain(&self.branch)
            .map(|step| step.name)
            .collect();
        names.sort_unstable();
        names.windows(2).all(|pair| pair.first() != pair.last())
    }

    /// The step at `place`.
    #[must_use]
    pub fn get(&self, place: Place) -> Option<PlannedStep> {
        self.list(place.direction).get(place.index).copied()
    }

    /// Where the step called `name` is in that direction.
    #[must_use]
    pub fn find(&self, direction: Direction, name: &str) -> Option<Place> {
        let index = self.list(direction).iter().position(|step| step.name == name)?;
        Some(Place { direction, index })
    }

    /// Whether a failure of this forward step, before it succeeded, still leads back.
    #[must_use]
    pub fn can_turn_back_at(&self, index: usize) -> bool {
        self.pivot.is_some_and(|pivot| index <= pivot)
    }

    /// The last forward step that may have been called, if the one at `index` is called for another time: what is
    /// recorded later leaves open whether the next one was. Undoing begins there.
    pub(crate) fn reach(&self, index: usize, attempt: u32) -> usize {
        if attempt <= 1 {
            return index;
        }
        let later = self.forward.iter().skip(index);
        index + later.take_while(|step| step.recorded_later).count()
    }

    /// How often the step after `place` may have been called, if the one there was called `attempt` times and has
    /// succeeded now: once where whoever had the saga before may have gone on, and not lived to write that down.
    pub(crate) fn called_after(&self, place: Place, attempt: u32) -> u32 {
        let later = self.get(place).is_some_and(|step| step.recorded_later);
        u32::from(place.direction == Direction::Forward && attempt > 1 && later)
    }

    /// How long attempts at `place` go on, and the policy for their pauses.
    pub(crate) fn max_age(&self, place: Place) -> (Duration, Option<Policy>) {
        let policy = self.get(place).map(|step| step.policy);
        let age = policy.map_or(Duration::ZERO, |policy| match place.direction {
            Direction::Forward | Direction::Branch => policy.max_age,
            Direction::Undo => policy.undo_max_age,
        });
        (age, policy)
    }

    fn list(&self, direction: Direction) -> &[PlannedStep] {
        match direction {
            Direction::Forward | Direction::Undo => &self.forward,
            Direction::Branch => &self.branch,
        }
    }
}

impl Place {
    /// A forward step.
    #[must_use]
    pub const fn forward(index: usize) -> Self {
        Self {
            direction: Direction::Forward,
            index,
        }
    }

    /// A forward step that is being taken back.
    #[must_use]
    pub const fn undo(index: usize) -> Self {
        Self {
            direction: Direction::Undo,
            index,
        }
    }

    /// A step of the branch.
    #[must_use]
    pub const fn branch(index: usize) -> Self {
        Self {
            direction: Direction::Branch,
            index,
        }
    }
}

impl Direction {
    /// As stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Undo => "undo",
            Self::Branch => "branch",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Forward, Self::Undo, Self::Branch]
            .into_iter()
            .find(|direction| direction.name() == name)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(forward: &[&'static str], branch: &[&'static str]) -> Plan {
        let planned = |names: &[&'static str], seconds| {
            names
                .iter()
                .map(|&name| PlannedStep {
                    name,
                    policy: Policy::new(Duration::from_secs(3), Duration::from_secs(seconds)),
                    recorded_later: false,
                })
                .collect()
        };
        Plan {
            forward: planned(forward, 60),
            branch: planned(branch, 90),
            pivot: Some(1),
        }
    }

    #[test]
    fn a_name_that_is_used_twice_is_found_also_in_the_branch() {
        assert!(plan(&["one", "two"], &["away"]).has_distinct_names());
        assert!(!plan(&["one", "two", "one"], &[]).has_distinct_names());
        assert!(!plan(&["one", "two"], &["one"]).has_distinct_names());
    }

    #[test]
    fn a_step_is_found_by_its_name_and_by_its_place() {
        let plan = plan(&["one", "two"], &["away"]);
        for (place, name, seconds) in [
            (Place::forward(1), "two", 60),
            (Place::undo(1), "two", 3_600),
            (Place::branch(0), "away", 90),
        ] {
            assert_eq!(plan.get(place).map(|step| step.name), Some(name));
            assert_eq!(plan.find(place.direction, name), Some(place));
            assert_eq!(plan.max_age(place).0, Duration::from_secs(seconds), "{name}");
        }
        assert_eq!(plan.get(Place::branch(1)), None);
        assert_eq!(plan.find(Direction::Branch, "two"), None);
    }

    #[test]
    fn each_word_is_read_as_the_direction_that_it_names() {
        for direction in [Direction::Forward, Direction::Undo, Direction::Branch] {
            assert_eq!(Direction::parse(&direction.to_string()), Some(direction));
            assert_eq!(direction.to_string(), direction.name());
        }
        assert_eq!(Direction::parse("back"), None);
    }
}
