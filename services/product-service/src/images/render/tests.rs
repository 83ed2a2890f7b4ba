use std::sync::LazyLock;

use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{GrayImage, ImageEncoder, Rgb, Rgba, RgbaImage};
use proptest::prelude::*;

use super::*;

const SECRET: &[u8] = b"GPS 52.5163N 13.3777E";

/// Something like a photograph.
fn photo(width: u32, height: u32) -> RgbImage {
    let wave = |at: u32| u8::try_from((at * at / 7 + at * 3) % 256).unwrap();
    RgbImage::from_fn(width, height, |x, y| Rgb([wave(x), wave(y), wave(x + y)]))
}

/// EXIF data that says how the picture is to be turned, and where it was taken.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif.extend(SECRET);
    exif
}

/// The file as that kind, with EXIF data.
fn file(image: &DynamicImage, kind: ImageKind, orientation: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (pixels, color) = (image.as_bytes(), image.color().into());
    let (width, height) = (image.width(), image.height());
    let written = match kind {
        ImageKind::Jpeg => {
            let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
            encoder.set_exif_metadata(exif(orientation)).unwrap();
            encoder.write_image(pixels, width, height, color)
        }
        ImageKind::Png => {
            let mut encoder = PngEncoder::new(&mut bytes);
            encoder.set_exif_metadata(exif(orientation)).unwrap();
            encoder.write_image(pixels, width, height, color)
        }
        ImageKind::WebP => {
            let mut encoder = WebPEncoder::new_lossless(&mut bytes);
            encoder.set_exif_metadata(exif(orientation)).unwrap();
            encoder.write_image(pixels, width, height, color)
        }
    };
    written.unwrap();
    bytes
}

const KINDS: [ImageKind; 3] = [ImageKind::Jpeg, ImageKind::Png, ImageKind::WebP];

/// What becomes of an upload, from its first byte.
fn take(bytes: &[u8]) -> Result<Rendered, BadImage> {
    render(bytes, ImageKind::of(bytes)?)
}

fn find(rendered: &Rendered, size: Size, format: Format) -> DynamicImage {
    let wanted = rendered.id.file(size, format);
    let (_, bytes) = rendered.files.iter().find(|(file, _)| *file == wanted).unwrap();
    image::load_from_memory(bytes).unwrap()
}

fn holds(rendered: &Rendered, part: &[u8]) -> bool {
    let mut files = rendered.files.iter();
    files.any(|(_, bytes)| bytes.windows(part.len()).any(|window| window == part))
}

// IMG-1
#[test]
fn a_picture_is_turned_upright_and_what_says_where_it_was_taken_is_gone() {
    // Red on the left, blue on the right; turned clockwise, red is on top.
    let lying = RgbImage::from_fn(400, 200, |x, _| {
        Rgb(if x < 200 { [250, 5, 5] } else { [5, 5, 250] })
    });
    for kind in KINDS {
        let bytes = file(&lying.clone().into(), kind, 6);
        assert!(bytes.windows(SECRET.len()).any(|window| window == SECRET));
        let upright = take(&bytes).unwrap();
        assert_eq!((upright.width, upright.height), (200, 400), "{kind:?}");
        for format in Format::ALL {
            let image = find(&upright, Size::Full, format).to_rgb8();
            let (top, bottom) = (image.get_pixel(100, 50), image.get_pixel(100, 350));
            assert!(top[0] > 200 && top[2] < 60, "{kind:?} {format:?} {top:?}");
            assert!(
                bottom[2] > 200 && bottom[0] < 60,
                "{kind:?} {format:?} {bottom:?}"
            );
        }
        for trace in [&b"Exif"[..], b"EXIF", b"eXIf", SECRET] {
            assert!(!holds(&upright, trace), "{kind:?}");
        }
    }
}

// IMG-2
#[test]
fn three_sizes_are_made_and_none_is_larger_than_the_upload() {
    for (width, height, sizes) in [
        (2_500, 500, [(2_048, 410), (800, 160), (240, 48)]),
        (300, 600, [(300, 600), (300, 600), (120, 240)]),
        (1, 1, [(1, 1), (1, 1), (1, 1)]),
        (3_000, 1, [(2_048, 1), (800, 1), (240, 1)]),
    ] {
        let bytes = file(&photo(width, height).into(), ImageKind::Jpeg, 1);
        let rendered = take(&bytes).unwrap();
        assert_eq!(rendered.files.len(), 6);
        for (size, (width, height)) in Size::ALL.into_iter().zip(sizes) {
            for format in Format::ALL {
                let image = find(&rendered, size, format);
                assert_eq!((image.width(), image.height()), (width, height));
            }
        }
        assert_eq!(take(&bytes).unwrap().id, rendered.id, "the same makes the same");
    }
}

