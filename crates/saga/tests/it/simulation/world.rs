//! One world: a row, processes that fight over it, and a network between them and the parties.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use saga::machine::{Answer, Command, Event, Position, Run, step};
use saga::{Direction, Intervention, Place};
use time::OffsetDateTime;
use time::macros::datetime;

use super::admin::Admin;
use super::parties::{Parties, Request, unknown};
use super::rules;
use super::scenario::{Millis, Scenario};

const LEASE: Millis = 15_000;
const POLL: Millis = 1_000;
const TIMEOUT: Millis = 3_000;
pub const PROCESSES: usize = 3;
/// A world that has not ended by then never does.
const MANY: usize = 200_000;

pub fn at(now: Millis) -> OffsetDateTime {
    datetime!(2026-01-01 00:00 UTC) + time::Duration::milliseconds(now)
}

/// The saga in the database.
pub struct Row {
    pub run: Run,
    pub fence: u64,
    pub held_until: Option<Millis>,
    wakes: u32,
}

/// A process, and the saga as it remembers it.
#[derive(Clone, Default)]
struct Process {
    /// Counts its deaths; messages to an earlier life are lost.
    life: u32,
    held: Option<Held>,
    stands_until: Millis,
}

#[derive(Clone)]
struct Held {
    run: Run,
    fence: u64,
    wakes: u32,
}

/// To whom an answer or an alarm goes.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    pub process: usize,
    life: u32,
    fence: u64,
}

#[derive(Clone, Debug)]
pub enum Happening {
    Look {
        process: usize,
    },
    Arrives {
        request: Request,
        sender: Address,
    },
    Answered {
        to: Address,
        place: Place,
        attempt: u32,
        answer: Answer,
    },
    Pause {
        to: Address,
        place: Place,
        attempt: u32,
    },
    Money,
    Intervenes {
        what: Intervention,
        /// The fence of the row that the person looked at.
        seen: u64,
    },
}

pub struct Report {
    pub scenario: Scenario,
    pub seen: BTreeSet<&'static str>,
    pub trace: Vec<String>,
    /// The rule that was broken.
    pub broken: Option<String>,
}

pub struct World {
    pub(super) scenario: Scenario,
    pub(super) random: StdRng,
    pub(super) now: Millis,
    pub(super) row: Row,
    pub(super) admin: Admin,
    processes: Vec<Process>,
    pub(super) parties: Parties,
    to_come: BTreeMap<(Millis, Reverse<u64>), Happening>,
    counter: u64,
    /// Forward steps whose undoing was called, in order, by whoever held the saga.
    undone: Vec<usize>,
    pub(super) seen: BTreeSet<&'static str>,
    trace: Vec<String>,
    pub(super) broken: Option<String>,
}

impl World {
    pub fn new(scenario: Scenario) -> Self {
        let run = Run::new(&scenario.plan, at(0));
        let mut world = Self {
            random: StdRng::seed_from_u64(scenario.seed ^ 0x5a6a),
            now: 0,
            row: Row {
                run,
                fence: 0,
                held_until: None,
                wakes: 0,
            },
            admin: Admin::default(),
            processes: vec![Process::default(); PROCESSES],
            parties: Parties::default(),
            to_come: BTreeMap::new(),
            counter: 0,
            undone: Vec::new(),
            seen: BTreeSet::new(),
            trace: Vec::new(),
            broken: None,
            scenario,
        };
        for process in 0..PROCESSES {
            let first = world.random.random_range(0..POLL);
            world.later(first, Happening::Look { process });
        }
        if let Some(money_at) = world.scenario.money_at {
            world.later(money_at, Happening::Money);
        }
        world
    }

    pub fn run(mut self) -> Report {
        for _ in 0..MANY {
            let Some(((now, _), happening)) = self.to_come.pop_first() else {
                break;
            };
            self.now = now;
            self.happen(happening);
            if self.broken.is_some() {
                break;
            }
        }
        let end = rules::agrees(
            &self.scenario.plan,
            &self.row.run,
            &self.parties,
            &self.undone,
            &self.admin.skipped,
        );
        self.broken = self.broken.or(end.err());
        self.seen.insert(match self.row.run.position {
            Position::Done => "done",
            Position::Undone => "undone",
            Position::Diverted => "diverted",
            Position::Stuck(_) => "stuck for good",
            Position::At(_) | Position::Parked(_) => "never ended",
        });
        if self.parties.met_tombstone {
            self.seen.insert("late call met a tombstone");
        }
        Report {
            scenario: self.scenario,
            seen: self.seen,
            trace: self.trace,
            broken: self.broken,
        }
    }

