//! What an uploaded file is, by what it holds: its name and its declared type count for nothing (IMG-1).

mod jpeg;
mod webp;

/// The largest file, in bytes.
pub const MAX_BYTES: usize = 10 * 1024 * 1024;
/// The most pixels.
const MAX_PIXELS: u64 = 50_000_000;

/// A kind of image that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
}

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadImage {
    /// Larger than any that is taken.
    #[error("an image has 10 MiB at most")]
    TooLarge,
    /// Something else; says what, where that can be told.
    #[error("upload a JPEG, a PNG or a WebP; this is {0}")]
    Kind(&'static str),
    /// It says what it is, and cannot be read as that to its end.
    #[error("the image is damaged or cut off; save it anew and upload that")]
    Damaged,
    /// It would not fit into memory.
    #[error("an image has 50 million pixels at most")]
    TooManyPixels,
}

impl ImageKind {
    /// The kind of a file, if it is one that is taken.
    pub fn of(bytes: &[u8]) -> Result<Self, BadImage> {
        if bytes.len() > MAX_BYTES {
            return Err(BadImage::TooLarge);
        }
        let kind = match bytes {
            [0xff, 0xd8, 0xff, ..] => Self::Jpeg,
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Self::Png,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Self::WebP,
            _ => return Err(BadImage::Kind(other(bytes))),
        };
        let size = match kind {
            Self::Jpeg => jpeg::size(bytes),
            Self::Png => png(bytes),
            Self::WebP => webp::size(bytes),
        };
        match size {
            None | Some((0, _) | (_, 0)) => Err(BadImage::Damaged),
            Some((width, height)) if u64::from(width) * u64::from(height) > MAX_PIXELS => {
                Err(BadImage::TooManyPixels)
            }
            Some(_) => Ok(kind),
        }
    }
}

/// What a file is that is not taken, for whoever wonders.
fn other(bytes: &[u8]) -> &'static str {
    // HEIC and AVIF are boxes with a brand.
    let brand = bytes
        .get(4..8)
        .filter(|kind| kind == b"ftyp")
        .and_then(|_| bytes.get(8..12));
    match (brand, bytes) {
        (Some(b"avif" | b"avis"), _) => "an AVIF",
        (Some(b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1"), _) => "a HEIC",
        (_, [b'G', b'I', b'F', b'8', ..]) => "a GIF",
        (_, [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..]) => "a TIFF",
        (_, [b'B', b'M', ..]) => "a BMP",
        (_, [b'%', b'P', b'D', b'F', ..]) => "a PDF",
        (_, []) => "an empty file",
        _ if bytes.trim_ascii_start().starts_with(b"<") => "a text such as SVG or HTML",
        _ => "none of them",
    }
}

/// Width and height from `IHDR`, which comes first.
fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    Some((big_endian(bytes, 16)?, big_endian(bytes, 20)?))
}

fn big_endian(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JPEG: &[u8] = b"\xff\xd8\xff\xc0\0\x08\x08\0\x20\0\x10\x03\xff\xda\0\x02ab\xff\xd9";

    fn png_of(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes
    }

    // IMG-1
    #[test]
    fn three_kinds_are_known_by_their_content() {
        let lossy = b"RIFF\0\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x10\0\x20\0";
        let lossless = b"RIFF\0\0\0\0WEBPVP8L\x05\0\0\0\x2f\x0f\xc0\x07\0";
        let extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x0f\0\0\x1f\0\0";
        assert_eq!(ImageKind::of(JPEG), Ok(ImageKind::Jpeg));
        assert_eq!(jpeg::size(JPEG), Some((16, 32)));
        assert_eq!(ImageKind::of(&png_of(16, 32)), Ok(ImageKind::Png));
        assert_eq!(png(&png_of(0x0102_0304, 5)), Some((0x0102_0304, 5)));
        for bytes in [&lossy[..], &lossless[..], &extended[..]] {
            assert_eq!(webp::size(bytes), Some((16, 32)));
            assert_eq!(ImageKind::of(bytes), Ok(ImageKind::WebP));
        }
    }

    // IMG-1
    #[test]
    fn what_is_none_of_them_is_called_by_its_name() {
        for (what, files) in [
            (
                "an AVIF",
                &[&b"\0\0\0\x1cftypavif\0\0\0\0"[..], b"\0\0\0\x1cftypavis"][..],
            ),
            (
                "a HEIC",
                &[
                    b"\0\0\0\x18ftypheic",
                    b"\0\0\0\x18ftypheix",
                    b"\0\0\0\x18ftypmif1",
                ],
            ),
            ("a GIF", &[b"GIF87a", b"GIF89a"]),
            ("a TIFF", &[b"II\x2a\0", b"MM\0\x2a"]),
            ("a BMP", &[b"BM\x36"]),
            ("a PDF", &[b"%PDF-1.7"]),
            ("an empty file", &[b""]),
            (
                "a text such as SVG or HTML",
                &[b"<html>", b" \n<svg xmlns='http://www.w3.org/2000/svg'/>"],
            ),
            (
                "none of them",
                &[
                    b"\0\0\0\x1cftypqt  ",
                    b"\0\0\0\x1cfreeavif",
                    b"\xff\xd8",
                    b"hello <svg/>",
                ],
            ),
        ] {
            for bytes in files {
                assert_eq!(ImageKind::of(bytes), Err(BadImage::Kind(what)), "{bytes:?}");
            }
        }
    }

    // IMG-1
    #[test]
    fn what_is_damaged_is_refused() {
        for bytes in [
            &b"\x89PNG\r\n\x1a\n"[..],
            b"\x89PNG\r\n\x1a\n\0\0\0\x0dIDAT\0\0\0\x01\0\0\0\x01",
            &JPEG[..JPEG.len() - 1],
            b"RIFF\0\0\0\0WEBPVP8 ",
            &png_of(0, 5),
            &png_of(5, 0),
        ] {
            assert_eq!(ImageKind::of(bytes), Err(BadImage::Damaged), "{bytes:?}");
        }
    }

    // IMG-1
    #[test]
    fn ten_mebibytes_and_fifty_million_pixels_are_taken_and_no_more() {
        let mut bytes = JPEG.to_vec();
        bytes.resize(10_485_760, 0);
        assert_eq!(ImageKind::of(&bytes), Ok(ImageKind::Jpeg));
        bytes.push(0);
        assert_eq!(ImageKind::of(&bytes), Err(BadImage::TooLarge));

        assert_eq!(ImageKind::of(&png_of(10_000, 5_000)), Ok(ImageKind::Png));
        for (width, height) in [(10_000, 5_001), (u32::MAX, u32::MAX)] {
            assert_eq!(
                ImageKind::of(&png_of(width, height)),
                Err(BadImage::TooManyPixels)
            );
        }
    }

    proptest! {
        // IMG-1
        #[test]
        fn no_bytes_make_it_panic(magic in prop::sample::select(vec![&b"\xff\xd8\xff"[..], b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8X", b""]), rest in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ImageKind::of(&[magic, &rest].concat());
        }
    }
}
