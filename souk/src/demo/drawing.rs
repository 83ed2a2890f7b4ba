//! Pictures for the demo's products: shapes and colours that follow from a product's name in URLs, so that no file has to
//! come with the source and each start draws the same.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};
use runtime::StartError;

/// Width and height, in pixels. Small: seventy of them are drawn, each in three sizes and two formats.
const SIDE: u32 = 400;
/// Half of the width and the height in the units in which shapes are described.
const HALF: i64 = 1_000;
/// Of each pixel so many points are looked at in either direction, so that edges are smooth.
const POINTS: u32 = 2;

/// Ground, shape and accent.
type Palette = [[u8; 3]; 3];

const PALETTES: [Palette; 8] = [
    [[246, 239, 228], [198, 93, 59], [44, 62, 80]],
    [[232, 240, 237], [46, 125, 107], [233, 176, 74]],
    [[238, 234, 244], [108, 91, 165], [240, 138, 110]],
    [[250, 243, 221], [38, 84, 124], [239, 71, 111]],
    [[229, 238, 246], [64, 114, 175], [250, 184, 99]],
    [[243, 236, 238], [158, 72, 96], [88, 129, 120]],
    [[240, 240, 232], [107, 122, 62], [197, 123, 54]],
    [[234, 239, 242], [57, 66, 88], [88, 170, 180]],
];

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Motif {
    Sun,
    Rings,
    Stripes,
    Arches,
    Stairs,
    Diamond,
    Dots,
    Hills,
}

const MOTIFS: [Motif; 8] = [
    Motif::Sun,
    Motif::Rings,
    Motif::Stripes,
    Motif::Arches,
    Motif::Stairs,
    Motif::Diamond,
    Motif::Dots,
    Motif::Hills,
];

/// A drawing, before it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Drawing {
    motif: Motif,
    palette: usize,
    /// How far it is moved to the side, and how large it is in percent.
    aside: i64,
    percent: i64,
    mirrored: bool,
}

/// The PNG of the product that is called `slug`; always the same.
///
/// # Errors
/// It cannot be encoded.
pub fn draw(slug: &str) -> Result<Vec<u8>, StartError> {
    let drawing = Drawing::of(slug);
    let picture = RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb(drawing.pixel(x, y)));
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

impl Drawing {
    fn of(slug: &str) -> Self {
        // FNV-1a, which is the same for ever.
        let mut left = slug.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut pick = |of: u64| {
            let picked = left % of;
            left /= of;
            picked
        };
        let index = |picked: u64| usize::try_from(picked).unwrap_or_default();
        Self {
            motif: MOTIFS.get(index(pick(8))).copied().unwrap_or(Motif::Sun),
            palette: index(pick(8)),
            aside: i64::try_from(pick(13)).unwrap_or_default() * 25 - 150,
            percent: i64::try_from(pick(8)).unwrap_or_default() * 4 + 80,
            mirrored: pick(2) == 1,
        }
    }

    /// The mean colour of a pixel's points.
    fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let of = i64::from(SIDE * POINTS);
        let place = |pixel: u32, point: u32| (2 * i64::from(pixel * POINTS + point) + 1) * HALF / of - HALF;
        let mut sum = [0_u32; 3];
        for (down, across) in (0..POINTS).flat_map(|down| (0..POINTS).map(move |across| (down, across))) {
            let colour = self.colour(place(x, across), place(y, down));
            for (total, channel) in sum.iter_mut().zip(colour) {
                *total += u32::from(channel);
            }
        }
        sum.map(|total| u8::try_from(total / (POINTS * POINTS)).unwrap_or(u8::MAX))
    }

    /// The colour at a point; both coordinates go from -1000 to 1000, to the right and down.
    fn colour(&self, x: i64, y: i64) -> [u8; 3] {
        let x = if self.mirrored { -x } else { x };
        let scaled = |of: i64| of * 100 / self.percent;
        let ink = self.motif.ink(scaled(x - self.aside), scaled(y));
        let palette = PALETTES.get(self.palette).copied().unwrap_or_default();
        palette.get(ink).copied().unwrap_or_default()
    }
}

impl Motif {
    /// Which colour of a palette lies at a point: 0 for the ground, 1 for the shape, 2 for the accent.
    fn ink(self, x: i64, y: i64) -> usize {
        let within = |radius: i64, x: i64, y: i64| x * x + y * y < radius * radius;
        // The innermost of several shapes, one in another, in turns of two colours.
        let nested = |inside: &dyn Fn(i64) -> bool, sizes: [i64; 4]| {
            let depth = sizes.into_iter().filter(|size| inside(*size)).count();
            if depth == 0 { 0 } else { 2 - depth % 2 }
        };
        match self {
            Self::Sun if y > 350 => 1,
            Self::Sun => 2 * usize::from(within(560, x, y - 150)),
            Self::Rings => nested(&|radius| within(radius, x, y), [760, 600, 420, 220]),
            Self::Stripes if within(380, x + 200, y - 150) => 2,
            Self::Stripes => usize::from((x + y).rem_euclid(400) < 170),
            Self::Arches => nested(
                &|radius| within(radius, x, y.min(0)) || (y > 0 && x.abs() < radius),
                [760, 580, 400, 220],
            ),
            Self::Stairs if within(170, x + 480, y + 480) => 2,
            Self::Stairs => usize::from(y > 500 - (x + HALF).div_euclid(330) * 220),
            Self::Diamond => nested(&|size| x.abs() + y.abs() < size, [860, 640, 420, 200]),
            Self::Dots => {
                let (column, row) = (x.div_euclid(400), y.div_euclid(400));
                let dot = within(130, x.rem_euclid(400) - 200, y.rem_euclid(400) - 200);
                usize::from(dot) * if (column + row).rem_euclid(3) == 0 { 2 } else { 1 }
            }
            Self::Hills if y > (x - 350).abs() - 150 => 2,
            Self::Hills => usize::from(y > (x + 250).abs() * 3 / 2 - 560),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_product_is_drawn_the_same_each_time_and_in_more_than_one_colour() {
        let png = draw("stoneware-mug").unwrap();
        assert_eq!(png, draw("stoneware-mug").unwrap());
        let picture = image::load_from_memory(&png).unwrap().to_rgb8();
        assert_eq!((picture.width(), picture.height()), (SIDE, SIDE));
        for motif in MOTIFS {
            let drawing = Drawing {
                motif,
                ..Drawing::of("stoneware-mug")
            };
            let at = |n: i64| n * 50 - HALF;
            let inks: HashSet<_> = (0..40)
                .flat_map(|x| (0..40).map(move |y| (x, y)))
                .map(|(x, y)| drawing.colour(at(x), at(y)))
                .collect();
            assert_eq!(inks.len(), 3, "{motif:?}");
        }
    }

    #[test]
    fn no_two_products_of_the_demo_look_the_same() {
        let catalogue: serde_json::Value = serde_json::from_str(super::super::CATALOGUE).unwrap();
        let products = catalogue["products"].as_array().unwrap();
        let drawings: HashSet<_> = products
            .iter()
            .map(|product| Drawing::of(product["slug"].as_str().unwrap()))
            .collect();
        assert_eq!(drawings.len(), products.len());
    }
}
