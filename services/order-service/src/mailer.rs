//! Sending mail: over SMTP, or into a folder where nothing leaves the machine.

mod dialogue;
mod route;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use runtime::Dependency;
use time::OffsetDateTime;

use crate::domain::Letter;
pub use route::Mistake;
pub(crate) use route::Route;
pub use trouble::MailError;
pub(crate) use trouble::Trouble;

/// How long handing one mail over may take, unless the settings say otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// What a mail is counted under that was sent.
pub(crate) const SENT: &str = "sent";

/// Where mails go, and whom they are from.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Where they go.
    pub(crate) route: Route,
    /// The sender; its domain ends the Message-IDs.
    pub(crate) from: Mailbox,
    /// How long handing one over may take.
    pub(crate) patience: Duration,
}

impl MailSettings {
    /// Files in `dir` instead of mails.
    #[must_use]
    pub fn folder(dir: PathBuf) -> Self {
        Self {
            route: Route::Folder(dir),
            from: Mailbox::new(
                Some("Souk".to_owned()),
                Address::new_dangerous("orders", "souk.example"),
            ),
            patience: PATIENCE,
        }
    }

    /// The same sender, and the mail server at `address` whose certificate comes from one of `authorities` (PEM), or from
    /// a public authority.
    ///
    /// # Errors
    /// Which of the settings is wrong, and why.
    pub fn through(self, address: &str, authorities: Option<&str>) -> Result<Self, Mistake> {
        let route = Route::parse(address, authorities)?;
        Ok(Self { route, ..self })
    }
}

/// Sends mails from one address.
#[derive(Clone)]
pub struct Mailer {
    settings: MailSettings,
    /// What keeps mails from leaving, as the latest attempt has it.
    stuck: Arc<Mutex<Option<Trouble>>>,
}

/// A mail that is about to be sent.
#[derive(Debug)]
pub struct Mail<'a> {
    /// To whom.
    pub to: &'a str,
    /// The words.
    pub letter: &'a Letter,
    /// What makes it this mail: repeated by each attempt, so that a reader shows it once. Letters, digits, `-` and `.`.
    pub key: &'a str,
    /// When it became due; also the same for each attempt.
    pub at: OffsetDateTime,
}

/// Nobody is to answer by a machine: no notes of absence (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Mailer {
    /// As `settings` say. Connects when there is something to send.
    #[must_use]
    pub fn new(settings: MailSettings) -> Self {
        Self {
            settings,
            stuck: Arc::default(),
        }
    }

    /// How long [`send`](Self::send) takes at most, and a moment for the goodbye.
    #[must_use]
    pub const fn patience(&self) -> Duration {
        self.settings.patience
    }

    /// How mail is, as the latest attempt found it: nobody is called for this. A server that
    /// refuses a mail or puts it off serves us; such mails are counted.
    pub fn dependency(&self) -> Dependency {
        let stuck = Arc::clone(&self.stuck);
        Dependency::new("mail", move || {
            let trouble = *stuck.lock().unwrap_or_else(PoisonError::into_inner);
            std::future::ready(trouble.map_or(Ok(()), |trouble| Err(trouble.name())))
        })
    }

    /// Sends one mail, or says why not.
    pub async fn send(&self, mail: &Mail<'_>) -> Result<(), MailError> {
        let message = self.write(mail)?;
        let sent = match &self.settings.route {
            Route::Folder(dir) => save(dir, mail, message.formatted()).await,
            Route::Smtp(server) => server.send(&message, self.settings.patience).await,
        };
        let trouble = sent.as_ref().err().map(|error| error.trouble);
        *self.stuck.lock().unwrap_or_else(PoisonError::into_inner) =
            trouble.filter(|trouble| !trouble.is_about_one_mail());
        sent
    }

    /// The message, with the same Message-ID and date for each attempt. It says what is so by now.
    fn write(&self, mail: &Mail<'_>) -> Result<Message, MailError> {
        let never = |text: String| MailError::new(Trouble::Refused, text);
        // Parsed, so that nothing but one address gets into the envelope and the header.
        let to: Address = mail
            .to
            .parse()
            .map_err(|_| never("the account's address is none that mail can be sent to".to_owned()))?;
        let id = format!("<{}@{}>", mail.key, self.settings.from.email.domain());
        let Letter { subject, text, html } = mail.letter;
        // No line of ours begins with two hyphens, so that none is taken for the boundary.
        let body = MultiPart::alternative()
            .boundary(format!("=_{}", mail.key))
            .singlepart(SinglePart::plain(text.clone()))
            .singlepart(SinglePart::html(html.clone()));
        Message::builder()
            .from(self.settings.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject.clone())
            .message_id(Some(id))
            .date(SystemTime::from(mail.at))
            .header(AutoSubmitted)
            .multipart(body)
            .map_err(|error| never(format!("the mail could not be written: {error}")))
    }
}

