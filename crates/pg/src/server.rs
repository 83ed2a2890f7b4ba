//! A private PostgreSQL of one's own: made on first use, run as a child, reached through a socket that only
//! its account can open, and started again without anyone's hand after any crash.

pub mod account;
pub mod binaries;
mod error;
mod folder;
mod leftovers;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::process::{Child, Command};

use crate::server::account::Account;
pub use crate::server::error::ServerError;
use crate::server::folder::Folder;

/// The role that owns the cluster.
pub const SUPERUSER: &str = "souk";

/// How often a starting server is asked whether it answers.
const POLL: Duration = Duration::from_millis(10);
/// A recovery that takes longer than this is given up.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a new server may fail because something of an old one is still there.
const LEFTOVER_TIMEOUT: Duration = Duration::from_secs(15);
/// After this long the user is told what the wait is for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time for an orderly stop before a hard one.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// The pause before a server that died is started again.
const RESTART_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause between attempts to start it again: a full disk may have room by then.
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(10);

/// What kind of server, and where.
pub struct ServerOptions {
    /// A folder of the server's own; made if missing. Cluster, log, lock and socket live in it.
    pub data_dir: PathBuf,
    /// Where the socket goes, if not into `data_dir`.
    pub socket_dir: Option<PathBuf>,
    /// The folder of `initdb` and `postgres`, if not in a usual place.
    pub bin_dir: Option<PathBuf>,
    /// Whether a commit survives the loss of power. Off only for tests.
    pub fsync: bool,
    /// Told what takes time or is unexpected, one sentence each.
    pub progress: Box<dyn Fn(&str) + Send + Sync>,
}

impl ServerOptions {
    /// A safe server in `data_dir` that tells nobody what it does.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            socket_dir: None,
            bin_dir: None,
            fsync: true,
            progress: Box::new(|_| {}),
        }
    }
}

/// A running server; asked to stop when dropped, though [`PrivateServer::stop`] also waits for it.
pub struct PrivateServer {
    fsync: bool,
    progress: Box<dyn Fn(&str) + Send + Sync>,
    bin: PathBuf,
    account: Account,
    folder: Folder,
    child: Child,
}

impl PrivateServer {
    /// Starts the server of `options.data_dir`, after ending whatever an earlier one left behind.
    ///
    /// As root it runs as `postgres` or `nobody`; if that account cannot reach the folder, the data goes to
    /// `/var/lib/souk` instead, which `progress` is told.
    ///
    /// # Errors
    /// See [`ServerError`]; its texts say what to do.
    pub async fn start(options: ServerOptions) -> Result<Self, ServerError> {
        let ServerOptions {
            data_dir,
            socket_dir,
            bin_dir,
            fsync,
            progress,
        } = options;
        // Before anything is made: without programs there is nothing to make it for.
        binaries::find(bin_dir.as_deref(), None)?;
        let (folder, account) = Folder::open(&data_dir, socket_dir.as_deref(), &progress)?;
        let bin = folder.programs(bin_dir.as_deref())?;
        leftovers::clear(&folder, &bin, &account, &progress).await?;
        if !folder.cluster().exists() {
            progress("making a new PostgreSQL cluster");
            init(&folder, &bin, &account, fsync).await?;
        }
        let child = spawn(&folder, &bin, &account, fsync)?;
        let mut server = Self {
            fsync,
            progress,
            bin,
            account,
            folder,
            child,
        };
        server.wait_until_ready().await?;
        Ok(server)
    }

    /// The URL of `database` for `role`.
    #[must_use]
    pub fn url(&self, database: &str, role: &str) -> String {
        socket_url(self.folder.socket_dir(), database, role)
    }

