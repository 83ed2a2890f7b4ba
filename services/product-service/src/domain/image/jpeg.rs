//! What a JPEG says of itself.

/// Width and height from the first frame header. None as well if the file ends before the image does: a decoder would
/// fill up what is missing with grey.
pub fn size(bytes: &[u8]) -> Option<(u32, u32)> {
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

#[cfg(test)]
mod tests {
    use super::size;

    const START: &[u8] = &[0xff, 0xd8];
    const END: &[u8] = &[0xff, 0xd9];
    const SCAN: &[u8] = b"\xff\xda\0\x04??data";

    fn segment(code: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(2 + body.len()).unwrap().to_be_bytes();
        [&[0xff, code], &length[..], body].concat()
    }

    fn frame(code: u8, width: u16, height: u16) -> Vec<u8> {
        let (width, height) = (width.to_be_bytes(), height.to_be_bytes());
        segment(code, &[&[8], &height[..], &width, b"\x01?"].concat())
    }

    // IMG-1
    #[test]
    fn the_first_frame_says_how_large_it_is_and_no_table_does() {
        let small = frame(0xc0, 1, 1);
        for code in 0xc0..=0xcf {
            let file = [START, &frame(code, 0x0102, 0x0304), &small, SCAN, END].concat();
            let is_table = [0xc4, 0xc8, 0xcc].contains(&code);
            let expected = if is_table { (1, 1) } else { (0x0102, 0x0304) };
            assert_eq!(size(&file), Some(expected), "{code:x}");
        }
    }

    // IMG-1
    #[test]
    fn wherever_it_is_cut_off_it_is_damaged() {
        let file = [
            START,
            &segment(0xe1, &[7; 300]),
            // Markers without a body, and one with space before it.
            b"\xff\x01\xff\xd0\xff\xd7\xff\xff\xff",
            &segment(0xdb, b"")[1..],
            &frame(0xc2, 512, 256),
            // Within a scan, 0xff is data before 0, and may be a restart; before anything else it ends the scan.
            b"\xff\xda\0\x06\xff\xd9?!data\xff\0data\xff\xd0data\xff\xd7\xff\0",
            &segment(0xc4, b"table"),
            SCAN,
        ]
        .concat();
        let whole = [&file, END].concat();
        for length in 0..whole.len() {
            assert_eq!(size(&whole[..length]), None, "{length}");
        }
        assert_eq!(size(&whole), Some((512, 256)));
        assert_eq!(size(&[&whole, &b"whatever"[..]].concat()), Some((512, 256)));
    }

    // IMG-1
    #[test]
    fn what_is_no_marker_a_second_start_and_an_end_without_a_frame_are_damage() {
        let frame = frame(0xc0, 2, 3);
        let with = |between: &[u8]| size(&[START, between, &frame, SCAN, END].concat());
        assert_eq!(with(b""), Some((2, 3)));
        assert_eq!(with(b"\0"), None);
        assert_eq!(with(START), None);
        assert_eq!(with(b"\xff\xd8\0\x02"), None);
        assert_eq!(with(END), None);
        assert_eq!(size(&[START, SCAN, END].concat()), None);
        // A length that leaves itself out is behind us all the same.
        assert_eq!(with(b"\xff\xfe\0\0"), Some((2, 3)));
        assert_eq!(with(b"\xff\xfe\0\x01"), Some((2, 3)));
    }
}
