//! What an uploaded file is, by what it holds: its name and its declared type count for nothing (IMG-1).

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
            Self::Jpeg => jpeg(bytes),
            Self::Png => png(bytes),
            Self::WebP => webp(bytes),
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

/// Width and height from the first frame header. None as well if the file ends before the image does: a decoder would
/// fill up what is missing with grey.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let (mut at, mut size) = (2, None);
    loop {
        // A marker is 0xff and a code; more 0xff may fill the space before it.
        if *bytes.get(at)? != 0xff {
            return None;
        }
        while *bytes.get(at)? == 0xff {
            at += 1;
        }
        let code = *bytes.get(at)?;
        at += 1;
        match code {
            // Frame headers; 0xc4, 0xc8 and 0xcc are tables.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf if size.is_none() => {
                let frame = bytes.get(at..at + 7)?;
                let height = u16::from_be_bytes([*frame.get(3)?, *frame.get(4)?]);
                let width = u16::from_be_bytes([*frame.get(5)?, *frame.get(6)?]);
                size = Some((width.into(), height.into()));
                at += segment(bytes, at)?;
            }
            // Markers without a body.
            0x01 | 0xd0..=0xd7 => {}
            0xd8 => return None,
            // The end. What comes after it is nobody's business: it is not decoded.
            0xd9 => return size,
            // A scan: its header, then data in which 0xff is followed by 0 or by a restart marker.
            0xda => {
                at += segment(bytes, at)?;
                loop {
                    at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
                    match *bytes.get(at + 1)? {
                        0 | 0xd0..=0xd7 => at += 2,
                        _ => break,
                    }
                }
            }
            _ => at += segment(bytes, at)?,
        }
    }
}

/// The length of the segment that begins at `at`, behind its marker.
fn segment(bytes: &[u8], at: usize) -> Option<usize> {
    let length = u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]);
    Some(usize::from(length.max(2)))
}

/// Width and height from `IHDR`, which comes first.
fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    Some((big_endian(bytes, 16)?, big_endian(bytes, 20)?))
}

/// Width and height of the largest of what a WebP says of itself: of its canvas, or of any frame that it holds. A decoder
/// makes room for a frame as large as the frame says, before it compares that with the canvas.
fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    let body = bytes.get(12..)?;
    if body.get(..4)? != b"VP8X" {
        let (name, data) = chunks(body).next()?;
        return frame(name, data);
    }
    let mut largest = (1 + little_endian_24(body, 12)?, 1 + little_endian_24(body, 15)?);
    let area = |(width, height)| u64::from(width) * u64::from(height);
    for (name, data) in chunks(body) {
        // What moves has its frames in chunks, behind where and for how long each is shown.
        let inner = if name == b"ANMF" { data.get(16..)? } else { &[] };
        for (name, data) in chunks(inner).chain([(name, data)]) {
            if matches!(name, b"VP8 " | b"VP8L") {
                let size = frame(name, data)?;
                if area(size) > area(largest) {
                    largest = size;
                }
            }
        }
    }
    Some(largest)
}

/// The chunks of a WebP: name and data. What is cut off is as long as it is.
fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_at_checked(8)?;
        let (name, length) = head.split_at_checked(4)?;
        let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
        let data = rest.get(..length).unwrap_or(rest);
        // One of odd length is followed by a byte of nothing.
        bytes = rest.get(length.saturating_add(length % 2)..).unwrap_or_default();
        Some((name, data))
    })
}

/// Width and height of a frame, lossless or lossy.
fn frame(name: &[u8], data: &[u8]) -> Option<(u32, u32)> {
    match name {
        b"VP8L" if *data.first()? == 0x2f => {
            let packed = u32::from_le_bytes(data.get(1..5)?.try_into().ok()?);
            Some((1 + (packed & 0x3fff), 1 + (packed >> 14 & 0x3fff)))
        }
        b"VP8 " if data.get(3..6)? == [0x9d, 0x01, 0x2a] => {
            let side = |at: usize| -> Option<u32> {
                let raw = u16::from_le_bytes(data.get(at..at + 2)?.try_into().ok()?);
                Some((raw & 0x3fff).into())
            };
            Some((side(6)?, side(8)?))
        }
        _ => None,
    }
}

