//! What a crash leaves behind: a server without a parent, backends without a server, files that name
//! processes which are gone.

use std::fs;
use std::path::Path;
use std::process::{Command as StdCommand, Stdio};
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::ServerError;
use super::account::Account;
use super::folder::{Folder, PORT, at};

/// What to send to a process that does not end, and after how long.
const ESCALATION: [(Duration, &str); 3] = [
    (Duration::ZERO, "INT"),
    (Duration::from_secs(8), "QUIT"),
    (Duration::from_secs(12), "KILL"),
];
/// Backends notice by themselves that their server is gone, unless they are busy.
const BACKEND_PATIENCE: Duration = Duration::from_millis(500);
const GIVE_UP: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// Ends every process of the cluster and removes what would keep a new server from starting.
///
/// The caller holds the folder's lock, so whatever still runs here has lost its owner.
pub(super) async fn clear(
    folder: &Folder,
    bin: &Path,
    account: &Account,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), ServerError> {
    let cluster = folder.cluster();
    if !Path::new("/proc/self/cwd").exists() {
        return stop_with_pg_ctl(folder, bin, account).await;
    }
    end_server(folder, progress).await?;
    end_all_in(&cluster).await?;
    // Nothing of the old server is alive: its files can only mislead. Their process id may by now be anyone's.
    let socket_lock = folder.socket_dir().join(format!(".s.PGSQL.{PORT}.lock"));
    for stale in [folder.postmaster_pid_file(), socket_lock] {
        if stale.exists() {
            fs::remove_file(&stale).map_err(at(&stale))?;
        }
    }
    let unfinished = folder.unfinished_cluster();
    if unfinished.exists() {
        progress("clearing away a cluster that was never finished");
        end_all_in(&unfinished).await?;
        fs::remove_dir_all(&unfinished).map_err(at(&unfinished))?;
    }
    Ok(())
}

/// Whether the server's log says that it could not start because of an earlier one.
pub(super) fn are_blamed_in(log: &str) -> bool {
    ["lock file", "shared memory block", "still in use"]
        .iter()
        .any(|sign| log.contains(sign))
}

async fn end_server(folder: &Folder, progress: &(dyn Fn(&str) + Send + Sync)) -> Result<(), ServerError> {
    let Some(pid) = folder.postmaster_pid() else {
        return Ok(());
    };
    let cluster = folder.cluster();
    let started = Instant::now();
    let mut steps = ESCALATION.iter().peekable();
    while is_in(pid, &cluster) {
        if started.elapsed() > GIVE_UP {
            return Err(ServerError::Stuck { pids: vec![pid] });
        }
        if let Some((_, name)) = steps.next_if(|(after, _)| started.elapsed() >= *after) {
            progress(&format!(
                "stopping a PostgreSQL that an earlier run left behind (process {pid})"
            ));
            signal(name, &[pid]).await;
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

async fn end_all_in(cluster: &Path) -> Result<(), ServerError> {
    let started = Instant::now();
    loop {
        let pids = processes_in(cluster);
        if pids.is_empty() {
            return Ok(());
        }
        if started.elapsed() > GIVE_UP {
            return Err(ServerError::Stuck { pids });
        }
        if started.elapsed() > BACKEND_PATIENCE {
            signal("KILL", &pids).await;
        }
        tokio::time::sleep(POLL).await;
    }
}

fn processes_in(cluster: &Path) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&pid| is_in(pid, cluster))
        .collect()
}

/// Whether `pid` is a live process of the cluster. Each of them works in the cluster's folder, except `initdb`
/// and a server in its first moments, which name it; a process that is dead but not waited for does neither.
fn is_in(pid: u32, cluster: &Path) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    if fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == cluster) {
        return true;
    }
    let Ok(command) = fs::read(process.join("cmdline")) else {
        return false;
    };
    let mut arguments = command.split(|byte| *byte == 0);
    let is_postgres = arguments
        .next()
        .is_some_and(|program| program.ends_with(b"/postgres") || program.ends_with(b"/initdb"));
    is_postgres && arguments.any(|argument| argument == cluster.as_os_str().as_encoded_bytes())
}

/// Where the system does not show its processes as files, PostgreSQL's own tool has to do.
async fn stop_with_pg_ctl(folder: &Folder, bin: &Path, account: &Account) -> Result<(), ServerError> {
    if folder.postmaster_pid_file().exists() {
        for mode in ["fast", "immediate"] {
            let mut stop = account.command(&bin.join("pg_ctl"));
            stop.args(["stop", "-w", "-t", "10", "-m", mode, "-D"])
                .arg(folder.cluster());
            // It fails where nothing runs, which is what is wanted.
            drop(Command::from(stop).output().await);
        }
    }
    let unfinished = folder.unfinished_cluster();
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(at(&unfinished))?;
    }
    Ok(())
}

/// Sends a signal; that a process is gone already is no failure. Through the shell's `kill`, which every
/// system has.
pub(super) async fn signal(name: &str, pids: &[u32]) {
    drop(Command::from(kill(name, pids)).status().await);
}

/// As [`signal`], from where nothing can be awaited.
pub(super) fn signal_without_waiting(name: &str, pid: u32) {
    drop(kill(name, &[pid]).spawn());
}

fn kill(name: &str, pids: &[u32]) -> StdCommand {
    let mut command = StdCommand::new("/bin/sh");
    command
        .args(["-c", r#"kill -s "$@""#, "sh", name])
        .args(pids.iter().map(u32::to_string));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
