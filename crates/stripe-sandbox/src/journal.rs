//! The journal: a file of JSON lines, one for each committed request, written before the request is answered. At
//! start it is read, and rewritten without what later lines replaced. A process that dies loses nothing that was
//! answered; a machine that loses power may lose the last lines, as they are not synced one by one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::state::Record;

/// How often the lock is tried, for a process that is just ending.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("{} is used by another sandbox", .0.display())]
    Locked(PathBuf),
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("line {line} of {} cannot be read: {source}; move the file away to start anew", path.display())]
    Corrupt {
        path: PathBuf,
        line: usize,
        source: serde_json::Error,
    },
    #[error("an earlier write failed halfway and could not be taken back")]
    Broken,
    #[error("cannot write a record: {0}")]
    Record(#[from] serde_json::Error),
}

/// Where records go.
#[derive(Debug)]
pub(crate) enum Journal {
    /// Nowhere.
    Memory,
    /// Into a file.
    File(Log),
}

/// An open journal file.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    length: u64,
    broken: bool,
    /// Held as long as the journal is open.
    _lock: File,
}

impl Journal {
    /// Opens the journal at `path`: hands every record to `each`, then has `dump` write what is left of them.
    pub(crate) async fn open<S>(
        path: &Path,
        state: &mut S,
        each: impl Fn(&mut S, Record),
        dump: impl Fn(&S, &mut dyn FnMut(&Record) -> Result<(), JournalError>) -> Result<(), JournalError>,
    ) -> Result<Self, JournalError> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed("create the folder of", path))?;
        }
        let lock = lock(path).await?;
        read(path, |record| each(state, record))?;

        let fresh = beside(path, "new");
        let file = private()
            .truncate(true)
            .open(&fresh)
            .map_err(failed("create", &fresh))?;
        let mut out = BufWriter::with_capacity(1 << 18, file);
        dump(state, &mut |record| {
            serde_json::to_writer(&mut out, record)?;
            out.write_all(b"\n").map_err(failed("write", &fresh))
        })?;
        let file = out
            .into_inner()
            .map_err(|e| failed("write", &fresh)(e.into_error()))?;
        file.sync_all().map_err(failed("write", &fresh))?;
        fs::rename(&fresh, path).map_err(failed("replace", path))?;
        let length = file.metadata().map_err(failed("read", path))?.len();
        Ok(Self::File(Log {
            path: path.to_owned(),
            file,
            length,
            broken: false,
            _lock: lock,
        }))
    }

    /// Writes `record` in one piece. If that fails the file is as it was before.
    pub(crate) fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let Self::File(log) = self else {
            return Ok(());
        };
        if log.broken {
            return Err(JournalError::Broken);
        }
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        if let Err(error) = log.file.write_all(&line) {
            // Half a line must not stand between two whole ones.
            log.broken = log.take_back().is_err();
            return Err(failed("write", &log.path)(error));
        }
        log.length += u64::try_from(line.len()).unwrap_or_default();
        Ok(())
    }

    /// Whether records can be written.
    pub(crate) fn writable(&self) -> bool {
        match self {
            Self::Memory => true,
            Self::File(log) => !log.broken,
        }
    }
}

impl Log {
    fn take_back(&mut self) -> io::Result<()> {
        use std::io::{Seek as _, SeekFrom};
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length)).map(drop)
    }
}

/// Two processes on one journal would each lose what the other writes.
async fn lock(path: &Path) -> Result<File, JournalError> {
    let beside = beside(path, "lock");
    let file = private()
        .truncate(false)
        .open(&beside)
        .map_err(failed("create", &beside))?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(failed("lock", &beside)(error)),
        }
    }
    Err(JournalError::Locked(path.to_owned()))
}

/// Hands the records at `path` to `each`. A last line without its end was never answered, and is left out.
fn read(path: &Path, mut each: impl FnMut(Record)) -> Result<(), JournalError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("read", path)(error)),
    };
    let whole = bytes.iter().rposition(|b| *b == b'\n').unwrap_or(0);
    if whole + 1 < bytes.len() {
        tracing::warn!(path = %path.display(), "the last line of the journal is torn; it is left out");
    }
    for (at, line) in bytes
        .get(..whole)
        .unwrap_or_default()
        .split(|b| *b == b'\n')
        .enumerate()
    {
        if line.is_empty() {
            continue;
        }
        each(
            serde_json::from_slice(line).map_err(|source| JournalError::Corrupt {
                path: path.to_owned(),
                line: at + 1,
                source,
            })?,
        );
    }
    Ok(())
}

/// Nobody else on this machine has to see client secrets.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

fn failed(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> JournalError + use<> {
    let path = path.to_owned();
    move |source| JournalError::Io {
        doing,
        path: path.clone(),
        source,
    }
}
