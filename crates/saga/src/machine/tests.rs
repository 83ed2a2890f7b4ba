//! Each rule of the machine by itself; the simulation has all of them work together.

use serde_json::json;
use time::{PrimitiveDateTime, macros::datetime};

use super::*;
use crate::plan::PlannedStep;
use crate::policy::Policy;

const BEGAN: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);
const MAX_AGE: Duration = Duration::from_secs(60);

fn plan() -> Plan {
    let planned = |name| PlannedStep {
        name,
        policy: Policy::new(Duration::from_secs(3), MAX_AGE),
        recorded_later: false,
    };
    Plan {
        forward: ["one", "two", "three"].map(planned).to_vec(),
        branch: ["away-one", "away-two"].map(planned).to_vec(),
        pivot: Some(1),
    }
}

/// Called `attempt` times, of which the latest two ended in doubt.
fn at(place: Place, attempt: u32) -> Run {
    Run {
        position: Position::At(place),
        attempt,
        failures: 2,
        first_attempt_at: BEGAN,
        wake_at: BEGAN,
        reason: None,
    }
}

fn later(seconds: u64) -> OffsetDateTime {
    after(BEGAN, Duration::from_secs(seconds))
}

fn answer(plan: &Plan, run: Run, answer: Answer) -> (Run, Option<Command>) {
    let Position::At(place) = run.position else {
        panic!("{run:?} is called by nobody")
    };
    let event = Event::Answered {
        place,
        attempt: run.attempt,
        answer,
    };
    step(plan, run, event, later(10))
}

fn refused() -> Refused {
    Refused {
        code: "sold-out".to_owned(),
        detail: json!({"left": 1}),
    }
}

fn unknown() -> Answer {
    Answer::Unknown {
        error: "no answer".to_owned(),
        jitter: u32::MAX,
    }
}

#[test]
fn a_saga_begins_at_its_first_step_and_one_without_steps_is_done() {
    let run = Run::new(&plan(), BEGAN);
    let called = Some(Command::Call(Place::forward(0)));
    assert_eq!(run.position, Position::At(Place::forward(0)));
    let (run, command) = step(&plan(), run, Event::Resumed, BEGAN);
    assert_eq!((run.attempt, run.failures, command), (1, 0, called));
    let empty = Plan {
        forward: Vec::new(),
        ..plan()
    };
    assert_eq!(Run::new(&empty, BEGAN).position, Position::Done);
}

// SAG-4
#[test]
fn an_answer_leads_to_the_next_step_or_to_an_end_and_what_was_counted_is_forgotten() {
    let (forward, undo, branch) = (Place::forward, Place::undo, Place::branch);
    let no = || Answer::Refused(refused());
    let onward = Plan {
        pivot: None,
        branch: Vec::new(),
        ..plan()
    };
    for (plan, from, attempt, given, to) in [
        (plan(), forward(0), 4, Answer::Succeeded, Position::At(forward(1))),
        (plan(), forward(2), 4, Answer::Succeeded, Position::Done),
        (plan(), undo(1), 4, Answer::Succeeded, Position::At(undo(0))),
        (plan(), undo(0), 4, Answer::Succeeded, Position::Undone),
        (plan(), branch(0), 4, Answer::Succeeded, Position::At(branch(1))),
        (plan(), branch(1), 4, Answer::Succeeded, Position::Diverted),
        (plan(), forward(1), 1, Answer::Diverted, Position::At(branch(0))),
        (plan(), forward(2), 1, Answer::Diverted, Position::At(branch(0))),
        (onward, forward(0), 1, Answer::Diverted, Position::Diverted),
        // A first call that is refused did nothing; after that nobody knows what the others did.
        (plan(), forward(1), 1, no(), Position::At(undo(0))),
        (plan(), forward(1), 2, no(), Position::At(undo(1))),
        (plan(), forward(0), 1, no(), Position::Undone),
        (plan(), forward(0), 2, no(), Position::At(undo(0))),
    ] {
        let what = format!("{from:?} answers {given:?}");
        let (run, command) = answer(&plan, at(from, attempt), given);
        assert_eq!(run.position, to, "{what}");
        let (calls, expected) = match to {
            Position::At(place) => (1, Command::Call(place)),
            _ => (0, Command::Finish),
        };
        assert_eq!(command, Some(expected), "{what}");
        assert_eq!((run.attempt, run.failures), (calls, 0), "{what}");
        assert_eq!(
            (run.first_attempt_at, run.wake_at),
            (later(10), later(10)),
            "{what}"
        );
    }
}

