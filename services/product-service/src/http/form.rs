//! The form of an upload: the image, and what is said of it.

use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use http::StatusCode;
use sha2::{Digest as _, Sha256};
use souk_http::{Checks, Problem};
use wire::code;

use crate::domain::image::MAX_BYTES;
use crate::domain::{BadImage, Refusal, gallery};

/// The longest text field that is read, in bytes: the longest alternative text, whatever its letters.
const TEXT: usize = 4 * gallery::ALT;

/// What was uploaded.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// The file.
    pub(super) image: Vec<u8>,
    /// What it shows, if that was said.
    pub(super) alt: Option<String>,
    /// Whether it is to be the primary picture.
    pub(super) primary: bool,
}

impl Form {
    /// Reads it; never more of it than an upload may have. Fields may come in any order, and unknown ones are passed over.
    pub(super) async fn read(form: Result<Multipart, MultipartRejection>) -> Result<Self, Problem> {
        let mut multipart = form.map_err(|_| {
            Problem::new(code::UNSUPPORTED_MEDIA_TYPE)
                .detail("Send `Content-Type: multipart/form-data` with a boundary.")
        })?;
        let (mut read, mut image) = (Self::default(), None);
        let mut checks = Checks::new();
        while let Some(field) = multipart.next_field().await.map_err(unreadable)? {
            match field.name() {
                Some("image") if image.is_none() => {
                    image = Some(bytes(field, MAX_BYTES, Refusal::from(BadImage::TooLarge)).await?);
                }
                Some("alt") => {
                    let text = text(field, "/alt").await?;
                    read.alt = checks.text("/alt", &text, 0, gallery::ALT);
                }
                Some("primary") => match text(field, "/primary").await?.trim() {
                    "true" => read.primary = true,
                    "false" => read.primary = false,
                    _ => checks.refuse("/primary", "true or false"),
                },
                _ => {}
            }
        }
        checks.finish()?;
        match image {
            Some(image) => Ok(Self { image, ..read }),
            None => Err(Problem::invalid_at(
                "/image",
                "send the image in the multipart field `image`",
            )),
        }
    }

    /// Tells uploads to `product` apart. One of which nothing is said is what it always was.
    pub(super) fn hash(&self, product: i64) -> Vec<u8> {
        let mut hash = Sha256::new_with_prefix(product.to_be_bytes());
        hash.update(&self.image);
        if self.alt.is_some() || self.primary {
            // A hash, so that no byte of the file can be taken for one of the text.
            hash.update(Sha256::digest(format!("{}{:?}", self.primary, self.alt)));
        }
        hash.finalize().to_vec()
    }
}

async fn text(field: Field<'_>, pointer: &str) -> Result<String, Problem> {
    let long = Refusal::invalid(pointer, "is too long");
    String::from_utf8(bytes(field, TEXT, long).await?)
        .map_err(|_| Problem::invalid_at(pointer, "is not UTF-8"))
}

/// What a field holds; refused beyond `most` bytes.
async fn bytes(mut field: Field<'_>, most: usize, beyond: Refusal) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(unreadable)? {
        if bytes.len() + chunk.len() > most {
            return Err(beyond.into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn unreadable(error: MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::from(BadImage::TooLarge).into(),
        _ => Problem::new(code::MALFORMED).detail("The multipart body cannot be read."),
    }
}
