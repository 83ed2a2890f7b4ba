//! A throw-away PostgreSQL per test process and a database per test.
//!
//! The server is started at the first use, keeps nothing safe (no fsync) and dies with the process, even on
//! `kill -9`. `SOUK_TEST_PG`, the URL of a superuser, names a running server to use instead.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's set-up fails by panicking"
)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::pool::PgSettings;
use crate::server::account::Account;
use crate::server::{SUPERUSER, binaries, socket_url};

const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Makes the cluster, runs it until our end of its standard input closes, however that comes about, and
/// leaves nothing behind.
const SUPERVISOR: &str = r#"
bin=$1 dir=$2 user=$3
"$bin/initdb" -D "$dir/data" -U "$user" -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/log" 2>&1 </dev/null
counts=$(find -L "$bin/.." -name 'pg_stat_statements.so' -o -name 'pg_stat_statements.dylib' | head -n 1)
"$bin/postgres" -D "$dir/data" -k "$dir" -p 5432 -c listen_addresses='' -c max_connections=400 \
  -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off \
  -c shared_buffers=64MB -c wal_level=minimal -c max_wal_senders=0 \
  ${counts:+-c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.max=20000} >>"$dir/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT $server
wait $server
rm -rf "$dir"
"#;

/// A database of one test's own, cloned from a migrated template; dropped with this value.
#[derive(Debug)]
pub struct TestDb {
    /// Ten connections at most.
    pub pool: PgPool,
    /// For a service that opens a pool itself.
    pub url: String,
    name: String,
}

impl TestDb {
    /// A new database with what `migrate` makes. `migrate` runs once per `template` and process; the tests
    /// of one template must pass the same function.
    ///
    /// # Panics
    /// No server can be started or reached, or `migrate` panics.
    pub async fn create(template: &str, migrate: impl AsyncFnOnce(&PgPool)) -> Self {
        let cell = {
            let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(
                templates
                    .get_or_insert_default()
                    .entry(template.to_owned())
                    .or_default(),
            )
        };
        let source = cell
            .get_or_init(async || {
                let name = unique_name(template);
                create_database(&name, None).await;
                let pool = open(&name).await;
                migrate(&pool).await;
                // A template can only be cloned while nobody is connected to it.
                pool.close().await;
                name
            })
            .await;
        let name = unique_name(template);
        create_database(&name, Some(source)).await;
        Self {
            pool: open(&name).await,
            url: url(&name).await,
            name,
        }
    }
}

/// Statements that a server ran in a database, each with how often.
#[derive(Debug)]
pub struct Statements {
    /// Each, and how often it was run.
    pub each: Vec<(String, i64)>,
    /// Pages of eight kilobytes that they looked at, in memory or on the disk.
    pub pages: i64,
}

impl Statements {
    /// How many in all, `begin` and `commit` counted like any other: so many round trips they were.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.each.iter().map(|(_, calls)| calls).sum()
    }
}

impl TestDb {
    /// What `work` has the server run in this database, and what it answers. Statements that are prepared first are counted
    /// when they run, so do the work once before.
    ///
    /// # Panics
    /// The server does not count: it lacks the module `pg_stat_statements` (Debian has it with PostgreSQL, others with
    /// `postgresql-contrib`), or, if it is one of your own, does not load it by `shared_preload_libraries`.
    pub async fn statements<T>(&self, work: impl Future<Output = T>) -> (T, Statements) {
        // Not two tests at once.
        COUNTED
            .get_or_init(async || {
                let made = "create extension if not exists pg_stat_statements";
                admin().await.execute(made).await.expect(COUNT);
            })
            .await;
        let mut admin = admin().await;
        let reset = "select pg_stat_statements_reset(0, oid, 0) from pg_database where datname = $1";
        let reset = sqlx::query(reset).bind(&self.name).execute(&mut admin).await;
        reset.expect(COUNT);
        let answer = work.await;
        let rows: Result<Vec<(String, i64, i64)>, _> = sqlx::query_as(
            "select query, calls, shared_blks_hit + shared_blks_read
               from pg_stat_statements
              where dbid = (select oid from pg_database where datname = $1)
              order by calls desc, query",
        )
        .bind(&self.name)
        .fetch_all(&mut admin)
        .await;
        let rows = rows.expect(COUNT);
        let pages = rows.iter().map(|(.., pages)| pages).sum();
        let each = rows.into_iter().map(|(query, calls, _)| (query, calls)).collect();
        (answer, Statements { each, pages })
    }
}

