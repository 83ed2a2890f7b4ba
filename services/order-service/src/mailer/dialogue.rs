//! The dialogue with a mail server, on a connection of its own for each mail. No connection is kept: in one whose dialogue
//! was broken off, the next mail would take the answers to the last one for its own, and count as sent before the server has it.

use std::time::Duration;

use lettre::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Tls};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::timeout;

use super::route::Server;
use super::trouble::MailError;

/// How long one of a server's addresses may take before the next one is tried.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long a server that has the mail may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

impl Server {
    /// Hands `message` over, within `patience` for all of it. Ok means that the server said that it has it.
    ///
    /// Whoever drops this breaks the dialogue off, as silence does: the connection is closed.
    pub(super) async fn send(&self, message: &Message, patience: Duration) -> Result<(), MailError> {
        let sent = timeout(patience, self.hand_over(message)).await;
        let mut connection = sent.map_err(|_elapsed| MailError::unanswered())??;
        // It has the mail, whatever it says now.
        drop(timeout(GOODBYE, connection.quit()).await);
        Ok(())
    }

    async fn hand_over(&self, message: &Message) -> Result<AsyncSmtpConnection, MailError> {
        let mut connection = self.open().await.map_err(|e| MailError::opening(&e))?;
        let sent = connection.send(message.envelope(), &message.formatted()).await;
        sent.map_err(|e| MailError::sending(&e))?;
        Ok(connection)
    }

    /// A connection on which mails may be sent.
    async fn open(&self) -> Result<AsyncSmtpConnection, Error> {
        let hello = ClientId::default();
        let address = (self.host.as_str(), self.port);
        let from_the_first_byte = match &self.tls {
            Tls::Wrapper(tls) => Some(tls.clone()),
            _ => None,
        };
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, Some(CONNECTING), &hello, from_the_first_byte, None)
                .await?;
        if let Tls::Required(tls) = &self.tls {
            connection.starttls(tls.clone(), &hello).await?;
        }
        if let Some((user, password)) = &self.login {
            let login = Credentials::new(user.clone(), password.expose().to_owned());
            connection.auth(DEFAULT_MECHANISMS, &login).await?;
        }
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::super::trouble::Trouble;
    use super::*;
    use crate::mailer::Route;

    /// A socket that will be silent at some point, and the server that it is.
    async fn silent() -> (TcpListener, Server) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        match Route::parse(&format!("smtp://127.0.0.1:{port}?tls=none"), None) {
            Ok(Route::Smtp(server)) => (listener, server),
            other => panic!("{other:?}"),
        }
    }

    fn message() -> Message {
        let builder = Message::builder().from("orders@souk.example".parse().unwrap());
        let builder = builder.to("ada@example.com".parse().unwrap());
        builder.body("Hello".to_owned()).unwrap()
    }

    // ORD-13
    #[tokio::test]
    async fn a_server_that_takes_a_connection_and_says_nothing_is_waited_for_no_longer_than_we_are_patient() {
        let (_listener, server) = silent().await;
        let error = server
            .send(&message(), Duration::from_millis(50))
            .await
            .unwrap_err();
        assert_eq!(error.trouble, Trouble::Unreachable);
        assert_eq!(error.to_string(), "the mail server did not answer in time");
    }

    // ORD-13: of a late answer nobody hears, least of all the next mail.
    #[tokio::test]
    async fn a_dialogue_that_is_broken_off_has_its_connection_closed() {
        let (listener, server) = silent().await;
        let long = Duration::from_secs(60);
        let message = message();
        let until_the_end = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (read, mut write) = stream.split();
            let mut lines = BufReader::new(read).lines();
            let answers = [
                "220 mail.test",
                "250 mail.test",
                "250 from whom",
                "250 to whom",
                "354 go on",
            ];
            for answer in answers {
                write.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
                lines.next_line().await.unwrap();
            }
            while lines.next_line().await.unwrap().is_some_and(|line| line != ".") {}
            // All of it is here, and nothing is said: the sender's process loses its lease.
            (stream, ())
        };
        let (mut stream, ()) = tokio::select! {
            sent = server.send(&message, long) => panic!("{sent:?}"),
            server = until_the_end => server,
        };
        let closed = timeout(long, stream.read_to_end(&mut Vec::new())).await;
        assert!(closed.is_ok(), "the connection stays open");
    }
}