// SAG-8
#[test]
fn what_can_go_neither_on_nor_back_is_stuck_and_keeps_its_counts() {
    let no = || Answer::Refused(refused());
    let parked = || Answer::Parked { until: later(99) };
    let why_refused = |name: &str| {
        Some(Reason::Refused {
            step: name.to_owned(),
            refused: refused(),
        })
    };
    let misdirected = |name: &str| {
        Some(Reason::Misdirected {
            step: name.to_owned(),
        })
    };
    for (place, given, reason) in [
        (Place::forward(2), no(), why_refused("three")),
        (Place::branch(0), no(), why_refused("away-one")),
        (Place::undo(0), no(), None),
        (Place::forward(0), Answer::Diverted, misdirected("one")),
        (Place::branch(1), Answer::Diverted, misdirected("away-two")),
        (Place::undo(1), Answer::Diverted, misdirected("two")),
        (Place::undo(1), parked(), misdirected("two")),
    ] {
        let stuck = Run {
            position: Position::Stuck(place),
            wake_at: later(10),
            reason,
            ..at(place, 4)
        };
        let what = format!("{place:?} answers {given:?}");
        assert_eq!(
            answer(&plan(), at(place, 4), given),
            (stuck, Some(Command::Finish)),
            "{what}"
        );
    }
}

// SAG-2
#[test]
fn a_doubt_pauses_longer_each_time_and_never_beyond_the_time_of_the_step() {
    for (failures, began, until) in [
        // The third failure in a row: 800 ms.
        (2, later(0), later(10) + Duration::from_millis(800)),
        (9, later(0), later(10) + Duration::from_secs(30)),
        (9, later(10) - MAX_AGE + Duration::from_secs(5), later(15)),
        (
            9,
            later(10) - MAX_AGE + Duration::from_nanos(1),
            later(10) + Duration::from_nanos(1),
        ),
    ] {
        let run = Run {
            failures,
            first_attempt_at: began,
            ..at(Place::forward(0), 4)
        };
        let paused = Run {
            failures: failures + 1,
            wake_at: until,
            ..run.clone()
        };
        let expected = (paused, Some(Command::SleepUntil(until)));
        assert_eq!(answer(&plan(), run, unknown()), expected, "{failures}");
    }
}

// SAG-3, SAG-4, SAG-8
#[test]
fn a_doubt_when_the_time_is_over_turns_back_from_the_step_itself_or_sticks() {
    let late = |place| Run {
        first_attempt_at: later(10) - MAX_AGE,
        ..at(place, 4)
    };
    let unresolved = |name: &str| {
        Some(Reason::Unresolved {
            step: name.to_owned(),
            error: "no answer".to_owned(),
        })
    };
    let (run, command) = answer(&plan(), late(Place::forward(1)), unknown());
    assert_eq!(run.position, Position::At(Place::undo(1)));
    assert_eq!(command, Some(Command::Call(Place::undo(1))));
    assert_eq!((run.attempt, run.failures), (1, 0));
    assert_eq!(run.reason, unresolved("two"));
    for (place, reason) in [
        (Place::forward(2), unresolved("three")),
        (Place::branch(0), unresolved("away-one")),
    ] {
        let stuck = Run {
            position: Position::Stuck(place),
            failures: 3,
            wake_at: later(10),
            reason,
            ..late(place)
        };
        let sticks = (stuck, Some(Command::Finish));
        assert_eq!(answer(&plan(), late(place), unknown()), sticks);
    }
    // Taking back is tried for longer.
    let (run, command) = answer(&plan(), late(Place::undo(0)), unknown());
    assert_eq!(run.position, Position::At(Place::undo(0)));
    assert!(matches!(command, Some(Command::SleepUntil(_))), "{command:?}");
    let too_late = Run {
        first_attempt_at: later(10) - Duration::from_secs(3_600),
        ..late(Place::undo(0))
    };
    let (run, _) = answer(&plan(), too_late, unknown());
    assert_eq!(run.position, Position::Stuck(Place::undo(0)));
    assert_eq!((run.failures, run.reason), (3, None));
}

// SAG-4
#[test]
fn a_saga_that_can_only_go_forward_is_stuck_where_another_turns_back() {
    let onward = Plan {
        pivot: None,
        ..plan()
    };
    let (run, _) = answer(&onward, at(Place::forward(0), 1), Answer::Refused(refused()));
    assert_eq!(run.position, Position::Stuck(Place::forward(0)));
    let late = Run {
        first_attempt_at: later(10) - MAX_AGE,
        ..at(Place::forward(0), 4)
    };
    let (run, _) = answer(&onward, late, unknown());
    assert_eq!(run.position, Position::Stuck(Place::forward(0)));
}

