//! Stripe's errors: `{"error": {type, code, decline_code, message, param, doc_url, …}}`.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::cards::Decline;

/// A request that is answered with an error.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    decline_code: Option<&'static str>,
    message: Box<str>,
    param: Option<Box<str>>,
    /// Objects that explain it, such as `payment_intent`.
    with: Map<String, Value>,
    /// Whether it is the outcome of an execution, which an idempotency key replays; a request that was refused
    /// for its form may be sent again, mended, under the same key.
    pub(crate) outcome: bool,
}

const INVALID: &str = "invalid_request_error";

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code: None,
            decline_code: None,
            message: message.into().into_boxed_str(),
            param: None,
            with: Map::new(),
            outcome: false,
        }
    }

    /// A parameter is wrong (400).
    pub(crate) fn invalid(param: &str, message: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, INVALID, message);
        error.param = Some(param.into());
        error
    }

    /// The request as a whole is wrong (400).
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID, message)
    }

    /// The object is not in a state for this (400).
    pub(crate) fn state(code: &'static str, message: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, INVALID, message).code(code);
        error.outcome = true;
        error
    }

    /// The card's bank said no (402).
    pub(crate) fn card(decline: &Decline) -> Self {
        let mut error =
            Self::new(StatusCode::PAYMENT_REQUIRED, "card_error", decline.message).code(decline.code);
        error.decline_code = decline.decline_code;
        error.outcome = true;
        error
    }

    /// A card number came in the clear (402).
    pub(crate) fn raw_card() -> Self {
        Self::new(
            StatusCode::PAYMENT_REQUIRED,
            INVALID,
            "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you use test \
             tokens that map to the test card you are using, see https://stripe.com/docs/testing.",
        )
    }

    /// The URL names nothing (404).
    pub(crate) fn missing(noun: &str, param: &str, id: &str) -> Self {
        let id: String = id.chars().take(80).collect();
        let mut error = Self::invalid(param, format!("No such {noun}: '{id}'")).code("resource_missing");
        error.status = StatusCode::NOT_FOUND;
        error
    }

    /// A parameter names nothing (400).
    pub(crate) fn no_such(noun: &str, param: &str, id: &str) -> Self {
        let mut error = Self::missing(noun, param, id);
        error.status = StatusCode::BAD_REQUEST;
        error
    }

    /// There is no such route (404).
    pub(crate) fn unrecognized_url(method: &http::Method, path: &str) -> Self {
        let path: String = path.chars().take(120).collect();
        Self::new(
            StatusCode::NOT_FOUND,
            INVALID,
            format!(
                "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at \
                 https://support.stripe.com/."
            ),
        )
    }

    /// No key came (401).
    pub(crate) fn no_key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            INVALID,
            "You did not provide an API key. You need to provide your API key in the Authorization header, using \
             Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See \
             https://stripe.com/docs/api#authentication for details, or we can help at \
             https://support.stripe.com/.",
        )
    }

    /// The key is not ours (401).
    pub(crate) fn wrong_key(masked: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            INVALID,
            format!("Invalid API Key provided: {masked}"),
        )
    }

    /// The body is larger than is read (413).
    pub(crate) fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            INVALID,
            "The request body is too large.",
        )
    }

    /// An idempotency key came back with another request (400).
    pub(crate) fn idempotency(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "idempotency_error", message)
    }

    /// A request with the same idempotency key still runs (409).
    pub(crate) fn key_in_use(key: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "idempotency_error",
            format!(
                "There is currently another in-progress request using this Idempotent Key (that probably means you \
                 submitted twice, and the other request is still going through): {key}. Please try again later."
            ),
        )
        .code("idempotency_key_in_use")
    }

    /// The journal cannot be written; nothing was changed (500).
    pub(crate) fn journal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "api_error",
            "The sandbox could not write its journal. Nothing was changed.",
        )
    }

    /// An error that was asked for.
    pub(crate) fn on_demand(status: StatusCode) -> Self {
        let (kind, code, why) = match status.as_u16() {
            402 => ("card_error", "card_declined", "Your card was declined."),
            409 => (
                "idempotency_error",
                "idempotency_key_in_use",
                "There is currently another in-progress request using this Idempotent Key. Please try again later.",
            ),
            429 => (
                INVALID,
                "rate_limit",
                "Request rate limit exceeded. You can learn more about rate limits here \
                 https://stripe.com/docs/rate-limits.",
            ),
            400..500 => return Self::new(status, INVALID, "The sandbox was asked to refuse this request."),
            _ => {
                let why = "An unknown error occurred. The sandbox was asked for it.";
                return Self::new(status, "api_error", why);
            }
        };
        Self::new(status, kind, why).code(code)
    }

    /// Names the error for programs.
    #[must_use]
    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Marks it as the outcome of an execution.
    #[must_use]
    pub(crate) fn into_outcome(mut self) -> Self {
        self.outcome = true;
        self
    }

    /// Adds what explains it.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.with.insert(name.to_owned(), value.into());
        self
    }

    /// As the wire shows it.
    pub(crate) fn body(&self) -> Value {
        let mut error = self.with.clone();
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                error.insert(name.to_owned(), value.into());
            }
        };
        put("type", Some(self.kind.to_owned()));
        put("code", self.code.map(str::to_owned));
        put("doc_url", self.code.map(doc_url));
        put("decline_code", self.decline_code.map(str::to_owned));
        put("message", Some(self.message.to_string()));
        put("param", self.param.as_deref().map(str::to_owned));
        json!({ "error": error })
    }
}

/// Stripe's page about `code`.
pub(crate) fn doc_url(code: &str) -> String {
    format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"))
}
