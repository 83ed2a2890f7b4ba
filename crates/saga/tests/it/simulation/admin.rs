//! A person who looks after sagas that are stuck: sometimes too late, sometimes two of them at once, and not always
//! with what is possible.

use rand::Rng as _;
use saga::machine::Position;
use saga::{Direction, Intervention, Place, intervention};

use super::rules;
use super::scenario::Millis;
use super::world::{Happening, PROCESSES, World, at};

/// How often the persons of one world lose patience.
const PATIENCE: u32 = 8;

#[derive(Default)]
pub struct Admin {
    acted: u32,
    /// Steps that count as done, or as taken back, without being it.
    pub skipped: Vec<Place>,
}

impl World {
    /// The saga is stuck: somebody, or two at once, may do something about it later.
    pub(super) fn call_for_help(&mut self) {
        if !self.scenario.helped || self.admin.acted >= PATIENCE {
            return;
        }
        let persons = if self.random.random_bool(0.3) { 2 } else { 1 };
        for _ in 0..persons {
            let what = Intervention::ALL.get(self.random.random_range(0..Intervention::ALL.len()));
            let what = what.copied().unwrap();
            let seen = self.row.fence;
            let delay: Millis = self.random.random_range(1..300_000);
            self.later(delay, Happening::Intervenes { what, seen });
        }
    }

    /// As at the desk: compare-and-set on "stuck" under the fence that was seen, which is raised.
    pub(super) fn intervene(&mut self, what: Intervention, seen: u64) {
        let (from, fence) = (self.row.run.clone(), self.row.fence);
        let Position::Stuck(place) = from.position else {
            self.note(format!("{what} comes too late: {:?}", from.position));
            self.seen.insert("intervened too late");
            return;
        };
        if fence != seen {
            self.note(format!("{what} was meant for another time"));
            return;
        }
        self.admin.acted += 1;
        let run = match intervention::intervene(&self.scenario.plan, from.clone(), what, at(self.now)) {
            Ok(run) => run,
            Err(why) => {
                self.note(format!("{what} of {place:?} is refused: {why}"));
                self.seen.insert("intervention refused");
                self.call_for_help();
                return;
            }
        };
        if let Err(broken) = rules::may_intervene(&self.scenario.plan, &from, &run, what) {
            self.broken = Some(broken);
        }
        self.note(format!("a person does {what} to {place:?}: {:?}", run.position));
        self.seen.insert(match (what, run.position) {
            (Intervention::Retry, _) => "retried",
            (Intervention::Skip, _) => "skipped",
            (Intervention::Abandon, Position::At(to)) if to.direction == Direction::Undo => {
                "abandoned before the pivot"
            }
            (Intervention::Abandon, _) => "abandoned after the pivot",
        });
        if what == Intervention::Skip {
            self.admin.skipped.push(place);
        }
        self.row.run = run;
        self.row.fence += 1;
        self.row.held_until = None;
        for process in 0..PROCESSES {
            self.later(1, Happening::Look { process });
        }
    }
}
