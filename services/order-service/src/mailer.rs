//! Sending mail: over SMTP, or into a folder where nothing leaves the machine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use lettre::message::{Mailbox, header::ContentType};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use time::OffsetDateTime;

use crate::domain::Letter;

/// How long one exchange with the mail server may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Where mails go.
#[derive(Clone)]
pub(crate) enum Route {
    /// Into a folder, a file each.
    Folder(PathBuf),
    /// To the mail server at this address, which may hold a password.
    Smtp(String),
}

/// Where mails go, and whom they are from.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Where they go.
    pub(crate) route: Route,
    /// The sender; its domain ends the Message-IDs.
    pub(crate) from: Mailbox,
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
        }
    }
}

/// Sends mails from one address.
#[derive(Clone)]
pub struct Mailer {
    way: Way,
    from: Mailbox,
}

#[derive(Clone)]
enum Way {
    Folder(PathBuf),
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

/// A mail that is about to be sent.
#[derive(Debug)]
pub struct Mail<'a> {
    /// To whom.
    pub to: &'a str,
    /// The words.
    pub letter: &'a Letter,
    /// What makes it this mail: repeated by each attempt, so that a reader shows it once.
    pub key: &'a str,
    /// When it became due; also the same for each attempt.
    pub at: OffsetDateTime,
}

/// Why a mail was not sent. Never holds an address, as a server's own words would: it is logged and kept.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It cannot be sent, now or later.
    #[error("{0}")]
    Refused(String),
    /// It may be sent later; it may even have been.
    #[error("{0}")]
    Unknown(String),
}

impl fmt::Debug for Route {
    /// Leaves the mail server out: it comes with a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(dir) => f.debug_tuple("Folder").field(dir).finish(),
            Self::Smtp(_) => f.write_str("Smtp"),
        }
    }
}

impl Route {
    /// From `smtp://user:password@host:port`, the same with `smtps`, or `file:DIR`.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if let Some(dir) = url.strip_prefix("file:").filter(|dir| !dir.is_empty()) {
            return Ok(Self::Folder(PathBuf::from(dir)));
        }
        if !url.starts_with("smtp://") && !url.starts_with("smtps://") {
            return Err("is neither smtp://…, smtps://… nor file:DIR".to_owned());
        }
        match AsyncSmtpTransport::<Tokio1Executor>::from_url(url) {
            Ok(_) => Ok(Self::Smtp(url.to_owned())),
            Err(_) => Err("is no address of a mail server, such as smtps://user:password@host".to_owned()),
        }
    }
}

impl Mailer {
    /// As `settings` say. Connects when there is something to send.
    pub fn new(settings: MailSettings) -> Result<Self, lettre::transport::smtp::Error> {
        let way = match settings.route {
            Route::Folder(dir) => Way::Folder(dir),
            Route::Smtp(url) => {
                let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(&url)?;
                Way::Smtp(server.timeout(Some(TIMEOUT)).build())
            }
        };
        Ok(Self {
            way,
            from: settings.from,
        })
    }

    /// Sends one mail, or says why not.
    pub async fn send(&self, mail: &Mail<'_>) -> Result<(), MailError> {
        let message = self.write(mail)?;
        match &self.way {
            Way::Folder(dir) => save(dir, mail, &message.formatted()).await,
            Way::Smtp(server) => match server.send(message).await {
                Ok(_answer) => Ok(()),
                Err(error) => Err(tell(&error)),
            },
        }
    }

    /// The message, byte for byte the same for each attempt but for its boundaries.
    fn write(&self, mail: &Mail<'_>) -> Result<Message, MailError> {
        // Parsed, so that nothing but one address gets into the envelope and the header.
        let to: Address = mail.to.parse().map_err(|_| {
            MailError::Refused("the account's address is none that mail can be sent to".to_owned())
        })?;
        let id = format!("<{}@{}>", mail.key, self.from.email.domain());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.letter.subject.clone())
            .message_id(Some(id))
            .date(SystemTime::from(mail.at))
            .header(ContentType::TEXT_PLAIN)
            .body(mail.letter.text.clone())
            .map_err(|error| MailError::Refused(format!("the mail could not be written: {error}")))
    }
}

/// Writes beside and renames: whoever watches the folder sees whole mails only. A repeated mail replaces itself.
async fn save(dir: &Path, mail: &Mail<'_>, bytes: &[u8]) -> Result<(), MailError> {
    let file = dir.join(format!("{}-{}.eml", mail.at.unix_timestamp(), mail.key));
    let part = file.with_extension("part");
    let written = async {
        tokio::fs::create_dir_all(dir).await?;
        tokio::fs::write(&part, bytes).await?;
        tokio::fs::rename(&part, &file).await
    };
    written
        .await
        .map_err(|error| MailError::Unknown(format!("{} could not be written: {error}", file.display())))
}

/// What a mail server's answer means, in our own words.
fn tell(error: &lettre::transport::smtp::Error) -> MailError {
    let code = error
        .status()
        .map_or_else(|| "no code".to_owned(), |code| code.to_string());
    match () {
        () if error.is_permanent() => {
            MailError::Refused(format!("the mail server refused the mail with {code}"))
        }
        () if error.is_transient() => {
            MailError::Unknown(format!("the mail server put the mail off with {code}"))
        }
        () if error.is_timeout() => MailError::Unknown("the mail server did not answer in time".to_owned()),
        () if error.is_tls() => MailError::Unknown("no secure connection to the mail server".to_owned()),
        () => MailError::Unknown("the mail server could not be reached, or its answer was lost".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailer(route: Route) -> Mailer {
        let from = "Košík <orders@souk.example>".parse().unwrap();
        Mailer::new(MailSettings { route, from }).unwrap()
    }

    fn letter() -> Letter {
        Letter {
            subject: "Objednávka SK-1\r\nBcc: all@example.com".to_owned(),
            text: "2 × hrnek\n".to_owned(),
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
        let mailer = mailer(Route::parse(&format!("file:{}", dir.display())).unwrap());
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
            "Content-Type",
            "Content-Transfer-Encoding",
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
                matches!(mailer.write(&mail(to, &letter)), Err(MailError::Refused(_))),
                "{to:?}"
            );
        }
    }

    #[test]
    fn a_route_is_a_mail_server_or_a_folder() {
        assert!(matches!(Route::parse("smtp://127.0.0.1:25"), Ok(Route::Smtp(_))));
        assert!(matches!(
            Route::parse("smtps://u:p@mail.example.com"),
            Ok(Route::Smtp(_))
        ));
        assert!(matches!(Route::parse("file:mails"), Ok(Route::Folder(_))));
        for wrong in ["", "file:", "http://mail.example.com", "smtp://", "mails"] {
            assert!(Route::parse(wrong).is_err(), "{wrong}");
        }
    }
}
