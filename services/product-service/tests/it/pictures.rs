//! Pictures for tests, and how they are uploaded.

use axum::body::Body;
use axum::http::Method;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::Value;

use crate::harness::{Answer, As};

pub const MULTIPART: &str = "multipart/form-data; boundary=b";

/// An upload of a file under a name and a type that say nothing true.
pub async fn upload(who: As<'_>, product: i64, file: &[u8]) -> Answer {
    upload_as(who, product, file, &[], &[]).await
}

/// The same, with these fields before and after the file.
pub async fn upload_as(
    who: As<'_>,
    product: i64,
    file: &[u8],
    before: &[(&str, &str)],
    after: &[(&str, &str)],
) -> Answer {
    let field = |(name, text): &(&str, &str)| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let mut body: Vec<u8> = before.iter().map(field).collect::<String>().into_bytes();
    body.extend(b"--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"x.gif\"\r\n");
    body.extend(b"Content-Type: text/html\r\n\r\n");
    body.extend(file);
    body.extend(b"\r\n");
    body.extend(after.iter().map(field).collect::<String>().into_bytes());
    body.extend(b"--b--\r\n");
    let path = format!("/products/{product}/upload-image");
    who.send(Method::POST, &path, Some(MULTIPART), Body::from(body))
        .await
}

/// A photograph of so many pixels, another one for each `seed`.
pub fn photo(width: u32, height: u32, seed: u8) -> Vec<u8> {
    let shade = |at: u32, of: u32| u8::try_from(at * 255 / of).unwrap();
    let pixels = RgbImage::from_fn(width, height, |x, y| {
        Rgb([shade(x, width), shade(y, height), seed])
    });
    encode(pixels.into(), ImageFormat::Jpeg)
}

fn encode(image: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The path of a picture's address at the service itself.
pub fn path(address: &Value) -> String {
    address.as_str().unwrap().strip_prefix("/api").unwrap().to_owned()
}

/// A picture that cannot be made small.
pub fn noise(side: u32) -> Vec<u8> {
    let pixels = RgbImage::from_fn(side, side, |_, _| Rgb(rand::random()));
    encode(pixels.into(), ImageFormat::Jpeg)
}