fn big_endian(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn little_endian_24(bytes: &[u8], at: usize) -> Option<u32> {
    let [a, b, c] = *bytes.get(at..at + 3)? else {
        return None;
    };
    Some(u32::from_le_bytes([a, b, c, 0]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn png_of(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes
    }

    // IMG-1
    #[test]
    fn three_kinds_are_known_by_their_content() {
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc2\0\x08\x08\x01\x00\x02\x00\x03\xff\xda\0\x02ab\xff\0\xff\xd0c\xff\xd9";
        let lossy = b"RIFF\0\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x10\0\x20\0";
        let lossless = b"RIFF\0\0\0\0WEBPVP8L\x05\0\0\0\x2f\x0f\xc0\x07\0";
        let extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x0f\0\0\x1f\0\0";
        assert_eq!(ImageKind::of(jpeg), Ok(ImageKind::Jpeg));
        assert_eq!(super::jpeg(jpeg), Some((512, 256)));
        assert_eq!(ImageKind::of(&png_of(16, 32)), Ok(ImageKind::Png));
        for bytes in [&lossy[..], &lossless[..], &extended[..]] {
            assert_eq!(webp(bytes), Some((16, 32)));
            assert_eq!(ImageKind::of(bytes), Ok(ImageKind::WebP));
        }
    }

    // IMG-1
    #[test]
    fn a_frame_that_is_larger_than_its_canvas_counts() {
        let chunk = |name: &[u8; 4], data: &[u8]| {
            let length = u32::try_from(data.len()).unwrap().to_le_bytes();
            let fill = &[0][..data.len() % 2];
            [name, &length[..], data, fill].concat()
        };
        let canvas = chunk(b"VP8X", b"\x02\0\0\0\x0f\0\0\x0f\0\0");
        let lossless = |side: u32| {
            let packed = ((side - 1) | (side - 1) << 14).to_le_bytes();
            chunk(b"VP8L", &[&b"\x2f"[..], &packed].concat())
        };
        let lossy = |side: u16| {
            let side = side.to_le_bytes();
            chunk(b"VP8 ", &[&b"\0\0\0\x9d\x01\x2a"[..], &side, &side].concat())
        };
        let moving = |frame: &[u8]| chunk(b"ANMF", &[&[0; 16][..], frame].concat());
        let first = |frame: &[u8]| [moving(frame), moving(&lossy(16))].concat();
        let alpha = chunk(b"ALPH", b"odd");
        let taken = |inner: &[u8]| {
            let file = [&b"RIFF\0\0\0\0WEBP"[..], &canvas, inner].concat();
            ImageKind::of(&file)
        };
        for (small, large) in [(lossless(16), lossless(8_000)), (lossy(16), lossy(16_383))] {
            for (small, large) in [
                (small.clone(), large.clone()),
                ([&alpha[..], &small].concat(), [&alpha[..], &large].concat()),
                (first(&small), first(&large)),
                (
                    first(&[&alpha[..], &small].concat()),
                    first(&[&alpha[..], &large].concat()),
                ),
                (moving(&small), [moving(&small), moving(&large)].concat()),
            ] {
                assert_eq!(taken(&small), Ok(ImageKind::WebP));
                assert_eq!(taken(&large), Err(BadImage::TooManyPixels));
                // Cut off within the frame's head.
                let head = large.len() - 5;
                assert!(taken(&large[..head]).is_err());
            }
        }
    }

    // IMG-1
    #[test]
    fn what_is_none_of_them_damaged_or_a_bomb_is_refused() {
        for (bytes, what) in [
            (
                &b" <svg xmlns='http://www.w3.org/2000/svg'/>"[..],
                "a text such as SVG or HTML",
            ),
            (b"\0\0\0\x1cftypavif", "an AVIF"),
            (b"\0\0\0\x18ftypheic", "a HEIC"),
            (b"GIF89a", "a GIF"),
            (b"", "an empty file"),
            (b"%PDF", "a PDF"),
            (b"\xff\xd8", "none of them"),
        ] {
            assert_eq!(ImageKind::of(bytes), Err(BadImage::Kind(what)), "{bytes:?}");
        }
        for bytes in [
            &b"\x89PNG\r\n\x1a\n"[..],
            b"\xff\xd8\xff\xd9",
            b"\xff\xd8\xff\xc0\0\x08\x08\0\x01\0\x01\x01\xff\xda\0\x02abc",
            &png_of(0, 5),
        ] {
            assert_eq!(ImageKind::of(bytes), Err(BadImage::Damaged), "{bytes:?}");
        }
        assert_eq!(
            ImageKind::of(&png_of(u32::MAX, u32::MAX)),
            Err(BadImage::TooManyPixels)
        );
        assert_eq!(
            ImageKind::of(&png_of(10_000, 5_001)),
            Err(BadImage::TooManyPixels)
        );
        assert_eq!(ImageKind::of(&vec![0; MAX_BYTES + 1]), Err(BadImage::TooLarge));
    }

    proptest! {
        // IMG-1
        #[test]
        fn no_bytes_make_it_panic(magic in prop::sample::select(vec![&b"\xff\xd8\xff"[..], b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8X", b""]), rest in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ImageKind::of(&[magic, &rest].concat());
        }
    }
}
