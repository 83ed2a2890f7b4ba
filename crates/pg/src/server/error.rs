//! Why there is no server, and what to do about it.

use std::io;
use std::path::PathBuf;

/// Why no server could be had.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// PostgreSQL is not on this machine.
    #[error(
        "PostgreSQL is not installed (looked in /usr/lib/postgresql/*/bin and the other usual places); install it \
         with `sudo apt-get install postgresql` (macOS: `brew install postgresql@17`, Fedora: `sudo dnf install \
         postgresql-server`), or name the folder of its programs in PG_BIN"
    )]
    NotInstalled,
    /// The folder that was named does not hold it.
    #[error("PG_BIN is {}, but initdb and postgres are not both in there", .0.display())]
    NotThere(PathBuf),
    /// Another release of PostgreSQL made the data.
    #[error(
        "the data in {} was made by PostgreSQL {made_by}, but {} holds PostgreSQL {ours}; install PostgreSQL {made_by}, \
         name the folder of its programs in PG_BIN, or choose another folder", path.display(), bin.display()
    )]
    Version {
        /// The folder of the data.
        path: PathBuf,
        /// The release that the data belongs to.
        made_by: u32,
        /// The programs.
        bin: PathBuf,
        /// Their release.
        ours: u32,
    },
    /// Root may not run it, and there is no one else.
    #[error("PostgreSQL cannot run as root, and no other account was found; make one called `postgres`")]
    Account(#[source] io::Error),
    /// Another process of ours has the folder.
    #[error("another process uses the database in {}; stop it, or choose another folder", .0.display())]
    InUse(PathBuf),
    /// A folder or file cannot be made, read or handed over.
    #[error("cannot use {}; check who owns it and whether the disk is full", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The account cannot reach any folder.
    #[error("the account `{account}` cannot reach {}; choose a folder that it may enter", path.display())]
    Unreachable {
        /// Which folder.
        path: PathBuf,
        /// Whose account.
        account: String,
    },
    /// The folder's path leaves no room for a socket.
    #[error("the socket's path in {} is longer than the 107 bytes that the system allows", .0.display())]
    SocketPath(PathBuf),
    /// The cluster could not be made.
    #[error("PostgreSQL could not make its cluster ({status}): {log}")]
    Init {
        /// How `initdb` ended.
        status: String,
        /// What it said.
        log: String,
    },
    /// The server ended by itself.
    #[error("PostgreSQL ended by itself ({status}); the end of its log:\n{log}")]
    Exited {
        /// How it ended.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// The server runs, but does not answer.
    #[error("PostgreSQL did not answer in time; the end of its log:\n{log}")]
    Timeout {
        /// The last lines of its log.
        log: String,
    },
    /// Processes of an earlier server do not end.
    #[error("processes of an earlier PostgreSQL do not end: {pids:?}")]
    Stuck {
        /// Which.
        pids: Vec<u32>,
    },
    /// A program could not be started or waited for.
    #[error("could not run PostgreSQL's programs")]
    Process(#[source] io::Error),
    /// A database or role cannot have this name.
    #[error("`{0}` is no name for a database or role: lowercase letters, digits and underscores, 63 at most")]
    BadName(String),
    /// The server refused.
    #[error("the private PostgreSQL refused")]
    Store(#[from] sqlx::Error),
}
