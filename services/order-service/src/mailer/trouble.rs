//! What keeps a mail from being sent, in words of our own: a server's answer may hold an address, and this is logged and
//! kept.

use lettre::transport::smtp::Error;

/// What kept a mail from being sent. Each is counted by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The server will never take this mail.
    Refused,
    /// The server does not take it now.
    PutOff,
    /// The server takes no mail from us now, whichever it is.
    Unserved,
    /// The server does not take our name and password.
    Unauthenticated,
    /// The connection would not be safe: no TLS, or not the server's certificate.
    Insecure,
    /// The server does not answer, or its answer was lost.
    Unreachable,
    /// The file could not be written.
    Unwritten,
}

/// Why a mail was not sent. Never holds an address.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct MailError {
    /// What kind of trouble it is.
    pub(crate) trouble: Trouble,
    text: String,
}

impl Trouble {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Refused,
        Self::PutOff,
        Self::Unserved,
        Self::Unauthenticated,
        Self::Insecure,
        Self::Unreachable,
        Self::Unwritten,
    ];

    /// Whether the server serves us, and only this mail was not taken.
    pub(super) const fn is_about_one_mail(self) -> bool {
        matches!(self, Self::Refused | Self::PutOff)
    }

    /// Its name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::PutOff => "put_off",
            Self::Unserved => "unserved",
            Self::Unauthenticated => "unauthenticated",
            Self::Insecure => "insecure",
            Self::Unreachable => "unreachable",
            Self::Unwritten => "unwritten",
        }
    }
}

impl MailError {
    pub(super) fn new(trouble: Trouble, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { trouble, text }
    }

    /// Nothing came, for as long as we wait.
    pub(super) fn unanswered() -> Self {
        Self::new(Trouble::Unreachable, "the mail server did not answer in time")
    }

    /// No mail can be sent over the connection. No mail is to blame for that, so none is given up.
    pub(super) fn opening(error: &Error) -> Self {
        match code(error) {
            Some(code) if is_about_the_login(code) => Self::login(code),
            Some(code) => Self::new(
                Trouble::Unserved,
                format!("the mail server does not serve us ({code})"),
            ),
            None if is_about_safety(error) => Self::new(
                Trouble::Insecure,
                format!(
                    "no safe connection to the mail server{}; mend the server, MAIL_URL or MAIL_CA",
                    cause(error)
                ),
            ),
            None => Self::lost(error),
        }
    }

    /// The mail was not taken.
    pub(super) fn sending(error: &Error) -> Self {
        match code(error) {
            Some(code) if is_about_the_login(code) => Self::login(code),
            Some(code) if code >= 500 => Self::new(
                Trouble::Refused,
                format!("the mail server refused the mail with {code}"),
            ),
            Some(code) => Self::new(
                Trouble::PutOff,
                format!("the mail server put the mail off with {code}"),
            ),
            // Never sent: the server said beforehand that it has no way to carry it.
            None if error.is_client() => Self::new(
                Trouble::Refused,
                format!("the mail server cannot carry the mail{}", cause(error)),
            ),
            None => Self::lost(error),
        }
    }

    fn login(code: u16) -> Self {
        Self::new(
            Trouble::Unauthenticated,
            format!("the mail server does not take our user and password ({code}); mend MAIL_URL"),
        )
    }

    fn lost(error: &Error) -> Self {
        if error.is_timeout() {
            return Self::unanswered();
        }
        let text = if error.is_response() {
            // An answer that nobody understands is the server's own words.
            "the mail server's answer was not understood".to_owned()
        } else {
            format!(
                "the mail server could not be reached, or its answer was lost{}",
                cause(error)
            )
        };
        Self::new(Trouble::Unreachable, text)
    }
}

/// The code of the server's answer, if that is what went wrong.
fn code(error: &Error) -> Option<u16> {
    error.status().map(u16::from)
}

fn cause(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(String::new, |cause| format!(" ({cause})"))
}

/// RFC 4954: what is asked for, how, and whether it is right. A mail is not to blame for any of it.
const fn is_about_the_login(code: u16) -> bool {
    matches!(code, 432 | 454 | 530 | 534 | 535 | 538)
}

/// Whether the connection failed because it would not have been safe: lettre tells handshakes as failed connections, and
/// a server without STARTTLS, or without a way to sign in that we know, as errors of its own.
fn is_about_safety(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(|e| e.get_ref());
        if error.is::<rustls::Error>() || inner.is_some_and(|e| e.is::<rustls::Error>()) {
            return true;
        }
        cause = error.source();
    }
    error.is_tls() || error.is_client()
}
