//! Tells results, clear refusals and unknown outcomes apart.

use bytes::Bytes;
use serde::Deserialize;

use super::error::{Cause, Declined};

/// What an answer of this status and body comes to: a result's body, a clear no, or why it is not known.
pub(super) fn judge(status: u16, body: Bytes) -> Result<Result<Bytes, Declined>, Cause> {
    #[derive(Deserialize)]
    struct Failure {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        code: Option<String>,
        decline_code: Option<String>,
        message: Option<String>,
    }
    match status {
        200..=299 => Ok(Ok(body)),
        409 => Err(Cause::Busy),
        // A wrong key is ours to mend, not the client's: until then nobody knows what to tell the order.
        401 | 403 | 429 | 500.. => Err(Cause::Status(status)),
        _ => {
            let failure: Option<Failure> = serde_json::from_slice(&body).ok();
            // Without its JSON this is not Stripe speaking but something between us.
            let error = failure.ok_or(Cause::Status(status))?.error;
            Ok(Err(Declined {
                status,
                code: error.code,
                decline_code: error.decline_code,
                message: error.message.unwrap_or_default().chars().take(200).collect(),
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // PAY-5
    #[test]
    fn only_stripes_own_no_is_a_refusal() {
        let no = br#"{"error":{"code":"amount_too_small","message":"Amount must be at least 50 cents","type":"invalid_request_error"}}"#;
        let declined = judge(400, Bytes::from_static(no)).unwrap().unwrap_err();
        assert!(declined.is("amount_too_small"));
        assert!(matches!(judge(200, Bytes::new()), Ok(Ok(_))));
        assert!(matches!(judge(409, Bytes::from_static(no)), Err(Cause::Busy)));
        for status in [401, 403, 429, 500, 502, 503, 599] {
            assert!(
                matches!(judge(status, Bytes::from_static(no)), Err(Cause::Status(_))),
                "{status}"
            );
        }
        assert!(matches!(
            judge(404, Bytes::from_static(b"<html>")),
            Err(Cause::Status(404))
        ));
    }
}
