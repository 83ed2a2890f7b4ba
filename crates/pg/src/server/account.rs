//! The system account that the server runs as: PostgreSQL refuses to run as root.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Accounts to change to when we are root, in order of preference.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// Whom the server runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// As we do.
    Ours,
    /// Someone with fewer rights, since we are root.
    Other {
        /// The account's name.
        name: String,
        /// Its user id.
        uid: u32,
        /// Its group id.
        gid: u32,
    },
}

impl Account {
    /// Ours, or a lesser one if ours is root.
    ///
    /// # Errors
    /// The account cannot be found out.
    pub fn choose() -> io::Result<Self> {
        if our_uid()? != 0 {
            return Ok(Self::Ours);
        }
        let accounts = fs::read_to_string("/etc/passwd")?;
        CANDIDATES
            .iter()
            .find_map(|wanted| accounts.lines().find_map(|line| parse(line, wanted)))
            .ok_or_else(|| io::Error::other("neither `postgres` nor `nobody` is in /etc/passwd"))
    }

    /// A command that runs as this account. Starts in `/`, which everyone may enter, with a bare
    /// environment (`PGPORT` and its like would bend the server) and out of reach of the terminal's Ctrl-C.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir("/")
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .process_group(0);
        if let Self::Other { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid);
        }
        command
    }

    /// Makes `dir` and hands it to the account, closed to everyone else.
    ///
    /// # Errors
    /// The folder cannot be made or handed over.
    pub fn make_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        if let Self::Other { uid, gid, .. } = self {
            chown(dir, Some(*uid), Some(*gid))?;
        }
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
    }

    /// Whether the account can get at `dir` and write there; a folder above it may be closed.
    pub fn reaches(&self, dir: &Path) -> bool {
        self.command(Path::new("/bin/sh"))
            .args(["-c", r#"cd "$0" && test -w ."#])
            .arg(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

fn our_uid() -> io::Result<u32> {
    if let Ok(process) = fs::metadata("/proc/self") {
        return Ok(process.uid());
    }
    let answer = Command::new("id").arg("-u").output()?.stdout;
    String::from_utf8_lossy(&answer)
        .trim()
        .parse()
        .map_err(io::Error::other)
}

fn parse(line: &str, wanted: &str) -> Option<Account> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|&name| name == wanted)?;
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(Account::Other {
        name: name.to_owned(),
        uid,
        gid,
    })
}

#[cfg(test)]
mod tests {
    use super::{Account, parse};

    #[test]
    fn an_account_is_read_from_its_line() {
        let nobody = Account::Other {
            name: "nobody".to_owned(),
            uid: 65534,
            gid: 65533,
        };
        assert_eq!(
            parse("nobody:x:65534:65533:nobody:/nonexistent:/bin/false", "nobody"),
            Some(nobody)
        );
        assert_eq!(parse("nobody2:x:1:1::/:/bin/false", "nobody"), None);
        assert_eq!(parse("nobody", "nobody"), None);
    }
}
