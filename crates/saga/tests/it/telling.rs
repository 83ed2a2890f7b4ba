//! What an engine logs, and how loudly.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use crate::harness::{Office, Reply};

static LISTENING: Once = Once::new();

thread_local! {
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Keeps what a thread logs, which is what its test does. The subscriber is the process's: with one of a single test's own,
/// a line that another test logs first would be taken for one that nobody wants.
struct Here;

impl io::Write for Here {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A thread that ends has nobody who asks.
        let _ = LOGGED.try_with(|logged| logged.borrow_mut().extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn listen() {
    LISTENING.call_once(|| {
        tracing_subscriber::fmt()
            .without_time()
            .with_ansi(false)
            .with_writer(|| Here)
            .init();
    });
}

/// The level of each line that says this.
fn levels(what: &str) -> Vec<String> {
    let text = String::from_utf8(LOGGED.take()).unwrap();
    let of = |line: &str| line.split_whitespace().next().unwrap().to_owned();
    let levels = text.lines().filter(|line| line.contains(what)).map(of).collect();
    LOGGED.set(text.into_bytes());
    levels
}

// SAG-8
#[tokio::test]
async fn what_a_person_has_to_look_at_is_an_error_a_doubt_a_warning_and_an_end_a_line() {
    listen();
    let office = Office::open().await;
    office.world.next("run", "flight", Reply::Divert);
    office.go(1).await;
    for subject in 2..=3 {
        office.world.next("run", "pay", Reply::Refuse);
        office.go(subject).await;
    }
    office.world.next("run", "flight", Reply::Fail);
    office.go(4).await;
    assert_eq!(levels("a saga is stuck"), ["ERROR"]);
    assert_eq!(levels("a saga ended"), ["INFO"; 2]);
    assert_eq!(levels("a step ended in doubt"), ["WARN"]);
}
