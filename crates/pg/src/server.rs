//! A private PostgreSQL of one's own.

pub mod account;
pub mod binaries;

use std::path::{Path, PathBuf};

/// The role that owns the cluster.
pub const SUPERUSER: &str = "souk";

/// Why no server could be had.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// PostgreSQL is not on this machine.
    #[error(
        "PostgreSQL is not installed (looked in /usr/lib/postgresql/*/bin and the other usual places); install it with \
         `sudo apt-get install postgresql` (macOS: `brew install postgresql@17`, Fedora: `sudo dnf install \
         postgresql-server`), or name its folder in PG_BIN"
    )]
    NotInstalled,
    /// The folder that was named does not hold it.
    #[error("PG_BIN is {}, but initdb and postgres are not both in there", .0.display())]
    NotThere(PathBuf),
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
    format!("postgres://{role}@localhost:5432/{database}?host={host}")
}
