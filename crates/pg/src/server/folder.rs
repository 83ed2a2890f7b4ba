//! The server's folder: who may use it and what lies where.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::ServerError;
use super::account::Account;
use super::binaries;

/// Only part of the socket's name: the server listens on no port.
pub(super) const PORT: u16 = 5432;

/// Where data goes that the account cannot reach where it was asked for.
const STAND_IN: &str = "/var/lib/souk";
/// What `sockaddr_un` holds, less the closing zero.
const SOCKET_PATH_MAX: usize = 107;
/// A process that was just killed holds its lock a moment longer.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// A log that is larger is begun anew at the next start.
const LOG_MAX: u64 = 16 << 20;
/// How much of the log goes into an error.
const LOG_TAIL_LINES: usize = 12;

/// A folder that nobody else uses while this value lives.
pub(super) struct Folder {
    path: PathBuf,
    socket_dir: PathBuf,
    /// Released by the system when the process ends, however it ends.
    _lock: File,
}

impl Folder {
    /// Takes the folder, or the one that stands in for it, for the account that will run the server.
    pub(super) fn open(
        wanted: &Path,
        socket_dir: Option<&Path>,
        progress: &dyn Fn(&str),
    ) -> Result<(Self, Account), ServerError> {
        let wanted = std::path::absolute(wanted).map_err(at(wanted))?;
        let account = Account::choose().map_err(ServerError::Account)?;
        let (path, account) = reachable(&wanted, account, progress)?;
        let lock = lock(&path)?;
        // As the kernel names it, so that the processes in it can be told.
        let path = path.canonicalize().map_err(at(&path))?;
        let socket_dir = make_socket_dir(&path, socket_dir, &account)?;
        Ok((
            Self {
                path,
                socket_dir,
                _lock: lock,
            },
            account,
        ))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.path.join("cluster")
    }

    /// The programs for the cluster: of the version that made it, or the newest where there is none yet.
    pub(super) fn programs(&self, chosen: Option<&Path>) -> Result<PathBuf, ServerError> {
        let version = fs::read_to_string(self.cluster().join("PG_VERSION"));
        let Some(made_by) = version.ok().and_then(|text| text.trim().parse().ok()) else {
            return binaries::find(chosen, None);
        };
        let bin = binaries::find(chosen, Some(made_by))?;
        match binaries::major(&bin) {
            Some(ours) if ours != made_by => Err(ServerError::Version {
                path: self.path.clone(),
                made_by,
                bin,
                ours,
            }),
            _ => Ok(bin),
        }
    }

    pub(super) fn unfinished_cluster(&self) -> PathBuf {
        self.path.join("cluster.unfinished")
    }

    pub(super) fn postmaster_pid_file(&self) -> PathBuf {
        self.cluster().join("postmaster.pid")
    }

    /// The process that says it runs the cluster; it may be long gone.
    pub(super) fn postmaster_pid(&self) -> Option<u32> {
        fs::read_to_string(self.postmaster_pid_file())
            .ok()?
            .lines()
            .next()?
            .trim()
            .parse()
            .ok()
    }