// IMG-2
#[test]
fn what_is_transparent_stays_so_in_webp_and_is_white_in_jpeg() {
    let clear = RgbaImage::from_fn(1_000, 1_000, |x, _| {
        Rgba(if x < 500 { [0, 0, 0, 0] } else { [0, 128, 0, 255] })
    });
    for kind in [ImageKind::Png, ImageKind::WebP] {
        let rendered = take(&file(&clear.clone().into(), kind, 1)).unwrap();
        for size in Size::ALL {
            let webp = find(&rendered, size, Format::WebP).to_rgba8();
            let jpeg = find(&rendered, size, Format::Jpeg).to_rgb8();
            let (left, right) = (webp.width() / 4, webp.width() * 3 / 4);
            assert_eq!(webp.get_pixel(left, 9)[3], 0);
            assert_eq!(webp.get_pixel(right, 9)[3], 255);
            assert!(jpeg.get_pixel(left, 9).0.iter().all(|c| *c > 250));
            let green = jpeg.get_pixel(right, 9);
            assert!(green[0] < 20 && green[1].abs_diff(128) < 12, "{green:?}");
        }
    }
}

// IMG-1
#[test]
fn every_depth_and_kind_of_colour_is_read() {
    let base = DynamicImage::from(photo(900, 300));
    let gray: GrayImage = base.to_luma8();
    for image in [
        DynamicImage::from(gray),
        base.to_luma_alpha8().into(),
        base.to_luma16().into(),
        base.to_luma_alpha16().into(),
        base.to_rgb16().into(),
        base.to_rgba16().into(),
        base.to_rgba8().into(),
    ] {
        let rendered = take(&file(&image, ImageKind::Png, 1)).unwrap();
        let expected = image.to_rgb8();
        let made = find(&rendered, Size::Full, Format::Jpeg).to_rgb8();
        let off: u64 = expected
            .iter()
            .zip(made.iter())
            .map(|(a, b)| u64::from(a.abs_diff(*b)))
            .sum();
        assert!(
            off / expected.len() as u64 <= 8,
            "{:?} is off by {off} in all",
            image.color()
        );
    }
    let gray = DynamicImage::from(base.to_luma8());
    take(&file(&gray, ImageKind::Jpeg, 1)).unwrap();
}

// IMG-1
#[test]
fn what_is_cut_off_is_refused_wherever_it_is_cut() {
    let image = DynamicImage::from(photo(300, 200));
    let mut lossy = Vec::new();
    lossy.extend_from_slice(&webp::Encoder::from_rgb(&photo(300, 200), 300, 200).encode(80.0));
    let mut files: Vec<Vec<u8>> = KINDS.map(|kind| file(&image, kind, 1)).into();
    files.push(lossy);
    for bytes in files {
        take(&bytes).unwrap();
        let step = (bytes.len() / 40).max(1);
        for end in (1..bytes.len() - 20).step_by(step) {
            let cut = bytes.get(..end).unwrap();
            assert!(take(cut).is_err(), "{end} of {} bytes are enough", bytes.len());
        }
    }
}

// IMG-1
#[test]
fn nothing_comes_through_but_pixels() {
    let payload = b"PK\x03\x04 <script>alert(1)</script> %PDF-1.7";
    for kind in KINDS {
        let plain = file(&photo(300, 200).into(), kind, 1);
        let expected = take(&plain).unwrap();
        let polyglot = take(&[&plain[..], payload].concat()).unwrap();
        assert_eq!(polyglot.id, expected.id, "{kind:?}");
        assert!(!holds(&polyglot, b"<script"), "{kind:?}");
    }
    // In a comment of a JPEG, and in front of its end.
    let plain = file(&photo(300, 200).into(), ImageKind::Jpeg, 1);
    let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    let comment = [&plain[..2], b"\xff\xfe", &length, payload, &plain[2..]].concat();
    assert_eq!(take(&comment).unwrap().id, take(&plain).unwrap().id);
}