    /// The socket that it answers on.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        let name = format!(".s.PGSQL.{}", folder::PORT);
        self.folder.socket_dir().join(name)
    }

    /// The superuser's URL of the database `postgres`.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.url("postgres", SUPERUSER)
    }

    /// Where the data is: the folder that was asked for, or the one that stands in for it.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// The server's process, unless it has exited.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Makes the database `name` and the role `role` that owns it, if missing. No other role can connect.
    ///
    /// # Errors
    /// A name that is not lowercase letters, digits and underscores, or the server's refusal.
    pub async fn ensure_database(&self, name: &str, role: &str) -> Result<(), ServerError> {
        for identifier in [name, role] {
            if !is_identifier(identifier) {
                return Err(ServerError::BadName(identifier.to_owned()));
            }
        }
        let mut conn = PgConnection::connect(&self.admin_url()).await?;
        let known = sqlx::query_scalar!(
            r#"select exists (select from pg_roles where rolname::text = $1) as "exists!""#,
            role
        );
        if !known.fetch_one(&mut conn).await? {
            conn.execute(AssertSqlSafe(format!(r#"create role "{role}" login"#)))
                .await?;
        }
        let known = sqlx::query_scalar!(
            r#"select exists (select from pg_database where datname::text = $1) as "exists!""#,
            name
        );
        if !known.fetch_one(&mut conn).await? {
            conn.execute(AssertSqlSafe(format!(
                r#"create database "{name}" owner "{role}""#
            )))
            .await?;
        }
        // Again each time: a crash may have come between the two.
        conn.execute(AssertSqlSafe(format!(
            r#"revoke all on database "{name}", postgres, template1 from public"#
        )))
        .await?;
        conn.close().await?;
        Ok(())
    }

    /// Waits until the server's process ends by itself, and says how it did. May be dropped and called again.
    pub async fn exited(&mut self) -> ServerError {
        let status = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        ServerError::Exited {
            status,
            log: self.folder.log_tail(),
        }
    }

    /// Starts the server again after it died; ends it first if it did not.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        self.end().await?;
        leftovers::clear(&self.folder, &self.bin, &self.account, &self.progress).await?;
        self.child = spawn(&self.folder, &self.bin, &self.account, self.fsync)?;
        self.wait_until_ready().await
    }

    /// Keeps the server running until `shutdown` resolves, then stops it. One that cannot be started again, such as on a
    /// full disk, is tried for as long as it takes.
    ///
    /// # Errors
    /// See [`PrivateServer::stop`].
    pub async fn supervise(mut self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = self.revive() => {}
                () = &mut shutdown => return self.stop().await,
            }
        }
    }

    /// Waits until the server dies, then until it runs again.
    async fn revive(&mut self) {
        let mut why = self.exited().await;
        let mut pause = RESTART_PAUSE;
        loop {
            (self.progress)(&format!("{why}; starting it again"));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RESTART_PAUSE_MAX);
            match self.restart().await {
                Ok(()) => return,
                Err(error) => why = error,
            }
        }
    }

    /// Stops the server: open transactions are rolled back, everything committed is kept.
    ///
    /// # Errors
    /// The process could not be signalled or waited for.
    pub async fn stop(mut self) -> Result<(), ServerError> {
        self.end().await?;
        // Empty by now; outside the server's folder nobody else would clear it away.
        drop(std::fs::remove_dir(self.folder.socket_dir()));
        Ok(())
    }

    async fn end(&mut self) -> Result<(), ServerError> {
        for (signal, patience) in [
            ("INT", STOP_TIMEOUT),
            ("QUIT", STOP_TIMEOUT),
            ("KILL", STOP_TIMEOUT),
        ] {
            let Some(pid) = self.child.id() else { return Ok(()) };
            leftovers::signal(signal, &[pid]).await;
            if let Ok(exit) = tokio::time::timeout(patience, self.child.wait()).await {
                exit.map_err(ServerError::Process)?;
                return Ok(());
            }
        }
        Err(ServerError::Stuck {
            pids: self.child.id().into_iter().collect(),
        })
    }

    async fn wait_until_ready(&mut self) -> Result<(), ServerError> {
        let started = Instant::now();
        let mut told = false;
        loop {
            if let Some(status) = self.child.try_wait().map_err(ServerError::Process)? {
                let log = self.folder.log_tail();
                if started.elapsed() > LEFTOVER_TIMEOUT || !leftovers::are_blamed_in(&log) {
                    return Err(ServerError::Exited {
                        status: status.to_string(),
                        log,
                    });
                }
                tokio::time::sleep(RESTART_PAUSE).await;
                leftovers::clear(&self.folder, &self.bin, &self.account, &self.progress).await?;
                self.child = spawn(&self.folder, &self.bin, &self.account, self.fsync)?;
            }
            match PgConnection::connect(&self.admin_url()).await {
                // Somebody answers; only our child counts.
                Ok(conn) => {
                    drop(conn.close().await);
                    if self.folder.postmaster_pid() == self.child.id() {
                        return Ok(());
                    }
                }
                Err(error) if crate::is_unavailable(&error) => {}
                Err(error) => return Err(error.into()),
            }
            if started.elapsed() > START_TIMEOUT {
                return Err(ServerError::Timeout {
                    log: self.folder.log_tail(),
                });
            }
            if started.elapsed() > PATIENCE && !told {
                (self.progress)("PostgreSQL is recovering from an unclean stop");
                told = true;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        if let Some(pid) = self.child.id() {
            leftovers::signal_without_waiting("INT", pid);
        }
    }
}

/// The URL of `database` for `role` on the server that runs in `data_dir` now; `None` if none does.
#[must_use]
pub fn running_url(data_dir: &Path, database: &str, role: &str) -> Option<String> {
    let socket_dir = folder::running_socket_dir(data_dir)?;
    Some(socket_url(&socket_dir, database, role))
}

/// Removes the cluster in `data_dir`, with everything in it, after ending whatever an earlier run left behind.
///
/// # Errors
/// A server runs there, or a file cannot be removed.
pub async fn erase(data_dir: &Path, bin_dir: Option<&Path>) -> Result<(), ServerError> {
    let bin = binaries::find(bin_dir, None)?;
    let (folder, account) = Folder::open(data_dir, None, &|_| {})?;
    leftovers::clear(&folder, &bin, &account, &|_| {}).await?;
    folder.erase()
}

/// The URL of `database` for `role` on the server whose socket is in `socket_dir`.
#[must_use]
pub fn socket_url(socket_dir: &Path, database: &str, role: &str) -> String {
    let mut host = String::new();
    for byte in socket_dir.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                host.push(char::from(*byte))
            }
            other => host.push_str(&format!("%{other:02X}")),
        }
    }
    // The port is spelt out: it is part of the socket's name, and PGPORT would change it.
    format!(
        "postgres://{role}@localhost:{}/{database}?host={host}",
        folder::PORT
    )
}

