//! The engine's core in thousands of random worlds: messages are lost, doubled, delayed and overtake each other;
//! processes die, or stand still and wake up after another one took over; persons intervene in what is stuck.
//!
//! A world is made from a number alone. A failure names its seed and prints what happened, line by line.

mod admin;
mod network;
mod parties;
mod rules;
mod scenario;
mod world;

use std::collections::BTreeMap;
use std::time::Instant;

use scenario::Scenario;
use world::{Report, World};

fn simulate(seed: u64) -> Report {
    World::new(Scenario::of(seed)).run()
}

// SAG-4, SAG-8, SAG-11
#[test]
fn ten_thousand_random_worlds_end_wholly_done_or_wholly_taken_back() {
    let started = Instant::now();
    let mut seen: BTreeMap<&'static str, usize> = BTreeMap::new();
    for seed in 0..10_000 {
        let report = simulate(seed);
        if let Some(broken) = report.broken {
            panic!(
                "seed {seed}: {broken}\n{:?}\n{}",
                report.scenario,
                report.trace.join("\n")
            );
        }
        for what in report.seen {
            *seen.entry(what).or_default() += 1;
        }
    }
    // The worlds are worth something only if what they are about came up often.
    for what in [
        "done",
        "undone",
        "diverted",
        "stuck",
        "stuck for good",
        "retried",
        "skipped",
        "abandoned before the pivot",
        "abandoned after the pivot",
        "intervention refused",
        "intervened too late",
        "request lost",
        "answer lost",
        "message doubled",
        "died",
        "stood still",
        "taken over",
        "loser refused",
        "woken while running",
        "recorded later",
        "late call met a tombstone",
        "turned back in doubt",
    ] {
        let often = seen.get(what).copied().unwrap_or_default();
        assert!(often >= 100, "{what}: in {often} worlds only; {seen:?}");
    }
    assert!(
        started.elapsed().as_secs() < 60,
        "SAG-11 wants less than a minute"
    );
}

// SAG-11
#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in [3, 77, 4_711] {
        assert_eq!(simulate(seed).trace, simulate(seed).trace);
    }
}