    /// Removes the cluster and its log; the folder stays.
    pub(super) fn erase(&self) -> Result<(), ServerError> {
        for path in [self.cluster(), self.log()] {
            let gone = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            match gone {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path)(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// The log, twice: for standard output and standard error.
    pub(super) fn open_log(&self) -> Result<(File, File), ServerError> {
        let path = self.log();
        let open = || {
            let anew = fs::metadata(&path).is_ok_and(|log| log.len() > LOG_MAX);
            if anew {
                fs::remove_file(&path)?;
            }
            let log = OpenOptions::new().create(true).append(true).open(&path)?;
            Ok((log.try_clone()?, log))
        };
        open().map_err(at(&path))
    }

    pub(super) fn log_tail(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let mut lines: Vec<&str> = log.lines().rev().take(LOG_TAIL_LINES).collect();
        lines.reverse();
        lines.join("\n")
    }

    fn log(&self) -> PathBuf {
        self.path.join("postgres.log")
    }
}

/// `wanted` if the account gets there, else a folder in [`STAND_IN`] that always is the same for `wanted`.
fn reachable(
    wanted: &Path,
    account: Account,
    progress: &dyn Fn(&str),
) -> Result<(PathBuf, Account), ServerError> {
    let account_of = |path: &Path| account.clone().or_owner_of(&path.join("cluster"));
    let here = account_of(wanted);
    here.make_dir(wanted).map_err(at(wanted))?;
    if here.reaches(wanted) {
        return Ok((wanted.to_owned(), here));
    }
    let Account::Other { name, .. } = &account else {
        return Err(ServerError::Unreachable {
            path: wanted.to_owned(),
            account: "this one".to_owned(),
        });
    };
    let parent = Path::new(STAND_IN);
    let path = parent.join(fingerprint(wanted));
    let there = account_of(&path);
    fs::create_dir_all(parent)
        .and_then(|()| fs::set_permissions(parent, fs::Permissions::from_mode(0o755)))
        .and_then(|()| there.make_dir(&path))
        .map_err(at(&path))?;
    if !there.reaches(&path) {
        return Err(ServerError::Unreachable {
            path,
            account: name.clone(),
        });
    }
    progress(&format!(
        "PostgreSQL runs as `{name}`, who cannot reach {}; its data is in {}",
        wanted.display(),
        path.display()
    ));
    Ok((path, there))
}

/// Where the socket is of the server that runs in `wanted` now, or in the folder that stands in for it.
pub(super) fn running_socket_dir(wanted: &Path) -> Option<PathBuf> {
    let wanted = std::path::absolute(wanted).ok()?;
    let stand_in = Path::new(STAND_IN).join(fingerprint(&wanted));
    [wanted, stand_in].iter().find_map(|path| {
        // The fifth line names the socket's folder; the file goes when the server stops.
        let file = fs::read_to_string(path.join("cluster/postmaster.pid")).ok()?;
        let dir = PathBuf::from(file.lines().nth(4)?.trim());
        dir.join(format!(".s.PGSQL.{PORT}")).exists().then_some(dir)
    })
}

fn lock(path: &Path) -> Result<File, ServerError> {
    let name = path.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&name)
        .map_err(at(&name))?;
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if started.elapsed() < LOCK_TIMEOUT => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(TryLockError::WouldBlock) => return Err(ServerError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(ServerError::Folder { path: name, source }),
        }
    }
}

fn make_socket_dir(path: &Path, wanted: Option<&Path>, account: &Account) -> Result<PathBuf, ServerError> {
    let inside = path.join("socket");
    let short = Path::new("/tmp").join(format!("souk-{}", fingerprint(path)));
    let candidates = wanted.map_or_else(|| vec![inside, short], |dir| vec![dir.to_owned()]);
    for dir in candidates {
        let socket = dir.join(format!(".s.PGSQL.{PORT}"));
        if socket.as_os_str().as_bytes().len() > SOCKET_PATH_MAX {
            continue;
        }
        // Someone else's link in /tmp must not be followed.
        if fs::symlink_metadata(&dir).is_ok_and(|found| !found.is_dir()) {
            return Err(ServerError::Folder {
                path: dir,
                source: io::ErrorKind::NotADirectory.into(),
            });
        }
        account.make_dir(&dir).map_err(at(&dir))?;
        return Ok(dir);
    }
    Err(ServerError::SocketPath(wanted.unwrap_or(path).to_owned()))
}

impl Account {
    /// Root may find a cluster that an ordinary user made: it then runs as that user.
    fn or_owner_of(self, cluster: &Path) -> Self {
        match (self, fs::metadata(cluster)) {
            (Self::Other { .. }, Ok(found)) if found.uid() != 0 => Self::Other {
                name: format!("user {}", found.uid()),
                uid: found.uid(),
                gid: found.gid(),
            },
            (account, _) => account,
        }
    }
}

/// The same short name for the same path, in every release (FNV-1a).
fn fingerprint(path: &Path) -> String {
    let hash = path
        .as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}

pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> ServerError + use<> {
    let path = path.to_owned();
    move |source| ServerError::Folder {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn a_path_keeps_its_fingerprint_across_releases() {
        assert_eq!(fingerprint("/a".as_ref()), "07d66707b49cd92d");
    }
}
