//! What a WebP says of itself.

/// Width and height of the largest of what a WebP says of itself: of its canvas, or of any frame that it holds. A decoder
/// makes room for a frame as large as the frame says, before it compares that with the canvas.
pub fn size(bytes: &[u8]) -> Option<(u32, u32)> {
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

fn little_endian_24(bytes: &[u8], at: usize) -> Option<u32> {
    let [a, b, c] = *bytes.get(at..at + 3)? else {
        return None;
    };
    Some(u32::from_le_bytes([a, b, c, 0]))
}

#[cfg(test)]
mod tests {
    use super::size;

    fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap().to_le_bytes();
        let fill = &[0][..data.len() % 2];
        [name, &length[..], data, fill].concat()
    }

    fn canvas(width: u32, height: u32) -> Vec<u8> {
        let side = |side: u32| (side - 1).to_le_bytes();
        chunk(
            b"VP8X",
            &[&[0x12, 0, 0, 0], &side(width)[..3], &side(height)[..3]].concat(),
        )
    }

    fn lossless(width: u32, height: u32) -> Vec<u8> {
        // The bit behind the sides says that there is transparency.
        let packed = ((width - 1) | (height - 1) << 14 | 1 << 28).to_le_bytes();
        chunk(b"VP8L", &[&b"\x2f"[..], &packed].concat())
    }

    fn lossy(width: u16, height: u16) -> Vec<u8> {
        // The two bits above each side are how to scale it.
        let side = |side: u16| (side | 0x8000).to_le_bytes();
        chunk(
            b"VP8 ",
            &[b"\0\0\0\x9d\x01\x2a", &side(width)[..], &side(height)].concat(),
        )
    }

    fn moving(frame: &[u8]) -> Vec<u8> {
        chunk(b"ANMF", &[&[0; 16][..], frame].concat())
    }

    fn file(chunks: &[&[u8]]) -> Vec<u8> {
        [&b"RIFF\0\0\0\0WEBP"[..], &chunks.concat()].concat()
    }

    // IMG-1
    #[test]
    fn each_kind_says_how_large_it_is() {
        for (width, height) in [(1, 16_384), (16_384, 1), (300, 777)] {
            assert_eq!(size(&file(&[&lossless(width, height)])), Some((width, height)));
        }
        for (width, height) in [(1, 16_383), (16_383, 1), (300, 777)] {
            let expected = Some((width.into(), height.into()));
            assert_eq!(size(&file(&[&lossy(width, height)])), expected);
        }
        for (width, height) in [(1, 1 << 24), (1 << 24, 1), (0x01_0203, 0x04_0506)] {
            assert_eq!(size(&file(&[&canvas(width, height)])), Some((width, height)));
        }
    }

    // IMG-1
    #[test]
    fn what_has_no_frame_where_one_belongs_is_damaged() {
        let (lossless, lossy) = (lossless(16, 32), lossy(16, 32));
        // A chunk's name and its length take eight bytes.
        for (frame, end) in [(&lossless, 8 + 5), (&lossy, 8 + 10)] {
            for length in 0..end {
                assert_eq!(size(&file(&[&frame[..length]])), None, "{length} of {frame:?}");
            }
            for length in 8..end {
                let chunks = [&canvas(8, 8)[..], &frame[..length]];
                assert_eq!(size(&file(&chunks)), None, "{length} of {frame:?}");
            }
            assert_eq!(size(&file(&[&frame[..end]])), Some((16, 32)));
        }
        for (frame, signature) in [(&lossless, 8), (&lossy, 11), (&lossy, 12), (&lossy, 13)] {
            let mut other = frame.clone();
            other[signature] ^= 1;
            assert_eq!(size(&file(&[&other])), None, "{signature} of {frame:?}");
        }
        assert_eq!(size(&file(&[&chunk(b"ICCP", b"colours"), &lossy])), None);
        assert_eq!(size(&file(&[&canvas(8, 8), &chunk(b"ANMF", &[0; 15])])), None);
    }

    // IMG-1
    #[test]
    fn a_frame_that_is_larger_than_its_canvas_counts() {
        let (canvas, alpha) = (canvas(100, 100), chunk(b"ALPH", b"odd"));
        for (frame, larger) in [
            (lossless(50, 300), (50, 300)),
            (lossy(300, 50), (300, 50)),
            // Longer and no larger.
            (lossless(200, 20), (100, 100)),
            (lossy(50, 200), (100, 100)),
        ] {
            let small = lossy(16, 16);
            for chunks in [
                &[&frame[..]][..],
                &[&alpha, &frame],
                &[&moving(&frame)],
                &[&moving(&small), &moving(&frame), &moving(&small)],
                &[&moving(&[&alpha[..], &frame].concat()), &moving(&small)],
            ] {
                let chunks = [&[&canvas[..]], chunks].concat();
                assert_eq!(size(&file(&chunks)), Some(larger), "{chunks:?}");
            }
        }
    }
}