    pub(super) fn later(&mut self, delay: Millis, happening: Happening) {
        self.counter += 1;
        self.to_come
            .insert((self.now + delay, Reverse(self.counter)), happening);
    }

    pub(super) fn note(&mut self, line: String) {
        self.trace.push(format!("{:>8} {line}", self.now));
    }

    pub(super) fn chance(&mut self, per_mille: u32) -> bool {
        self.random.random_ratio(per_mille, 1_000)
    }

    fn ended(&self) -> bool {
        !matches!(self.row.run.position, Position::At(_) | Position::Parked(_))
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Look { process } => self.look(process),
            Happening::Arrives { request, sender } => self.arrives(&request, sender),
            Happening::Money => {
                self.parties.money = true;
                self.row.wakes += 1;
                if matches!(self.row.run.position, Position::Parked(_)) {
                    self.row.run.wake_at = self.row.run.wake_at.min(at(self.now));
                }
                self.note("the money is there".to_owned());
            }
            Happening::Intervenes { what, seen } => self.intervene(what, seen),
            Happening::Answered { to, .. } | Happening::Pause { to, .. } => {
                let stands_until = self.process(to.process).stands_until;
                if stands_until > self.now {
                    // It sees the message once it wakes up.
                    self.later(stands_until - self.now, happening);
                } else if self.is_for(to) {
                    self.hear(to.process, happening);
                }
            }
        }
    }

    fn process(&mut self, process: usize) -> &mut Process {
        self.processes.get_mut(process).unwrap()
    }

    /// Whether the process still lives the life, and the hold, that this was sent to.
    fn is_for(&mut self, to: Address) -> bool {
        let process = self.process(to.process);
        process.life == to.life && process.held.as_ref().is_some_and(|held| held.fence == to.fence)
    }

    /// A process looks for sagas that are due.
    fn look(&mut self, process: usize) {
        let now = self.now;
        let (idle, stands) = {
            let process = self.process(process);
            (process.held.is_none(), process.stands_until > now)
        };
        if self.ended() {
            return;
        }
        self.later(POLL, Happening::Look { process });
        let free = self.row.held_until.is_none_or(|until| until <= now);
        if !idle || stands || !free || self.row.run.wake_at > at(now) {
            return;
        }
        if self.row.held_until.is_some() {
            self.seen.insert("taken over");
        }
        // As in the claim: the row counts the call that follows.
        let run = self.row.run.clone();
        self.row.run.attempt += 1;
        self.row.fence += 1;
        self.row.held_until = Some(now + LEASE);
        let held = Held {
            run,
            fence: self.row.fence,
            wakes: self.row.wakes,
        };
        self.note(format!("process {process} takes {:?}", held.run.position));
        self.process(process).held = Some(held);
        self.follow(process, Event::Resumed);
    }

    /// An event other than an answer, for a saga that is held.
    fn follow(&mut self, process: usize, event: Event) {
        let now = at(self.now);
        let event_is_timer = event == Event::Timer;
        let held = self.process(process).held.take().unwrap();
        let (run, command) = step(&self.scenario.plan, held.run, event, now);
        self.process(process).held = Some(Held { run, ..held });
        match command {
            Some(Command::Call(place)) => self.call(process, place),
            // Another copy of the answer has made the pause longer meanwhile.
            Some(Command::SleepUntil(until)) if event_is_timer => self.pause(process, until),
            Some(Command::SleepUntil(_) | Command::Finish) | None => {
                self.broken = Some("nothing to do for a saga that was due".to_owned());
            }
        }
    }

    fn address(&mut self, process: usize) -> Address {
        let own = self.process(process);
        let fence = own.held.as_ref().unwrap().fence;
        Address {
            process,
            life: own.life,
            fence,
        }
    }

    fn call(&mut self, process: usize, place: Place) {
        let sender = self.address(process);
        if self.dies(process, "before the call") {
            return;
        }
        if sender.fence == self.row.fence && place.direction == Direction::Undo {
            self.undone.push(place.index);
        } else if sender.fence == self.row.fence && !self.undone.is_empty() {
            self.broken = Some(format!("{place:?} was called after undoing had begun"));
        }
        let attempt = self.process(process).held.as_ref().unwrap().run.attempt;
        self.counter += 1;
        let request = Request {
            id: self.counter,
            place,
            attempt,
        };
        self.note(format!("process {process} calls {place:?}, attempt {attempt}"));
        for delay in self.travel("request lost") {
            self.later(
                delay,
                Happening::Arrives {
                    request: request.clone(),
                    sender,
                },
            );
        }
        let answer = unknown("no answer in time", &mut self.random);
        self.later(
            TIMEOUT,
            Happening::Answered {
                to: sender,
                place,
                attempt,
                answer,
            },
        );
        if self.chance(self.scenario.stand_still) {
            let until = self.now + self.random.random_range(1_000..40_000);
            self.note(format!("process {process} stands still until {until}"));
            self.process(process).stands_until = until;
            self.seen.insert("stood still");
        }
    }

    /// A process hears of something about the saga that it holds.
    fn hear(&mut self, process: usize, happening: Happening) {
        match happening {
            Happening::Answered {
                place,
                attempt,
                answer,
                ..
            } => self.answered(process, place, attempt, answer),
            Happening::Pause { place, attempt, .. } => {
                let run = &self.process(process).held.as_ref().unwrap().run;
                // An answer may have come in the meantime after all.
                if run.position == Position::At(place) && run.attempt == attempt {
                    self.follow(process, Event::Timer);
                }
            }
            Happening::Look { .. }
            | Happening::Arrives { .. }
            | Happening::Money
            | Happening::Intervenes { .. } => {}
        }
    }

    fn answered(&mut self, process: usize, place: Place, attempt: u32, answer: Answer) {
        let event = Event::Answered {
            place,
            attempt,
            answer: answer.clone(),
        };
        let mut held = self.process(process).held.clone().unwrap();
        let before = held.run.clone();
        let (run, command) = step(&self.scenario.plan, held.run, event, at(self.now));
        let Some(command) = command else { return };
        held.run = run;
        if let Command::Call(next) = command
            && next.direction == Direction::Forward
            && self
                .scenario
                .plan
                .get(place)
                .is_some_and(|step| step.recorded_later)
        {
            self.seen.insert("recorded later");
            self.process(process).held = Some(held);
            self.call(process, next);
            return;
        }
        if self.dies(process, "before the record") {
            return;
        }
        if self.row.fence != held.fence || self.row.held_until.is_none() {
            self.note(format!("process {process} is refused: the saga was taken over"));
            self.seen.insert("loser refused");
            self.process(process).held = None;
            return;
        }
        if let Err(broken) = rules::may_move(&self.scenario.plan, &before, &held.run, &answer) {
            self.broken = Some(broken);
        }
        if let (Position::At(from), Position::At(to)) = (before.position, held.run.position)
            && from.direction == Direction::Forward
            && to == Place::undo(from.index)
        {
            self.seen.insert("turned back in doubt");
        }
        self.save(process, held, command);
    }

    /// Writes down what an answer led to, and goes on.
    fn save(&mut self, process: usize, mut held: Held, command: Command) {
        self.row.run = held.run.clone();
        self.note(format!("process {process} saves {:?}", held.run.position));
        if matches!(held.run.position, Position::Stuck(_)) {
            self.seen.insert("stuck");
            self.call_for_help();
        }
        let woken = matches!(held.run.position, Position::Parked(_)) && self.row.wakes > held.wakes;
        held.wakes = self.row.wakes;
        if woken {
            self.row.run.wake_at = at(self.now);
            self.seen.insert("woken while running");
        }
        let short = at(self.now + POLL);
        let keeps = woken
            || match command {
                Command::Call(_) => true,
                Command::SleepUntil(until) => {
                    matches!(held.run.position, Position::At(_))
                        && until < short
                        && self.random.random_bool(0.7)
                }
                Command::Finish => false,
            };
        self.row.held_until = keeps.then_some(self.now + LEASE);
        self.process(process).held = keeps.then_some(held);
        if self.dies(process, "after the record") || !keeps {
            return;
        }
        match command {
            _ if woken => self.follow(process, Event::Woken),
            Command::Call(next) => self.call(process, next),
            Command::SleepUntil(until) => self.pause(process, until),
            Command::Finish => {}
        }
    }

    /// Holds on to the saga until the step is tried again.
    fn pause(&mut self, process: usize, until: OffsetDateTime) {
        let to = self.address(process);
        let run = &self.process(process).held.as_ref().unwrap().run;
        let (Position::At(place), attempt) = (run.position, run.attempt) else {
            return;
        };
        let left = Millis::try_from((until - at(self.now)).whole_milliseconds()).unwrap() + 1;
        self.later(left, Happening::Pause { to, place, attempt });
    }

    fn dies(&mut self, process: usize, when: &str) -> bool {
        if !self.chance(self.scenario.die) {
            return false;
        }
        let back = self.now + self.random.random_range(0..30_000);
        self.note(format!("process {process} dies {when}"));
        self.seen.insert("died");
        let process = self.process(process);
        *process = Process {
            life: process.life + 1,
            held: None,
            stands_until: back,
        };
        true
    }
}
