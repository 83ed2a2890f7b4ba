//! Where PostgreSQL's programs are on this machine.

use std::path::{Path, PathBuf};

use super::ServerError;

/// Folders that hold one folder per version, and what leads from there to the programs.
const VERSIONED: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];
/// Folders that hold one version.
const PLAIN: &[&str] = &[
    "/usr/local/pgsql/bin",
    "/usr/libexec/postgresql",
    "/usr/local/bin",
    "/usr/bin",
];

/// The folder with `initdb` and `postgres`: `chosen` if given, else the newest version of the usual places.
///
/// # Errors
/// [`ServerError::NotInstalled`], which names the command that installs it, or [`ServerError::NotThere`].
pub fn find(chosen: Option<&Path>) -> Result<PathBuf, ServerError> {
    if let Some(dir) = chosen {
        return if is_complete(dir) {
            Ok(dir.to_owned())
        } else {
            Err(ServerError::NotThere(dir.to_owned()))
        };
    }
    VERSIONED
        .iter()
        .find_map(|(parent, prefix, rest)| newest(Path::new(parent), prefix, rest))
        .or_else(|| PLAIN.iter().map(PathBuf::from).find(|dir| is_complete(dir)))
        .ok_or(ServerError::NotInstalled)
}

fn newest(parent: &Path, prefix: &str, rest: &str) -> Option<PathBuf> {
    std::fs::read_dir(parent)
        .ok()?
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = version_in(name.to_str()?.strip_prefix(prefix)?);
            let dir = entry.path().join(rest);
            is_complete(&dir).then_some((version, dir))
        })
        .max()
        .map(|(_, dir)| dir)
}

/// `15`, `@17` and `9.6` as numbers; a folder without one counts as the oldest.
fn version_in(name: &str) -> Vec<u32> {
    name.trim_start_matches('@')
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect()
}

fn is_complete(dir: &Path) -> bool {
    ["initdb", "postgres"]
        .iter()
        .all(|program| dir.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn version_ten_is_newer_than_nine() {
        assert!(version_in("10") > version_in("9.6"));
        assert!(version_in("@17") > version_in("@9"));
        assert!(version_in("") < version_in("@14"));
    }
}