const COUNT: &str = "the server counts statements (module pg_stat_statements)";

impl Drop for TestDb {
    /// Best effort: on a thread, because the test's runtime is about to end.
    fn drop(&mut self) {
        let Some(Server {
            admin_url,
            supervisor,
        }) = SERVER.get()
        else {
            return;
        };
        let admin_url = admin_url.clone();
        let drop_database = format!(r#"drop database if exists "{}" with (force)"#, self.name);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let mut conn = PgConnection::connect(&admin_url)
                    .await
                    .map_err(std::io::Error::other)?;
                conn.execute(AssertSqlSafe(drop_database))
                    .await
                    .map_err(std::io::Error::other)
            })
        });
        if supervisor.is_none() {
            // A server that outlives us would keep the database.
            drop(thread.join());
        }
    }
}

/// A superuser's connection, for making databases and roles by hand.
///
/// # Panics
/// No server can be started or reached.
pub async fn admin() -> PgConnection {
    PgConnection::connect(&server().await.admin_url)
        .await
        .expect("the test server answers")
}

/// The superuser's URL of `database`.
///
/// # Panics
/// No server can be started or reached.
pub async fn url(database: &str) -> String {
    let options = PgConnectOptions::from_str(&server().await.admin_url).expect("a well-formed URL");
    options.database(database).to_url_lossy().to_string()
}

struct Server {
    admin_url: String,
    /// Holds the pipe that keeps the server alive.
    supervisor: Option<Child>,
}

/// Outside of any test, because the tests of a process share it and none knows that it is the last.
static SERVER: OnceCell<Server> = OnceCell::const_new();
/// Whether statements can be looked up.
static COUNTED: OnceCell<()> = OnceCell::const_new();
static TEMPLATES: Mutex<Option<HashMap<String, Arc<OnceCell<String>>>>> = Mutex::new(None);

async fn server() -> &'static Server {
    SERVER
        .get_or_init(async || match given_server() {
            Some(admin_url) => Server {
                admin_url,
                supervisor: None,
            },
            None => start().await,
        })
        .await
}

#[expect(
    clippy::disallowed_methods,
    reason = "a switch for whoever runs the tests, not a setting of the shop"
)]
fn given_server() -> Option<String> {
    std::env::var("SOUK_TEST_PG").ok().filter(|url| !url.is_empty())
}

async fn start() -> Server {
    let account = Account::choose().expect("the account that we run as");
    let bin = binaries::find(None, None).unwrap_or_else(|error| panic!("{error}"));
    let dir = std::env::temp_dir().join(unique_name("souk-test"));
    account.make_dir(&dir).expect("a temporary folder");
    let supervisor = supervise(&account, &bin, &dir);
    let admin_url = socket_url(&dir, "postgres", SUPERUSER);

    let started = Instant::now();
    while PgConnection::connect(&admin_url).await.is_err() {
        assert!(
            started.elapsed() < START_TIMEOUT,
            "the test server did not start: {}",
            std::fs::read_to_string(dir.join("log")).unwrap_or_default()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Server {
        admin_url,
        supervisor: Some(supervisor),
    }
}

fn supervise(account: &Account, bin: &Path, dir: &PathBuf) -> Child {
    account
        .command(Path::new("/bin/sh"))
        .args(["-c", SUPERVISOR, "sh"])
        .arg(bin)
        .arg(dir)
        .arg(SUPERUSER)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell to run the test server")
}

async fn create_database(name: &str, template: Option<&str>) {
    let template = template.unwrap_or("template0");
    let create = format!(r#"create database "{name}" template "{template}""#);
    admin()
        .await
        .execute(AssertSqlSafe(create))
        .await
        .expect("a database of the test's own");
}

async fn open(database: &str) -> PgPool {
    let settings = PgSettings {
        max_connections: 10,
        acquire_timeout: Duration::from_secs(30),
        ..PgSettings::new(url(database).await, "test")
    };
    crate::connect(&settings)
        .await
        .expect("the test's database answers")
}

/// `souk_test_<pid>_<random>`, within the 63 bytes of an identifier.
fn unique_name(prefix: &str) -> String {
    let random = Uuid::now_v7().simple().to_string();
    let random = random.get(20..).unwrap_or_default();
    let prefix: String = prefix.chars().take(30).collect();
    format!("{prefix}-{}-{random}", std::process::id())
}
