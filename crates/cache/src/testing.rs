//! A redis-server of a test's own, on a port of its own, that keeps nothing and dies with the process, even on
//! `kill -9`. Debian and Ubuntu have it as the package `redis-server`.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's set-up fails by panicking"
)]

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Runs the server until our end of its standard input closes, however that comes about.
const SUPERVISOR: &str = r#"
redis-server --port "$1" --bind 127.0.0.1 --dir "$2" --save '' --appendonly no --databases 16384 </dev/null &
server=$!
cat >/dev/null
kill -KILL $server
wait $server
"#;

/// A running redis-server.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    folder: PathBuf,
    supervisor: Option<Child>,
    /// The server's own process.
    pid: String,
}

impl RedisServer {
    /// Starts one, and returns when it answers.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("souk-redis-{:032x}", rand::random::<u128>()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        for _ in 0..20 {
            // Below those that the system gives to whoever asks for any.
            let port = 20_000 + rand::random::<u16>() % 12_000;
            let mut server = Self {
                port,
                folder: folder.clone(),
                supervisor: None,
                pid: String::new(),
            };
            if TcpListener::bind(("127.0.0.1", port)).is_ok() && server.run() {
                return server;
            }
        }
        panic!("no redis-server can be started; install the package redis-server");
    }

    /// Its address, as `REDIS_URL` has it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it where it is, and returns when it stands: what is sent to it waits.
    ///
    /// # Panics
    /// It does not run.
    pub fn stop(&self) {
        self.signal("STOP");
        let stat = format!("/proc/{}/stat", self.pid);
        let stands = || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "));
        while !stands() {
            std::thread::yield_now();
        }
    }

    /// Lets it go on after [`stop`](Self::stop).
    ///
    /// # Panics
    /// It does not run.
    pub fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.pid);
        let sent = Command::new("/bin/sh").args(["-c", &kill]).status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "redis-server gets a signal"
        );
    }

    /// Kills it with -9.
    pub fn kill(&mut self) {
        if let Some(mut supervisor) = self.supervisor.take() {
            drop(supervisor.stdin.take());
            drop(supervisor.wait());
        }
    }

    /// Starts it again after [`kill`](Self::kill), on the same port, with what it has saved, if it has.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn restart(&mut self) {
        assert!(self.run(), "redis-server starts again");
    }

    /// Whether it runs now.
    fn run(&mut self) -> bool {
        let mut supervisor = Command::new("/bin/sh")
            .args(["-c", SUPERVISOR, "sh"])
            .arg(self.port.to_string())
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell to run redis-server");
        let said = supervisor.stdout.take().expect("a pipe");
        let ready = BufReader::new(said)
            .lines()
            .map_while(Result::ok)
            .find(|line| line.contains("Ready to accept connections"));
        self.supervisor = Some(supervisor);
        // A line begins with the process that says it.
        let Some((pid, _)) = ready.as_deref().and_then(|line| line.split_once(':')) else {
            self.kill();
            return false;
        };
        self.pid = pid.to_owned();
        true
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// A database of its own on the Redis that `SOUK_TEST_REDIS` names, if it names one: so that the same tests run with
/// Redis and without.
///
/// # Panics
/// It does not answer.
pub async fn database() -> Option<String> {
    let url = given()?;
    let client = redis::Client::open(url.as_str()).expect("an address of Redis");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("a Redis that answers");
    let number: u64 = redis::cmd("INCR")
        .arg("souk:test:databases")
        .query_async(&mut connection)
        .await
        .expect("a number");
    Some(format!("{url}/{number}"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a switch for whoever runs the tests, not a setting of the shop"
)]
fn given() -> Option<String> {
    std::env::var("SOUK_TEST_REDIS")
        .ok()
        .filter(|url| !url.is_empty())
}
