//! Pictures for tests, and how they are uploaded.

use axum::body::Body;
use axum::http::Method;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::Value;

use crate::harness::{Answer, As};

pub const MULTIPART: &str = "multipart/form-data; boundary=b";

/// An upload of a file under a name and a type that say nothing true.
fn form(file: &[u8]) -> Vec<u8> {
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"x.gif\"\r\nContent-Type: text/html\r\n\r\n".to_vec();
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--b--\r\n");
    body
}

pub async fn upload(who: As<'_>, product: i64, file: &[u8]) -> Answer {
    let path = format!("/products/{product}/upload-image");
    who.send(Method::POST, &path, Some(MULTIPART), Body::from(form(file)))
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