/// Writes beside and renames: whoever watches the folder sees whole mails only. A repeated mail replaces itself.
async fn save(dir: &Path, mail: &Mail<'_>, bytes: Vec<u8>) -> Result<(), MailError> {
    let file = dir.join(format!("{}-{}.eml", mail.at.unix_timestamp(), mail.key));
    let (folder, named) = (dir.to_owned(), file.clone());
    // One errand for all three: each costs two switches of threads.
    let written = tokio::task::spawn_blocking(move || {
        let part = named.with_extension("part");
        std::fs::create_dir_all(folder)?;
        std::fs::write(&part, bytes)?;
        std::fs::rename(&part, &named)
    });
    let written = written.await.unwrap_or_else(|lost| Err(lost.into()));
    written.map_err(|error| {
        let text = format!("{} could not be written: {error}", file.display());
        MailError::new(Trouble::Unwritten, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailer(route: Route) -> Mailer {
        let from = "Košík <orders@souk.example>".parse().unwrap();
        Mailer::new(MailSettings {
            route,
            from,
            patience: PATIENCE,
        })
    }

    fn letter() -> Letter {
        Letter {
            subject: "Objednávka SK-1\r\nBcc: all@example.com".to_owned(),
            text: "2 × hrnek\n".to_owned(),
            html: "<p>2 × hrnek</p>\n".to_owned(),
        }
    }

    fn mail<'a>(to: &'a str, letter: &'a Letter) -> Mail<'a> {
        Mail {
            to,
            letter,
            key: "SK-1.paid",
            at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    // ORD-13
    #[tokio::test]
    async fn a_repeated_mail_is_the_same_file_with_one_head_that_nobody_can_add_to() {
        let dir = std::env::temp_dir().join(format!("souk-mailer-{}", uuid::Uuid::now_v7()));
        let mailer = mailer(Route::parse(&format!("file:{}", dir.display()), None).unwrap());
        let letter = letter();
        mailer.send(&mail("ada@example.com", &letter)).await.unwrap();
        mailer.send(&mail("ada@example.com", &letter)).await.unwrap();
        let files: Vec<_> = std::fs::read_dir(&dir)
            .unwrap()
            .map(|f| f.unwrap().path())
            .collect();
        assert_eq!(files, [dir.join("0-SK-1.paid.eml")]);
        let text = std::fs::read_to_string(dir.join("0-SK-1.paid.eml")).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        let names: Vec<&str> = head
            .lines()
            .filter(|line| !line.starts_with(' '))
            .map(|line| line.split(':').next().unwrap())
            .collect();
        let expected = [
            "From",
            "To",
            "Subject",
            "Message-ID",
            "Date",
            "Auto-Submitted",
            "Content-Type",
        ];
        assert!(expected.iter().all(|name| names.contains(name)), "{head}");
        assert!(
            names
                .iter()
                .all(|name| expected.contains(name) || *name == "MIME-Version"),
            "{head}"
        );
        assert!(head.contains("Message-ID: <SK-1.paid@souk.example>"), "{head}");
        assert!(head.is_ascii(), "{head}");
        let message = mailer.write(&mail("ada@example.com", &letter)).unwrap();
        assert_eq!(
            message.formatted(),
            text.as_bytes(),
            "the same at each attempt while the letter is"
        );
    }

    // OPS-1
    #[tokio::test]
    async fn mail_is_as_its_latest_attempt_left_it() {
        let dir = std::env::temp_dir().join(format!("souk-mailer-{}", uuid::Uuid::now_v7()));
        let (letter, file) = (letter(), dir.join("mail"));
        let mailer = mailer(Route::Folder(file.clone()));
        assert_eq!(mailer.dependency().status().await, "ok");
        // A file stands where the folder of mails should be made.
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(&file, "").unwrap();
        mailer.send(&mail("ada@example.com", &letter)).await.unwrap_err();
        assert_eq!(mailer.dependency().status().await, "unwritten");
        mailer.send(&mail("ada", &letter)).await.unwrap_err();
        assert_eq!(
            mailer.dependency().status().await,
            "unwritten",
            "that was not the way's fault"
        );
        std::fs::remove_file(&file).unwrap();
        mailer.send(&mail("ada@example.com", &letter)).await.unwrap();
        assert_eq!(mailer.dependency().status().await, "ok");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    /// A server that gives these answers to its next caller, whatever they say.
    async fn answer(listener: &tokio::net::TcpListener, answers: &[&str]) {
        use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

        let (mut stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.split();
        let mut lines = BufReader::new(read).lines();
        for answer in answers {
            write.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
            lines.next_line().await.unwrap();
        }
    }

    // OPS-1
    #[tokio::test]
    async fn a_server_that_does_not_take_one_mail_is_no_trouble_and_one_that_serves_nobody_is() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mailer = mailer(Route::parse(&format!("smtp://127.0.0.1:{port}?tls=none"), None).unwrap());
        let letter = letter();
        let nobody = ["421 later", "221 bye"].as_slice();
        let full = ["220 hi", "250 hi", "250 from", "451 full", "221 bye"].as_slice();
        let unknown = ["220 hi", "250 hi", "250 from", "550 who", "221 bye"].as_slice();
        for (answers, trouble, health) in [
            (nobody, Trouble::Unserved, "unserved"),
            (full, Trouble::PutOff, "ok"),
            (nobody, Trouble::Unserved, "unserved"),
            (unknown, Trouble::Refused, "ok"),
        ] {
            let mail = mail("ada@example.com", &letter);
            let (sent, ()) = tokio::join!(mailer.send(&mail), answer(&listener, answers));
            let seen = sent.unwrap_err().trouble;
            assert_eq!((seen, mailer.dependency().status().await), (trouble, health));
        }
    }

    // ORD-13
    #[test]
    fn an_address_that_is_more_than_one_address_gets_no_mail() {
        let mailer = mailer(Route::Folder(PathBuf::new()));
        let letter = letter();
        for to in [
            "",
            "ada",
            "ada@example.com\r\nBcc: b@example.com",
            "a@example.com, b@example.com",
            "a@example.com> SIZE=1",
        ] {
            assert!(
                mailer
                    .write(&mail(to, &letter))
                    .is_err_and(|e| e.trouble == Trouble::Refused),
                "{to:?}"
            );
        }
    }
}