// IMG-1
#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    // 50,000 by 50,000 pixels of black in some kilobytes: seven gigabytes, unpacked.
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let sum = crc(&[kind, data].concat());
        [
            &u32::try_from(data.len()).unwrap().to_be_bytes()[..],
            kind,
            data,
            &sum.to_be_bytes(),
        ]
        .concat()
    };
    let png = |side: u32| {
        let side = side.to_be_bytes();
        let head = [&side[..], &side, &[8, 2, 0, 0, 0]].concat();
        let data = chunk(b"IDAT", b"\x78\x9c\x63\0\0\0\x01\0\x01");
        [
            b"\x89PNG\r\n\x1a\n".to_vec(),
            chunk(b"IHDR", &head),
            data,
            chunk(b"IEND", b""),
        ]
        .concat()
    };
    assert_eq!(take(&png(50_000)).unwrap_err(), BadImage::TooManyPixels);
    // As many as are taken, and nothing there.
    assert_eq!(take(&png(7_000)).unwrap_err(), BadImage::Damaged);
    // A WebP of 8,000 by 8,000 pixels, and one that says in front that it is small.
    let packed = (7_999_u32 | 7_999 << 14).to_le_bytes();
    let inner = [
        b"VP8L\x0c\0\0\0\x2f",
        &packed[..],
        b"\x10\x07\x10\x11\x11\x88\x88",
    ]
    .concat();
    let riff = |chunks: &[u8]| {
        let length = u32::try_from(4 + chunks.len()).unwrap().to_le_bytes();
        [b"RIFF", &length[..], b"WEBP", chunks].concat()
    };
    assert_eq!(take(&riff(&inner)).unwrap_err(), BadImage::TooManyPixels);
    let small = b"VP8X\x0a\0\0\0\0\0\0\0\x0f\0\0\x0f\0\0";
    let lossy = b"VP8 \x0a\0\0\0\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f";
    for inner in [&inner[..], lossy] {
        assert_eq!(
            take(&riff(&[&small[..], inner].concat())).unwrap_err(),
            BadImage::TooManyPixels
        );
    }
}

/// The checksum of PNG's chunks.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

// IMG-1
#[test]
fn of_a_moving_picture_the_first_frame_is_taken() {
    let config = webp::WebPConfig::new().unwrap();
    let mut encoder = webp::AnimEncoder::new(300, 200, &config);
    let frames = [[250, 5, 5], [5, 5, 250]].map(|color| RgbImage::from_pixel(300, 200, Rgb(color)));
    for (at, frame) in frames.iter().enumerate() {
        encoder.add_frame(webp::AnimFrame::from_rgb(
            frame,
            300,
            200,
            i32::try_from(at).unwrap() * 100,
        ));
    }
    let rendered = take(&encoder.encode()).unwrap();
    for format in Format::ALL {
        let still = find(&rendered, Size::Card, format).to_rgb8();
        let pixel = still.get_pixel(150, 100);
        assert!(pixel[0] > 200 && pixel[2] < 60, "{pixel:?}");
    }
    assert!(!holds(&rendered, b"ANIM"));
}

#[test]
fn colours_of_another_space_look_the_same_without_their_profile() {
    let wide = RgbImage::from_pixel(64, 64, Rgb([200, 100, 50]));
    let with_profile = |profile: Vec<u8>| {
        let mut bytes = Vec::new();
        let mut encoder = PngEncoder::new(&mut bytes);
        encoder.set_icc_profile(profile).unwrap();
        encoder
            .write_image(&wide, 64, 64, ExtendedColorType::Rgb8)
            .unwrap();
        let rendered = take(&bytes).unwrap();
        assert!(!holds(&rendered, b"ICCP") && !holds(&rendered, b"ICC_PROFILE"));
        find(&rendered, Size::Full, Format::Jpeg)
            .to_rgb8()
            .get_pixel(30, 30)
            .0
    };
    let [red, green, blue] = with_profile(ColorProfile::new_display_p3().encode().unwrap());
    // 200, 100, 50 of Display P3, in sRGB.
    assert!(
        red.abs_diff(215) < 5 && green.abs_diff(95) < 5 && blue.abs_diff(36) < 8,
        "{red} {green} {blue}"
    );
    let [red, green, blue] = with_profile(b"no profile at all".to_vec());
    assert!(
        red.abs_diff(200) < 5 && green.abs_diff(100) < 5 && blue.abs_diff(50) < 5,
        "{red} {green} {blue}"
    );
}

static SMALL: LazyLock<[Vec<u8>; 3]> =
    LazyLock::new(|| KINDS.map(|kind| file(&photo(40, 30).into(), kind, 1)));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // IMG-1
    #[test]
    fn whatever_is_wrong_inside_a_file_it_is_read_or_refused(which in 0_usize..3, wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = SMALL[which].clone();
        for (at, byte) in wrong {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(rendered) = take(&bytes) {
            for (_, file) in &rendered.files {
                prop_assert!(image::load_from_memory(file).is_ok());
            }
        }
    }
}
