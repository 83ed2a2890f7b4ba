//! A mail server of another make, in a process of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use souk_test_shop::{Process, free_ports};

/// Every character that means something in an address.
pub const PASSWORD: &str = "p@ss:wörd/%?#";
/// The same as it is written in one.
const WRITTEN: &str = "p%40ss%3Aw%C3%B6rd%2F%25%3F%23";

/// How a connection gets safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// When the client asks for it.
    StartTls,
    /// From the first byte.
    Tls,
    /// Never; and it asks for a password.
    Bare,
}

/// The server, its books and where it is.
pub struct Office {
    pub folder: PathBuf,
    safety: Safety,
    port: u16,
    certificate: &'static str,
    /// How long shops wait for it, in seconds.
    pub patience: u8,
    process: Option<Process>,
}

fn certificates() -> PathBuf {
    env("MAIL_TEST_CERTIFICATES").into()
}

#[expect(
    clippy::disallowed_methods,
    reason = "scripts/mail.sh says where the server is"
)]
fn env(name: &str) -> String {
    std::env::var(name).expect("run this by scripts/mail.sh")
}

impl Office {
    /// A server that is not open yet, with the certificate of this name.
    pub fn new(safety: Safety, certificate: &'static str) -> Self {
        let port = free_ports(1);
        let folder = std::env::temp_dir().join(format!("souk-office-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("password"), PASSWORD).expect("its password");
        Self {
            folder,
            safety,
            port,
            certificate,
            patience: 30,
            process: None,
        }
    }

    /// Opens it, again if need be.
    pub fn open(&mut self) {
        let file = |kind: &str| certificates().join(format!("{}.{kind}", self.certificate));
        let mut command = Command::new(env("MAIL_TEST_PYTHON"));
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smtp/server.py"))
            .arg(self.port.to_string())
            .arg(&self.folder)
            .arg(match self.safety {
                Safety::StartTls => "starttls",
                Safety::Tls => "tls",
                Safety::Bare => "bare",
            })
            .args([file("pem"), file("key")])
            .stdout(Stdio::piped());
        let mut process = Process::start("mail server", &mut command);
        let mut said = String::new();
        let stdout = process.child().stdout.take().expect("its standard output");
        let read = BufReader::new(stdout).read_line(&mut said);
        assert!(read.is_ok() && said == "ready\n", "the mail server says {said:?}");
        self.process = Some(process);
    }

    /// Kills it.
    pub fn close(&mut self) {
        self.process.take().expect("an open mail server").kill();
    }

    /// For `MAIL_URL`.
    pub fn url(&self) -> String {
        let scheme = if self.safety == Safety::Tls {
            "smtps"
        } else {
            "smtp"
        };
        format!("{scheme}://shop:{WRITTEN}@127.0.0.1:{}", self.port)
    }

    /// What a shop must be told to send here.
    pub fn settings(&self) -> [(String, String); 3] {
        let own = certificates().join("own.pem").display().to_string();
        [
            ("MAIL_URL".to_owned(), self.url()),
            ("MAIL_CA_FILE".to_owned(), own),
            ("MAIL_TIMEOUT_SECONDS".to_owned(), self.patience.to_string()),
        ]
    }

    /// What it says to the next mails.
    pub fn will(&self, answers: &[&str]) {
        std::fs::write(self.folder.join("answers"), answers.join("\n") + "\n").expect("written");
    }

    /// Whether no answer of those that [`will`](Self::will) gave it is left.
    pub fn has_said_all(&self) -> bool {
        std::fs::read_to_string(self.folder.join("answers")).is_ok_and(|left| left.is_empty())
    }

    /// What it does from now on, as long as it does: `silent`, `speak` or `utf8`.
    pub fn does(&self, what: &str, on: bool) {
        let file = self.folder.join(what);
        match on {
            true => std::fs::write(file, "").expect("written"),
            false => std::fs::remove_file(file).expect("removed"),
        }
    }

    /// Takes another password from now on.
    pub fn takes(&self, password: &str) {
        let mut file = std::fs::File::create(self.folder.join("password")).expect("its password");
        file.write_all(password.as_bytes()).expect("written");
    }

    /// The mails that it took.
    pub fn mails(&self) -> Vec<Value> {
        self.lines("mails.jsonl")
    }

    /// Whoever tried to sign in.
    pub fn signed_in(&self) -> Vec<Value> {
        self.lines("signed-in")
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        // A line that is being written has no end yet.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        drop(self.process.take());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
