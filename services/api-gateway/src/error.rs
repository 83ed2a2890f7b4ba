//! The gateway's own refusals and faults, and their one match to problems.

use std::time::Duration;

use souk_http::Problem;
use wire::code;

use crate::path::BadPath;
use crate::routes::Upstream;

/// The longest URL, in bytes.
pub(crate) const URL_LIMIT: usize = 8 * 1024;
/// The headers' bytes together.
pub(crate) const HEADERS_LIMIT: usize = 16 * 1024;

/// Why a request did not reach a service, or its answer not the client.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("where the request ends is not clear")]
    Unclear,
    #[error("the request names no host, or several")]
    Host,
    #[error("the path cannot be read")]
    Path(BadPath),
    #[error("the URL is too long")]
    Url,
    #[error("the headers are too large")]
    Headers,
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the body did not arrive in time")]
    TooSlow,
    #[error("the body ended early or is not what Content-Encoding says")]
    BrokenBody,
    #[error("the body's encoding is not read here")]
    Encoding,
    #[error("too many requests")]
    Limited { again: Duration },
    #[error("{service} failed too often and is left alone", service = .0.name())]
    Resting(Upstream, Duration),
    #[error("{} cannot be reached: {}", .0.name(), .1)]
    Unreachable(Upstream, String),
    #[error("{service} did not answer in time", service = .0.name())]
    TimedOut(Upstream),
    #[error("{service} broke off", service = .0.name())]
    Panicked(Upstream),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match &failure {
            Failure::Unclear => Self::new(code::MALFORMED)
                .detail("The head is not as RFC 9112 has it, or says in two ways where the request ends."),
            Failure::Host => Self::new(code::MALFORMED).detail("Send one `Host` header."),
            Failure::Path(BadPath::Malformed) => {
                Self::new(code::MALFORMED).detail("The path is not one, or its percent-encoding is broken.")
            }
            Failure::Path(BadPath::Hiding) => {
                Self::new(code::NOT_FOUND).detail("There is nothing at a path that hides another.")
            }
            Failure::Url => {
                Self::new(code::URI_TOO_LONG).detail(format!("The URL may have {URL_LIMIT} bytes."))
            }
            Failure::Headers => Self::new(code::HEADERS_TOO_LARGE)
                .detail(format!("The headers may have {HEADERS_LIMIT} bytes together.")),
            Failure::TooLarge { limit } => {
                Self::new(code::TOO_LARGE).detail(format!("The body may have {limit} bytes here."))
            }
            Failure::TooSlow => Self::new(code::REQUEST_TIMEOUT).detail("The body did not arrive in time."),
            Failure::BrokenBody => Self::new(code::MALFORMED)
                .detail("The body ended early, or is not what `Content-Encoding` says."),
            Failure::Encoding => Self::new(code::UNSUPPORTED_MEDIA_TYPE)
                .detail("Send the body as it is, or with `Content-Encoding: gzip`."),
            Failure::Limited { again } => Self::new(code::RATE_LIMITED)
                .detail(format!("Try again in {} seconds.", again.as_secs().max(1)))
                .retry_after(*again),
            Failure::Resting(upstream, after) => {
                let detail = format!(
                    "{} is not available at the moment; try again shortly.",
                    upstream.name()
                );
                Self::new(code::UNAVAILABLE).detail(detail).retry_after(*after)
            }
            Failure::Unreachable(upstream, _) => {
                let detail = format!(
                    "{} is not available at the moment; try again shortly.",
                    upstream.name()
                );
                Self::unavailable(failure.clone(), Duration::from_secs(2)).detail(detail)
            }
            Failure::TimedOut(upstream) => {
                tracing::warn!(upstream = upstream.name(), "a service did not answer in time");
                let detail = format!("{} took too long; the outcome is not known.", upstream.name());
                Self::new(code::TIMEOUT).detail(detail)
            }
            Failure::Panicked(_) => Self::fault(failure.clone()),
        }
    }
}
