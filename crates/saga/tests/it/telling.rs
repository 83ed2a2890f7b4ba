//! What an engine logs, and how loudly.

use std::io;
use std::sync::{Arc, Mutex};

use crate::harness::{Office, Reply};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The level of each line that says this.
    fn levels(&self, what: &str) -> Vec<String> {
        let bytes = self.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        let lines = text.lines().filter(|line| line.contains(what));
        lines
            .map(|line| line.split_whitespace().next().unwrap().to_owned())
            .collect()
    }
}

// SAG-8
#[tokio::test]
async fn what_a_person_has_to_look_at_is_an_error_a_doubt_a_warning_and_an_end_a_line() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .without_time()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _listening = tracing::subscriber::set_default(subscriber);
    let office = Office::open().await;
    office.world.next("run", "flight", Reply::Divert);
    office.go(1).await;
    office.world.next("run", "pay", Reply::Refuse);
    office.go(2).await;
    office.world.next("run", "flight", Reply::Fail);
    office.go(3).await;
    assert_eq!(log.levels("a saga is stuck"), ["ERROR"]);
    assert_eq!(log.levels("a saga ended"), ["INFO"]);
    assert_eq!(log.levels("a step ended in doubt"), ["WARN"]);
}
