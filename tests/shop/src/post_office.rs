//! A mail server that takes what it gets, or does not, as a test wants.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is taken, and the sender is told.
    Taken,
    /// It is taken, but the connection breaks before the sender hears of it.
    TakenUnheard,
    /// It is refused for now.
    PutOff,
    /// It is refused for good.
    Refused,
}

/// A mail as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// Headers and body.
    pub text: String,
}

impl Received {
    /// A header's value as it is on its line; empty if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        let line = head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_default()
    }
}

/// A mail server on a port of its own; ends with the test.
#[derive(Clone)]
pub struct PostOffice {
    /// For the setting `MAIL_URL`.
    pub url: String,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    received: Vec<Received>,
    fates: VecDeque<Fate>,
}

impl PostOffice {
    /// Opens one.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!(
            "smtp://{}?tls=none",
            listener.local_addr().expect("a bound address")
        );
        let books = Arc::<Mutex<Books>>::default();
        let office = Self { url, books };
        let serving = office.clone();
        let serve = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let office = serving.clone();
                // A client that breaks off is none of our business.
                spawn(async move { drop(office.talk(stream).await) });
            }
        };
        spawn(serve);
        office
    }

    /// What becomes of the next mails; all others are taken.
    pub fn will(&self, fates: impl IntoIterator<Item = Fate>) {
        self.books().fates.extend(fates);
    }

    /// The mails that were taken, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.books().received.clone()
    }

    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn talk(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let (reader, mut writer) = stream.split();
        let mut lines = BufReader::new(reader);
        let (mut mail, mut line) = (None, String::new());
        writer.write_all(b"220 post office\r\n").await?;
        loop {
            line.clear();
            if lines.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let word = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            let path = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            let answer = match (word.as_str(), mail.as_mut()) {
                ("EHLO" | "HELO" | "NOOP" | "RSET", _) => "250 yes\r\n",
                ("QUIT", _) => return Ok(()),
                ("MAIL", _) => {
                    mail = Some(Received {
                        from: path,
                        to: Vec::new(),
                        text: String::new(),
                    });
                    "250 yes\r\n"
                }
                ("RCPT", Some(mail)) => {
                    mail.to.push(path);
                    "250 yes\r\n"
                }
                ("DATA", Some(received)) => {
                    writer.write_all(b"354 go on\r\n").await?;
                    while !received.text.ends_with("\r\n.\r\n") {
                        if lines.read_line(&mut received.text).await? == 0 {
                            return Ok(());
                        }
                    }
                    let fate = self.books().fates.pop_front().unwrap_or(Fate::Taken);
                    let taken = matches!(fate, Fate::Taken | Fate::TakenUnheard);
                    self.books().received.extend(mail.take().filter(|_| taken));
                    match fate {
                        Fate::Taken => "250 taken\r\n",
                        Fate::TakenUnheard => return Ok(()),
                        Fate::PutOff => "451 come again\r\n",
                        Fate::Refused => "550 no such box as somebody@people.example\r\n",
                    }
                }
                _ => "503 what\r\n",
            };
            writer.write_all(answer.as_bytes()).await?;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "its tasks end with the test's runtime")]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}
