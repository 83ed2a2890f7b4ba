//! What a person sees in the terminal. Logs go to standard error; this goes to standard output.

use std::io::Write as _;
use std::time::Instant;

/// Prints a line. That nobody reads it (a closed pipe) is no reason to stop a shop.
pub fn line(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush()));
}

/// Tells what takes time, with the seconds since the start.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    started: Instant,
}

impl Progress {
    /// Starts the watch.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// Says what is being done now.
    pub fn say(&self, what: &str) {
        let seconds = self.started.elapsed().as_millis();
        line(format!(
            "  {:>3}.{:02} s  {what}",
            seconds / 1000,
            seconds % 1000 / 10
        ));
    }

    /// Milliseconds since the start.
    #[must_use]
    pub fn millis(&self) -> u128 {
        self.started.elapsed().as_millis()
    }
}
