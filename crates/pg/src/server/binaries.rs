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

/// The folder with `initdb` and `postgres`: `chosen` if given, else from the usual places the version `made_by`, or the
/// newest.
///
/// # Errors
/// [`ServerError::NotInstalled`], which names the command that installs it, or [`ServerError::NotThere`].
pub fn find(chosen: Option<&Path>, made_by: Option<u32>) -> Result<PathBuf, ServerError> {
    if let Some(dir) = chosen {
        return if is_complete(dir) {
            Ok(dir.to_owned())
        } else {
            Err(ServerError::NotThere(dir.to_owned()))
        };
    }
    let wanted = |version: &[u32]| made_by.is_none_or(|major| version.first() == Some(&major));
    let installed = || {
        let places = VERSIONED.iter();
        places.map(|(parent, prefix, rest)| versions(Path::new(parent), prefix, rest))
    };
    installed()
        .find_map(|found| found.into_iter().filter(|(version, _)| wanted(version)).max())
        .or_else(|| installed().find_map(|found| found.into_iter().max()))
        .map(|(_, dir)| dir)
        .or_else(|| PLAIN.iter().map(PathBuf::from).find(|dir| is_complete(dir)))
        .ok_or(ServerError::NotInstalled)
}

fn versions(parent: &Path, prefix: &str, rest: &str) -> Vec<(Vec<u32>, PathBuf)> {
    let entries = std::fs::read_dir(parent).into_iter().flatten();
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = version_in(name.to_str()?.strip_prefix(prefix)?);
            let dir = entry.path().join(rest);
            is_complete(&dir).then_some((version, dir))
        })
        .collect()
}

/// The major version of the programs in `bin`; nothing if they do not say.
pub(super) fn major(bin: &Path) -> Option<u32> {
    let said = std::process::Command::new(bin.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    // `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, or `16beta1`.
    let version = said.split(')').nth(1)?.trim_start();
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
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
