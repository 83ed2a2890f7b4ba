//! The parties that are called. They keep to what the engine asks of them: a key acts once, and a key that was
//! taken back never acts again. One request gets one answer, however often it arrives.

use std::collections::HashMap;

use rand::Rng as _;
use rand::rngs::StdRng;
use saga::machine::Answer;
use saga::{Direction, Place, Refused};

use super::scenario::{Millis, Scenario};
use super::world::at;

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Done,
    /// Taken back, perhaps before it was ever done.
    Tombstone,
}

/// A call as it travels.
#[derive(Clone, Debug)]
pub struct Request {
    pub id: u64,
    pub place: Place,
    pub attempt: u32,
}

#[derive(Default)]
pub struct Parties {
    pub deeds: HashMap<&'static str, Deed>,
    answered: HashMap<u64, Answer>,
    pub money: bool,
    /// A call came after its step was taken back.
    pub met_tombstone: bool,
}

impl Parties {
    pub fn stands(&self, step: &str) -> bool {
        self.deeds.get(step) == Some(&Deed::Done)
    }

    pub fn take(
        &mut self,
        scenario: &Scenario,
        request: &Request,
        now: Millis,
        random: &mut StdRng,
    ) -> Answer {
        if let Some(answer) = self.answered.get(&request.id) {
            return answer.clone();
        }
        let place = request.place;
        let step = scenario.plan.get(place).map(|step| step.name).unwrap_or_default();
        let out = scenario
            .outage
            .as_ref()
            .is_some_and(|(name, when)| *name == step && when.contains(&now));
        let fails = random.random_ratio(scenario.fail, 1_000);
        // What fails may have done its work before, or not.
        let answer = if out || (fails && random.random_bool(0.5)) {
            unknown("unreachable", random)
        } else {
            let answer = self.act(scenario, place, step, now);
            if fails { unknown("broken", random) } else { answer }
        };
        self.answered.insert(request.id, answer.clone());
        answer
    }

    fn act(&mut self, scenario: &Scenario, place: Place, step: &'static str, now: Millis) -> Answer {
        if place.direction == Direction::Undo {
            self.deeds.insert(step, Deed::Tombstone);
            return Answer::Succeeded;
        }
        match self.deeds.get(step) {
            Some(Deed::Done) => return Answer::Succeeded,
            Some(Deed::Tombstone) => {
                self.met_tombstone = true;
                return refused("taken back");
            }
            None => {}
        }
        if place.direction == Direction::Forward {
            if scenario
                .refuses
                .as_ref()
                .is_some_and(|(i, when)| *i == place.index && when.contains(&now))
            {
                return refused("full");
            }
            if scenario.waits == Some(place.index) && !self.money {
                return if now < scenario.deadline {
                    Answer::Parked {
                        until: at(scenario.deadline),
                    }
                } else {
                    refused("too late")
                };
            }
            if scenario.diverts == Some(place.index) {
                return Answer::Diverted;
            }
        }
        self.deeds.insert(step, Deed::Done);
        Answer::Succeeded
    }
}

fn refused(code: &str) -> Answer {
    Answer::Refused(Refused {
        code: code.to_owned(),
        detail: serde_json::Value::Null,
    })
}

pub fn unknown(error: &str, random: &mut StdRng) -> Answer {
    Answer::Unknown {
        error: error.to_owned(),
        jitter: random.random(),
    }
}