#[test]
fn a_step_that_waited_is_called_again_with_all_its_time_before_it() {
    let place = Place::forward(1);
    let (parked, command) = answer(&plan(), at(place, 4), Answer::Parked { until: later(99) });
    assert_eq!(parked.position, Position::Parked(place));
    assert_eq!((parked.attempt, parked.failures), (4, 0));
    assert_eq!(command, Some(Command::SleepUntil(later(99))));
    let called = Run {
        position: Position::At(place),
        attempt: 5,
        failures: 0,
        first_attempt_at: later(99),
        wake_at: later(99),
        reason: None,
    };
    for event in [Event::Resumed, Event::Timer, Event::Woken] {
        assert_eq!(
            step(&plan(), parked.clone(), event, later(99)),
            (called.clone(), Some(Command::Call(place)))
        );
    }
    let (run, command) = step(&plan(), parked.clone(), Event::Timer, later(98));
    assert_eq!(
        (run, command),
        (parked.clone(), Some(Command::SleepUntil(later(99))))
    );
    let (run, _) = step(&plan(), parked, Event::Woken, later(50));
    assert_eq!((run.first_attempt_at, run.wake_at), (later(50), later(50)));
}

#[test]
fn a_pause_is_waited_out_and_then_the_same_step_is_called_once_more() {
    let place = Place::forward(0);
    let paused = Run {
        wake_at: later(20),
        ..at(place, 4)
    };
    for event in [Event::Resumed, Event::Timer] {
        let sleeps = (paused.clone(), Some(Command::SleepUntil(later(20))));
        assert_eq!(step(&plan(), paused.clone(), event.clone(), later(19)), sleeps);
        let called = Run {
            attempt: 5,
            ..paused.clone()
        };
        let calls = (called, Some(Command::Call(place)));
        assert_eq!(step(&plan(), paused.clone(), event, later(20)), calls);
    }
    assert_eq!(
        step(&plan(), paused.clone(), Event::Woken, later(19)),
        (paused, None)
    );
}

#[test]
fn an_answer_to_another_call_changes_nothing_and_an_end_is_an_end() {
    let run = at(Place::forward(1), 4);
    let heard = |place, attempt| Event::Answered {
        place,
        attempt,
        answer: Answer::Succeeded,
    };
    for event in [
        heard(Place::forward(1), 3),
        heard(Place::forward(0), 4),
        heard(Place::undo(1), 4),
    ] {
        assert_eq!(step(&plan(), run.clone(), event, later(1)), (run.clone(), None));
    }
    let parked = Run {
        position: Position::Parked(Place::forward(1)),
        ..run.clone()
    };
    let answered = step(&plan(), parked.clone(), heard(Place::forward(1), 4), later(1));
    assert_eq!(answered, (parked, None));
    for end in [
        Position::Done,
        Position::Undone,
        Position::Diverted,
        Position::Stuck(Place::forward(1)),
    ] {
        let ended = Run {
            position: end,
            ..run.clone()
        };
        for event in [
            Event::Resumed,
            Event::Timer,
            Event::Woken,
            heard(Place::forward(1), 4),
        ] {
            let finished = (ended.clone(), Some(Command::Finish));
            assert_eq!(step(&plan(), ended.clone(), event, later(1)), finished);
        }
    }
}

#[test]
fn forever_ends_at_the_end_of_time() {
    assert_eq!(
        after(BEGAN, Duration::from_secs(60)),
        datetime!(2026-03-01 12:01 UTC)
    );
    assert_eq!(after(BEGAN, Duration::MAX), PrimitiveDateTime::MAX.assume_utc());
}

// SAG-3
#[test]
fn what_may_have_been_called_before_a_crash_is_undone_when_it_is_refused() {
    let mut plan = plan();
    plan.pivot = Some(2);
    plan.forward[0].recorded_later = true;
    let refused = || {
        Answer::Refused(Refused {
            code: "no".to_owned(),
            detail: json!({}),
        })
    };
    for (attempt, next_attempt, then) in [(1, 1, Place::undo(0)), (2, 2, Place::undo(1))] {
        let (run, _) = answer(&plan, at(Place::forward(0), attempt), Answer::Succeeded);
        assert_eq!(
            (run.position, run.attempt),
            (Position::At(Place::forward(1)), next_attempt)
        );
        let (_, command) = answer(&plan, run, refused());
        assert_eq!(command, Some(Command::Call(then)), "{attempt}");
    }
    // So it is if nobody can say what became of the one before it, which may have been called by others too.
    for (attempt, then) in [(1, Place::undo(0)), (2, Place::undo(1))] {
        let silent = Answer::Unknown {
            error: "silence".to_owned(),
            jitter: 0,
        };
        let event = Event::Answered {
            place: Place::forward(0),
            attempt,
            answer: silent,
        };
        let (_, command) = step(&plan, at(Place::forward(0), attempt), event, later(60));
        assert_eq!(command, Some(Command::Call(then)), "{attempt}");
    }
    // What is written down before the next one begins leaves no doubt.
    let (run, _) = answer(&plan, at(Place::forward(1), 2), Answer::Succeeded);
    assert_eq!(run.attempt, 1);
    plan.branch[0].recorded_later = true;
    let (run, _) = answer(&plan, at(Place::branch(0), 2), Answer::Succeeded);
    assert_eq!(run.attempt, 1);
}
