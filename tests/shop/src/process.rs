//! Processes of the shop, from the binaries that were built with the tests.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// A child that is killed with -9 when it is dropped.
pub struct Process {
    name: String,
    child: Child,
}

/// The binary `name`, beside the test's own.
///
/// # Panics
/// It was not built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let target = test.ancestors().nth(2).expect("target/debug/deps/test");
    let path = target.join(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --workspace` first",
        path.display()
    );
    path
}

/// `count` ports in a row that nobody listens on. Below those that the kernel hands to clients, and each asked for
/// once in this process.
///
/// # Panics
/// There are none.
#[must_use]
pub fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 12_200 + u16::try_from(std::process::id() % 1_800).unwrap_or_default() * 10;
    for _ in 0..500 {
        let base = first + NEXT.fetch_add(count, Ordering::Relaxed);
        let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if base < 32_000 && (base..base + count).all(free) {
            return base;
        }
        if base >= 32_000 {
            NEXT.store(0, Ordering::Relaxed);
        }
    }
    panic!("no {count} free ports in a row");
}

impl Process {
    /// Starts `command`. Its standard error goes to the test's, which shows it where the test fails.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self {
            name: name.to_owned(),
            child,
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child, to read what it says.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Whether it has ended by itself; then how.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(format!("{}: {status}", self.name))
    }

    /// Sends a signal, such as `TERM`.
    ///
    /// # Panics
    /// There is no `kill`.
    pub fn signal(&self, signal: &str) {
        let pid = self.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.is_ok_and(|s| s.success()), "kill -s {signal} {pid}");
    }

    /// Kills it with -9 and waits until it is gone.
    pub fn kill(mut self) {
        self.end();
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Panics
    /// It was no clean end.
    pub fn stop(mut self) {
        self.signal("TERM");
        let status = self.child.wait().expect("a child to wait for");
        assert!(status.success(), "{} ended with {status}", self.name);
    }

    fn end(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
