use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pg::server::{PrivateServer, SUPERUSER, ServerError, ServerOptions};
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

/// Names the folder to the process that [`a_parent`] runs in.
const FOLDER: &str = "SOUK_TEST_SERVER_FOLDER";

/// A folder that goes away with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        Self(std::env::temp_dir().join(format!("souk-server-{}", Uuid::now_v7().simple())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn options(folder: &Path) -> ServerOptions {
    ServerOptions {
        fsync: false,
        ..ServerOptions::new(folder)
    }
}

pub async fn start(folder: &Path) -> PrivateServer {
    PrivateServer::start(options(folder)).await.unwrap()
}

async fn run(server: &PrivateServer, sql: &'static str) {
    let mut conn = PgConnection::connect(&server.admin_url()).await.unwrap();
    conn.execute(sql).await.unwrap();
}

async fn notes(server: &PrivateServer) -> i64 {
    let mut conn = PgConnection::connect(&server.admin_url()).await.unwrap();
    sqlx::query_scalar("select count(*) from notes")
        .fetch_one(&mut conn)
        .await
        .unwrap()
}

fn kill(pid: u32) {
    Command::new("sh")
        .args(["-c", "kill -KILL $0", &pid.to_string()])
        .status()
        .unwrap();
}

#[tokio::test]
async fn stopping_keeps_what_was_committed() {
    let folder = Folder::new();
    let server = start(&folder.0).await;
    run(
        &server,
        "create table notes (id int); insert into notes values (1)",
    )
    .await;
    server.stop().await.unwrap();

    let server = start(&folder.0).await;
    assert_eq!(notes(&server).await, 1);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_killed_is_noticed_and_restarted_with_its_data() {
    let folder = Folder::new();
    let mut server = start(&folder.0).await;
    run(
        &server,
        "create table notes (id int); insert into notes values (1)",
    )
    .await;
    let before = server.pid().unwrap();
    // A backend that is busy when its server dies keeps the shared memory for a while.
    let mut busy = PgConnection::connect(&server.admin_url()).await.unwrap();
    let (_, died) = tokio::join!(
        busy.execute("select count(*) from generate_series(1, 10000000000)"),
        async {
            kill(before);
            let died = server.exited().await;
            server.restart().await.unwrap();
            died
        }
    );
    assert!(matches!(died, ServerError::Exited { .. }));
    assert_ne!(server.pid().unwrap(), before);
    assert_eq!(notes(&server).await, 1);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_supervised_server_comes_back_until_it_is_told_to_stop() {
    let folder = Folder::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let progress = Box::new(move |line: &str| sink.lock().unwrap().push(line.to_owned()));
    let server = PrivateServer::start(ServerOptions {
        progress,
        ..options(&folder.0)
    })
    .await
    .unwrap();
    let (url, pid) = (server.admin_url(), server.pid().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let supervised = server.supervise(async {
        stopped.await.unwrap();
    });
    let test = async {
        kill(pid);
        // The old one is dead by now or about to be; only the new one counts.
        while !told
            .lock()
            .unwrap()
            .iter()
            .any(|line: &String| line.contains("starting it again"))
        {
            tokio::task::yield_now().await;
        }
        let mut conn = loop {
            match PgConnection::connect(&url).await {
                Ok(conn) => break conn,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let answer: i32 = sqlx::query_scalar("select 1").fetch_one(&mut conn).await.unwrap();
        assert_eq!(answer, 1);
        stop.send(()).unwrap();
    };
    let (end, ()) = tokio::join!(supervised, test);
    end.unwrap();
    assert!(PgConnection::connect(&url).await.is_err());
}

#[tokio::test]
async fn a_server_whose_parent_was_killed_is_replaced() {
    be_the_parent_if_asked().await;
    let folder = Folder::new();
    let mut parent = parent_of_a_server(&folder.0);
    let orphan = wait_for_postmaster(&folder.0);
    parent.kill().unwrap();
    assert_eq!(parent.wait().unwrap().signal(), Some(9));
    assert!(
        Path::new("/proc").join(orphan.to_string()).exists(),
        "the server outlives its parent"
    );

    let server = start(&folder.0).await;
    assert_ne!(server.pid().unwrap(), orphan);
    assert_eq!(notes(&server).await, 1);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_was_killed_with_its_parent_starts_again() {
    let folder = Folder::new();
    let mut parent = parent_of_a_server(&folder.0);
    let orphan = wait_for_postmaster(&folder.0);
    parent.kill().unwrap();
    kill(orphan);
    parent.wait().unwrap();

    let server = start(&folder.0).await;
    assert_eq!(notes(&server).await, 1);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_process_id_that_now_belongs_to_someone_else_is_left_alone() {
    let folder = Folder::new();
    start(&folder.0).await.stop().await.unwrap();
    let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
    let pid_file = folder.0.join("cluster/postmaster.pid");
    std::fs::write(&pid_file, format!("{}\n", stranger.id())).unwrap();

    let server = start(&folder.0).await;
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_that_was_never_finished_is_made_anew() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.0.join("cluster.unfinished/base")).unwrap();
    std::fs::write(folder.0.join("cluster.unfinished/PG_VERSION"), "15\n").unwrap();
    start(&folder.0).await.stop().await.unwrap();
    assert!(!folder.0.join("cluster.unfinished").exists());
}

#[tokio::test]
async fn a_folder_belongs_to_one_process_at_a_time() {
    let folder = Folder::new();
    let server = start(&folder.0).await;
    let second = PrivateServer::start(options(&folder.0)).await;
    assert!(matches!(second, Err(ServerError::InUse(_))));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_folder_with_a_long_name_and_odd_letters_works() {
    let folder = Folder::new();
    let deep = folder.0.join("é %20?#".repeat(20));
    let server = start(&deep).await;
    run(&server, "select 1").await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn no_service_reads_the_database_of_another() {
    // OPS-5
    let folder = Folder::new();
    let server = start(&folder.0).await;
    for _ in 0..2 {
        server.ensure_database("souk_order", "souk_order").await.unwrap();
        server.ensure_database("souk_user", "souk_user").await.unwrap();
    }
    let mut own = PgConnection::connect(&server.url("souk_order", "souk_order"))
        .await
        .unwrap();
    own.execute("create table orders (id bigint)").await.unwrap();
    for foreign in ["souk_user", "postgres", "template1"] {
        let refused = PgConnection::connect(&server.url(foreign, "souk_order"))
            .await
            .unwrap_err();
        assert_eq!(
            refused.as_database_error().unwrap().code().unwrap(),
            "42501",
            "{foreign}"
        );
    }
    let injected = server.ensure_database("x\"; drop", SUPERUSER).await;
    assert!(matches!(injected, Err(ServerError::BadName(_))));
    drop(own);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn data_goes_elsewhere_if_the_lesser_account_cannot_reach_the_folder() {
    // Only root changes to a lesser account; everybody else reaches what is theirs.
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let closed = Folder::new();
    std::fs::create_dir(&closed.0).unwrap();
    std::fs::set_permissions(&closed.0, Permissions::from_mode(0o700)).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let progress = Box::new(move |line: &str| sink.lock().unwrap().push(line.to_owned()));
    let wanted = options(&closed.0.join("database"));
    let server = PrivateServer::start(ServerOptions { progress, ..wanted })
        .await
        .unwrap();
    let used = Folder(server.data_dir().to_owned());
    server.stop().await.unwrap();

    let elsewhere = used.0.starts_with("/var/lib/souk");
    assert_eq!(elsewhere, is_root, "{}", used.0.display());
    assert_ne!(elsewhere, used.0.starts_with(&closed.0), "{}", used.0.display());
    let path = used.0.display().to_string();
    let is_told = told.lock().unwrap().iter().any(|line| line.contains(&path));
    assert_eq!(is_told, elsewhere, "the user is told where");
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let folder = Folder::new();
    let bin_dir = Some(PathBuf::from("/nowhere"));
    let refused = PrivateServer::start(ServerOptions {
        bin_dir,
        ..options(&folder.0)
    })
    .await;
    assert!(matches!(refused, Err(ServerError::NotThere(_))));
    assert!(
        ServerError::NotInstalled
            .to_string()
            .contains("apt-get install postgresql")
    );
}

/// A process that can be killed: this program once more, at the one test that begins with [`be_the_parent_if_asked`].
fn parent_of_a_server(folder: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "server::a_server_whose_parent_was_killed_is_replaced"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until the parent has written its row, and says which process serves it.
fn wait_for_postmaster(folder: &Path) -> u32 {
    let started = Instant::now();
    while !folder.join("written").exists() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "the parent did not start its server"
        );
        std::thread::yield_now();
    }
    let pid_file = std::fs::read_to_string(folder.join("cluster/postmaster.pid")).unwrap();
    pid_file.lines().next().unwrap().parse().unwrap()
}

/// In the process that is to be killed: starts a server, writes a row and waits for its end. Elsewhere nothing.
#[expect(clippy::disallowed_methods, reason = "how the killing test names the folder")]
async fn be_the_parent_if_asked() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let server = start(folder.as_ref()).await;
    run(
        &server,
        "create table notes (id int); insert into notes values (1)",
    )
    .await;
    std::fs::write(Path::new(&folder).join("written"), "").unwrap();
    std::future::pending::<()>().await;
}

/// Callers spawn these: the compiler is asked here, not there.
#[expect(dead_code, reason = "compiling is the test")]
fn everything_can_be_spawned(server: PrivateServer, mut other: PrivateServer, pool: sqlx::PgPool) {
    fn spawned(_: impl Future + Send + 'static) {}
    spawned(PrivateServer::start(ServerOptions::new("/nowhere")));
    spawned(server.supervise(std::future::pending()));
    spawned(async move {
        drop(other.ensure_database("a", "a").await);
        drop(other.restart().await);
        other.stop().await
    });
    spawned(async move {
        drop(pg::migrate_all(&pool, &[("_history", &pg::MIGRATIONS)]).await);
        drop(pg::pending(&pool, &[("_history", &pg::MIGRATIONS)]).await);
        let claimed = pg::outbox::claim(&pool, crate::harness::NOW, Duration::ZERO, 1)
            .await
            .unwrap();
        drop(pg::outbox::delivered(&pool, &claimed).await);
        drop(pg::outbox::delivered(&pool, claimed.iter().filter(|c| c.attempt > 1)).await);
        pg::outbox::failed(
            &pool,
            claimed.first().unwrap(),
            crate::harness::NOW,
            Duration::ZERO,
        )
        .await
    });
}
