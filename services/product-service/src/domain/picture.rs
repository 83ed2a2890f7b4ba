//! A stored picture: six files, two formats in each of three sizes, named by what they hold (IMG-2).

use sha2::{Digest as _, Sha256};

/// How large a file of a picture is. The proportions stay, and none is larger than what was uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// For carts, lists of orders and rows of small pictures.
    Thumb,
    /// For a tile in a list of products.
    Card,
    /// For the product's own page, zooming included.
    Full,
}

impl Size {
    /// Every size, the largest first.
    pub const ALL: [Self; 3] = [Self::Full, Self::Card, Self::Thumb];

    /// The longer side, in pixels at most: what 80, 400 and 1,024 points take on the screens of today.
    #[must_use]
    pub const fn longest(self) -> u32 {
        match self {
            Self::Thumb => 240,
            Self::Card => 800,
            Self::Full => 2_048,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Thumb => "thumb",
            Self::Card => "card",
            Self::Full => "full",
        }
    }

    /// Width and height in this size of what has these.
    #[must_use]
    pub fn fit(self, width: u32, height: u32) -> (u32, u32) {
        let longest = width.max(height);
        if longest <= self.longest() {
            return (width, height);
        }
        let side = |side: u32| {
            let scaled = (u64::from(side) * u64::from(self.longest()) * 2 + u64::from(longest))
                / (2 * u64::from(longest));
            u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
        };
        (side(width), side(height))
    }
}

/// How a file of a picture is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The smaller one, with transparency.
    WebP,
    /// What everything can show; what is transparent becomes white.
    Jpeg,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::WebP, Self::Jpeg];

    const fn extension(self) -> &'static str {
        match self {
            Self::WebP => "webp",
            Self::Jpeg => "jpg",
        }
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::WebP => "image/webp",
            Self::Jpeg => "image/jpeg",
        }
    }
}

/// Names a picture: a hash over all of its files, so that other bytes have other names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PictureId(String);

impl PictureId {
    /// The name of these files.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for file in files {
            // Hashed by themselves first, so that no byte can move from one file to the next.
            hash.update(Sha256::digest(file));
        }
        Self(hex::encode(hash.finalize()))
    }

    /// Reads a name: 64 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (text.len() == 64 && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One of its files.
    #[must_use]
    pub fn file(&self, size: Size, format: Format) -> PictureFile {
        PictureFile {
            picture: self.clone(),
            size,
            format,
        }
    }

    /// All of its files.
    pub fn files(&self) -> impl Iterator<Item = PictureFile> {
        Size::ALL
            .into_iter()
            .flat_map(|size| Format::ALL.map(|format| self.file(size, format)))
    }
}

/// One file of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureFile {
    /// The picture.
    pub picture: PictureId,
    /// How large.
    pub size: Size,
    /// How encoded.
    pub format: Format,
}

impl PictureFile {
    /// Its name, such as `4f…c1-card.webp`.
    #[must_use]
    pub fn name(&self) -> String {
        format!(
            "{}-{}.{}",
            self.picture.0,
            self.size.word(),
            self.format.extension()
        )
    }

    /// Reads a name. Whatever else a path may hold, such as dots and slashes, is none.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (picture, rest) = name.split_once('-')?;
        let (size, extension) = rest.split_once('.')?;
        Some(Self {
            picture: PictureId::parse(picture)?,
            size: Size::ALL.into_iter().find(|s| s.word() == size)?,
            format: Format::ALL.into_iter().find(|f| f.extension() == extension)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_names_of_ours_are_names() {
        let id = PictureId::of([&b"x"[..]]);
        for file in id.files() {
            assert_eq!(PictureFile::parse(&file.name()), Some(file));
        }
        let name = id.file(Size::Card, Format::WebP).name();
        for other in [
            "../etc/passwd",
            "x-card.webp",
            &name.to_uppercase(),
            &format!("{name}.png"),
            &name.replace("card", "huge"),
            &name.replace("webp", "svg"),
            &format!("/{name}"),
            &name[1..],
            &format!("0{name}"),
            &name.replacen(|_: char| true, "g", 1),
            id.as_str(),
            "-.",
            "",
        ] {
            assert_eq!(PictureFile::parse(other), None, "{other}");
        }
    }

    // IMG-2
    #[test]
    fn a_file_says_which_picture_it_is_of_how_large_and_of_which_type() {
        let id = PictureId::of([&b"x"[..]]);
        let hash = "0123456789abcdef".repeat(4);
        assert_eq!(PictureId::parse(&hash).unwrap().as_str(), hash);
        assert_eq!(id.as_str().len(), 64);
        let named = |size, format| id.file(size, format).name().replace(id.as_str(), "#");
        assert_eq!(named(Size::Thumb, Format::WebP), "#-thumb.webp");
        assert_eq!(named(Size::Card, Format::WebP), "#-card.webp");
        assert_eq!(named(Size::Full, Format::Jpeg), "#-full.jpg");
        assert_eq!(Format::WebP.media_type(), "image/webp");
        assert_eq!(Format::Jpeg.media_type(), "image/jpeg");
        assert_eq!(id.files().count(), 6);
    }

    // IMG-2
    #[test]
    fn the_longer_side_is_2048_800_or_240_and_the_other_one_is_rounded() {
        for (width, height, sizes) in [
            (4_000, 3_000, [(2_048, 1_536), (800, 600), (240, 180)]),
            (801, 2_000, [(801, 2_000), (320, 800), (96, 240)]),
            // 266.4, 79.92
            (1_000, 333, [(1_000, 333), (800, 266), (240, 80)]),
            // 1024.5, 400.195…, 120.058…
            (4_096, 2_049, [(2_048, 1_025), (800, 400), (240, 120)]),
            (60_000, 1, [(2_048, 1), (800, 1), (240, 1)]),
        ] {
            assert_eq!(Size::ALL.map(|size| size.fit(width, height)), sizes);
        }
    }

    #[test]
    fn bytes_that_move_from_one_file_to_the_next_make_another_name() {
        assert_ne!(
            PictureId::of([&b"ab"[..], b"c"]),
            PictureId::of([&b"a"[..], b"bc"])
        );
    }

    proptest! {
        // IMG-2
        #[test]
        fn a_size_keeps_the_proportions_and_enlarges_nothing(width in 1_u32..60_000, height in 1_u32..60_000) {
            for size in Size::ALL {
                let (w, h) = size.fit(width, height);
                prop_assert!(w >= 1 && h >= 1 && w <= width && h <= height);
                prop_assert!(w.max(h) == size.longest().min(width.max(height)));
                // Off by less than a pixel of the smaller picture.
                let off = (u64::from(w) * u64::from(height)).abs_diff(u64::from(h) * u64::from(width));
                prop_assert!(off <= u64::from(width.max(height)) || w == 1 || h == 1, "{w}x{h} of {width}x{height}");
            }
        }
    }
}
