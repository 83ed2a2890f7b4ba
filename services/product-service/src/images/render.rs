//! From an uploaded file to the files of a picture: decoded, made small, turned upright, encoded anew. Nothing of the
//! upload but its pixels gets through: no EXIF, no profile, no text, no bytes behind the end (IMG-1).

use std::io::Cursor;

use fast_image_resize::{MulDiv, ResizeOptions, Resizer};
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{
    ColorType, DynamicImage, ExtendedColorType, ImageDecoder as _, ImageFormat, ImageReader, Limits, RgbImage,
};

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use crate::domain::{BadImage, Format, ImageKind, PictureFile, PictureId, Size};

/// What a decoder may allocate: 50 million pixels of 8 bytes, and some.
const MEMORY: u64 = 512 * 1024 * 1024;
/// Of 100. Where more is hard to see on photographs.
const WEBP_QUALITY: f32 = 80.0;
const JPEG_QUALITY: u8 = 82;

/// A picture, ready to be stored.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) id: PictureId,
    /// Of the largest size, in pixels.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) files: Vec<(PictureFile, Vec<u8>)>,
}

/// Renders a file whose head says that it is of this kind. Takes a processor for a second or more: never on a thread
/// that answers requests. Of what moves, the first frame is taken.
pub(crate) fn render(bytes: &[u8], kind: ImageKind) -> Result<Rendered, BadImage> {
    let format = match kind {
        ImageKind::Jpeg => ImageFormat::Jpeg,
        ImageKind::Png => ImageFormat::Png,
        ImageKind::WebP => ImageFormat::WebP,
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let turn = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let decoded = DynamicImage::from_decoder(decoder).map_err(damaged)?;

    let mut image = shrink(decoded, Size::Full)?;
    // Turned when it is small: a turn takes a second copy.
    image.apply_orientation(turn);
    to_srgb(&mut image, profile.as_deref());
    let (width, height) = (image.width(), image.height());
    let mut made = Vec::new();
    for size in Size::ALL {
        image = shrink(image, size)?;
        made.push((size, Format::WebP, webp(&image)?));
        made.push((size, Format::Jpeg, jpeg(&image)?));
    }
    let id = PictureId::of(made.iter().map(|(_, _, bytes)| bytes.as_slice()));
    let files = made
        .into_iter()
        .map(|(size, format, bytes)| (id.file(size, format), bytes))
        .collect();
    Ok(Rendered {
        id,
        width,
        height,
        files,
    })
}

/// The image in that size at most, in 8 bits a channel.
fn shrink(mut image: DynamicImage, size: Size) -> Result<DynamicImage, BadImage> {
    let (width, height) = size.fit(image.width(), image.height());
    if (width, height) != (image.width(), image.height()) {
        let alpha = image.color().has_alpha();
        let multiply = MulDiv::new();
        if alpha {
            // In place: a large picture is there once.
            multiply.multiply_alpha_inplace(&mut image).map_err(damaged)?;
        }
        let mut small = DynamicImage::new(width, height, image.color());
        Resizer::new()
            .resize(&image, &mut small, &ResizeOptions::new().use_alpha(false))
            .map_err(damaged)?;
        if alpha {
            multiply.divide_alpha_inplace(&mut small).map_err(damaged)?;
        }
        image = small;
    }
    Ok(match image.color() {
        ColorType::Rgb8 | ColorType::Rgba8 => image,
        color if color.has_alpha() => image.into_rgba8().into(),
        _ => image.into_rgb8().into(),
    })
}

/// Colours as every screen shows them, where a profile says that these are others: phones photograph in Display P3. A
/// profile that cannot be read is passed over.
fn to_srgb(image: &mut DynamicImage, profile: Option<&[u8]>) {
    let profile = profile.and_then(|bytes| ColorProfile::new_from_slice(bytes).ok());
    let Some(profile) = profile.filter(|p| p.color_space == DataColorSpace::Rgb) else {
        return;
    };
    let (layout, pixels): (_, &mut [u8]) = match image {
        DynamicImage::ImageRgb8(pixels) => (Layout::Rgb, pixels),
        DynamicImage::ImageRgba8(pixels) => (Layout::Rgba, pixels),
        _ => return,
    };
    let srgb = ColorProfile::new_srgb();
    let Ok(transform) = profile.create_transform_8bit(layout, &srgb, layout, TransformOptions::default())
    else {
        return;
    };
    let before = pixels.to_vec();
    if transform.transform(&before, pixels).is_err() {
        pixels.copy_from_slice(&before);
    }
}

fn webp(image: &DynamicImage) -> Result<Vec<u8>, BadImage> {
    let (width, height) = (image.width(), image.height());
    let encoder = match image {
        DynamicImage::ImageRgba8(pixels) => webp::Encoder::from_rgba(pixels, width, height),
        other => return encoded(&webp::Encoder::from_rgb(&other.to_rgb8(), width, height)),
    };
    encoded(&encoder)
}

fn encoded(encoder: &webp::Encoder<'_>) -> Result<Vec<u8>, BadImage> {
    let webp = encoder.encode_simple(false, WEBP_QUALITY).map_err(|error| {
        tracing::warn!(?error, "libwebp could not encode an image");
        BadImage::Damaged
    })?;
    Ok(webp.to_vec())
}

fn jpeg(image: &DynamicImage) -> Result<Vec<u8>, BadImage> {
    let pixels = on_white(image);
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
        .encode(&pixels, pixels.width(), pixels.height(), ExtendedColorType::Rgb8)
        .map_err(damaged)?;
    Ok(bytes)
}

/// The image without transparency.
fn on_white(image: &DynamicImage) -> RgbImage {
    let DynamicImage::ImageRgba8(pixels) = image else {
        return image.to_rgb8();
    };
    let mut flat = RgbImage::new(image.width(), image.height());
    for (to, from) in flat.pixels_mut().zip(pixels.pixels()) {
        let [red, green, blue, alpha] = from.0;
        let over = |channel: u8| {
            let sum = u32::from(channel) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
            u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
        };
        to.0 = [over(red), over(green), over(blue)];
    }
    flat
}

fn damaged(error: impl std::error::Error) -> BadImage {
    tracing::debug!(error = %error, "an image could not be read");
    BadImage::Damaged
}

#[cfg(test)]
mod tests;