fn is_identifier(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=63).contains(&name.len()) && name.bytes().all(plain)
}

/// Makes the cluster beside its place and moves it there when it is whole, so that one that exists is one
/// that works.
async fn init(folder: &Folder, bin: &Path, account: &Account, fsync: bool) -> Result<(), ServerError> {
    let unfinished = folder.unfinished_cluster();
    let locale = if cfg!(target_os = "macos") { "C" } else { "C.UTF-8" };
    let mut command = account.command(&bin.join("initdb"));
    command
        .arg("-D")
        .arg(&unfinished)
        .args(["-U", SUPERUSER, "-A", "trust", "-E", "UTF8"]);
    command.arg(format!("--locale={locale}"));
    if !fsync {
        command.arg("--no-sync");
    }
    let output = Command::from(command)
        .kill_on_drop(true)
        .output()
        .await
        .map_err(ServerError::Process)?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(ServerError::Init {
            status: output.status.to_string(),
            log,
        });
    }
    let cluster = folder.cluster();
    std::fs::rename(&unfinished, &cluster).map_err(|source| ServerError::Folder {
        path: cluster,
        source,
    })
}

fn spawn(folder: &Folder, bin: &Path, account: &Account, fsync: bool) -> Result<Child, ServerError> {
    let on_off = |on: bool| if on { "on" } else { "off" };
    let (log, log_too) = folder.open_log()?;
    let mut command = account.command(&bin.join("postgres"));
    command
        .arg("-D")
        .arg(folder.cluster())
        .arg("-k")
        .arg(folder.socket_dir())
        .args(["-p", &folder::PORT.to_string()])
        .args(["-c", "listen_addresses="])
        .args(["-c", "max_connections=200"])
        .args(["-c", "jit=off"])
        .args(["-c", "timezone=UTC", "-c", "log_timezone=UTC"])
        .args(["-c", &format!("fsync={}", on_off(fsync))])
        .args(["-c", &format!("full_page_writes={}", on_off(fsync))])
        .stdin(std::process::Stdio::null())
        .stdout(log)
        .stderr(log_too);
    Command::from(command).spawn().map_err(ServerError::Process)
}
