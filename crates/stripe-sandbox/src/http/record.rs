//! What was asked and answered, one JSON line each, for those who check or debug: `SANDBOX_RECORD_FILE`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Value, json};

/// The largest body that is recorded.
const LIMIT: usize = 1 << 20;

/// An open record.
#[derive(Debug)]
pub(super) struct Record(Mutex<File>);

impl Record {
    /// Goes on with the file at `path`. It holds client secrets: nobody else on this machine reads it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self(Mutex::new(file)))
    }

    /// Passes the request on, and writes it down with its answer. An answer that breaks off is left out.
    pub(super) async fn around(&self, request: Request, next: Next) -> Response {
        let (parts, body) = request.into_parts();
        let Ok(asked) = to_bytes(body, LIMIT).await else {
            return next.run(Request::from_parts(parts, Body::empty())).await;
        };
        let mut line = json!({
            "method": parts.method.as_str(),
            "path": parts.uri.path(),
            "query": parts.uri.query(),
            "form": String::from_utf8_lossy(&asked),
        });
        let request = Request::from_parts(parts, Body::from(asked));
        let (parts, body) = next.run(request).await.into_parts();
        let Ok(answer) = to_bytes(body, LIMIT).await else {
            let cut = io::Error::new(io::ErrorKind::ConnectionReset, "cut on demand");
            let pieces = futures::stream::iter([Err::<bytes::Bytes, _>(cut)]);
            return Response::from_parts(parts, Body::from_stream(pieces));
        };
        if let Some(line) = line.as_object_mut() {
            line.insert("status".to_owned(), parts.status.as_u16().into());
            let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
            line.insert("answer".to_owned(), answer);
        }
        self.write(&line);
        Response::from_parts(parts, Body::from(answer))
    }

    fn write(&self, line: &Value) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(file, "{line}") {
            tracing::warn!(%error, "could not record a request");
        }
    }
}
