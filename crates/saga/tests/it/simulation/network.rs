//! The network between the processes and the parties.

use rand::Rng as _;
use saga::machine::Answer;

use super::parties::Request;
use super::scenario::Millis;
use super::world::{Address, Happening, World};

impl World {
    /// How long each copy of a message takes: none if it is lost.
    pub(super) fn travel(&mut self, lost: &'static str) -> Vec<Millis> {
        if self.chance(self.scenario.lose) {
            self.seen.insert(lost);
            return Vec::new();
        }
        let copies = if self.chance(self.scenario.double) { 2 } else { 1 };
        if copies == 2 {
            self.seen.insert("message doubled");
        }
        (0..copies)
            .map(|_| {
                let longest = if self.chance(self.scenario.slow) {
                    60_000
                } else {
                    200
                };
                self.random.random_range(1..longest)
            })
            .collect()
    }

    pub(super) fn arrives(&mut self, request: &Request, to: Address) {
        let answer = self
            .parties
            .take(&self.scenario, request, self.now, &mut self.random);
        let (place, attempt) = (request.place, request.attempt);
        let waits = matches!(answer, Answer::Parked { .. }) && self.scenario.money_at.is_some();
        if waits && self.chance(300) {
            // At the worst moment: the step has looked, and the saga has not parked yet.
            self.later(0, Happening::Money);
        }
        self.note(format!(
            "{place:?} of process {} is answered: {answer:?}",
            to.process
        ));
        for delay in self.travel("answer lost") {
            let answer = answer.clone();
            self.later(
                delay,
                Happening::Answered {
                    to,
                    place,
                    attempt,
                    answer,
                },
            );
        }
    }
}
