//! `souk up` as a person starts it, from the built binary.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::{Process, binary};

/// A running `souk up`; killed with -9 when it is dropped.
pub struct SoukUp {
    /// Gateway here, services on the next four, the stand-in for Stripe on the fifth after it.
    pub base: u16,
    /// The process.
    pub process: Process,
}

impl SoukUp {
    /// Starts it in `data` and waits for its `ready` line.
    ///
    /// # Panics
    /// It ends before; shows what it said.
    #[must_use]
    pub fn start(data: &Path, base: u16, more: &[&str]) -> Self {
        let mut command = Command::new(binary("souk"));
        command
            .arg("up")
            .arg("--data")
            .arg(data)
            .args(["--port", &base.to_string()])
            .args(more)
            .env_remove("SOUK_ENV")
            .stdout(Stdio::piped());
        let mut process = Process::start("souk up", &mut command);
        let stdout = process.child().stdout.take().expect("its standard output");
        let mut said = String::new();
        let mut lines = BufReader::new(stdout).lines();
        let ready = format!("ready http://localhost:{base}");
        loop {
            match lines.next() {
                Some(Ok(line)) if line == ready => break,
                Some(Ok(line)) => said = format!("{said}{line}\n"),
                Some(Err(_)) | None => panic!("souk up ended before it was ready:\n{said}"),
            }
        }
        // Whatever it says later must have somewhere to go.
        std::thread::spawn(move || lines.for_each(drop));
        Self { base, process }
    }

    /// Where the gateway is.
    #[must_use]
    pub fn gateway(&self) -> String {
        format!("http://127.0.0.1:{}", self.base)
    }

    /// Where the stand-in for Stripe is.
    #[must_use]
    pub fn stripe(&self) -> String {
        format!("http://127.0.0.1:{}", self.base + 5)
    }
}
