//! The pictures of a product: their order, of which the first is the primary one, and what each shows (IMG-3).

use std::collections::BTreeMap;

use super::Refusal;

/// The most pictures of one product.
pub const MOST: usize = 20;
/// The longest alternative text, in characters.
pub const ALT: usize = 300;

/// The pictures of a product, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gallery {
    images: Vec<String>,
    /// Only of pictures that are there, and never empty.
    alts: BTreeMap<String, String>,
}

/// What to change of a gallery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hanging {
    /// All pictures, in their order; each counts once.
    pub images: Option<Vec<String>>,
    /// The primary one. Where `images` is not sent: moved to the front if it is there; if not, it replaces them all.
    pub primary: Option<String>,
    /// What `images` show, or, where those are not sent, the pictures in the order that they have then; an empty text
    /// removes one.
    pub alts: Option<Vec<String>>,
}

impl Hanging {
    /// Whether it says which pictures there are.
    #[must_use]
    pub fn names_pictures(&self) -> bool {
        self.images.is_some() || self.primary.is_some()
    }
}

impl Gallery {
    /// These pictures: ids of ours, or addresses elsewhere. A text of any other picture is dropped.
    #[must_use]
    pub fn new(images: Vec<String>, mut alts: BTreeMap<String, String>) -> Self {
        alts.retain(|image, alt| !alt.is_empty() && images.contains(image));
        Self { images, alts }
    }

    /// The pictures, the primary one first.
    #[must_use]
    pub fn images(&self) -> &[String] {
        &self.images
    }

    /// What there is of texts, by picture.
    #[must_use]
    pub fn alts(&self) -> &BTreeMap<String, String> {
        &self.alts
    }

    /// What `image` shows; empty if nobody has said.
    #[must_use]
    pub fn alt(&self, image: &str) -> &str {
        self.alts.get(image).map_or("", String::as_str)
    }

    /// Whether `image` is the one that lists show.
    #[must_use]
    pub fn is_primary(&self, image: &str) -> bool {
        self.images.first().is_some_and(|first| first == image)
    }

    /// The pictures as `hanging` leaves them. A text stays with its picture wherever that goes.
    ///
    /// # Errors
    /// There are more pictures than there may be, or more texts than pictures.
    pub fn hung(self, hanging: Hanging) -> Result<Self, Refusal> {
        let list = hanging.images;
        let images = match (&list, hanging.primary) {
            (Some(list), primary) => each_once(primary.into_iter().chain(list.iter().cloned()))?,
            (None, Some(primary)) if self.images.contains(&primary) => led_by(primary, self.images),
            (None, Some(primary)) => vec![primary],
            (None, None) => self.images,
        };
        let mut alts = self.alts;
        if let Some(texts) = hanging.alts {
            let of = list.as_ref().unwrap_or(&images);
            if texts.len() > of.len() {
                let detail = format!("{} texts, and {} pictures", texts.len(), of.len());
                return Err(Refusal::invalid("/imageAlts", detail));
            }
            // Of a picture that is listed twice, the first text stays.
            alts.extend(of.iter().cloned().zip(texts).rev());
        }
        Ok(Self::new(images, alts))
    }

    /// Adds an upload as the last picture, or as the primary one; one that is there already is not there twice. `alt`, if
    /// there is one, says what it shows.
    ///
    /// # Errors
    /// There are as many pictures as there may be.
    pub fn add(&mut self, image: &str, alt: Option<String>, primary: bool) -> Result<(), Refusal> {
        if !self.images.iter().any(|known| known == image) {
            if self.images.len() >= MOST {
                let detail = format!("a product has {MOST} pictures at most");
                return Err(Refusal::invalid("/image", detail));
            }
            self.images.push(image.to_owned());
        }
        if primary {
            self.images = led_by(image.to_owned(), std::mem::take(&mut self.images));
        }
        match alt {
            None => {}
            Some(alt) if alt.is_empty() => drop(self.alts.remove(image)),
            Some(alt) => drop(self.alts.insert(image.to_owned(), alt)),
        }
        Ok(())
    }
}

fn each_once(sent: impl Iterator<Item = String>) -> Result<Vec<String>, Refusal> {
    let mut images = Vec::new();
    for image in sent {
        if !images.contains(&image) {
            images.push(image);
        }
    }
    if images.len() > MOST {
        return Err(Refusal::invalid("/images", format!("{MOST} pictures at most")));
    }
    Ok(images)
}

fn led_by(primary: String, images: Vec<String>) -> Vec<String> {
    let rest = images.into_iter().filter(|image| *image != primary).collect();
    [vec![primary.clone()], rest].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts<const N: usize>(of: [&str; N]) -> Vec<String> {
        of.map(str::to_owned).to_vec()
    }

    fn gallery() -> Gallery {
        let alts = [("a", "front"), ("b", "back"), ("gone", "?"), ("c", "")];
        let alts = alts.map(|(image, alt)| (image.to_owned(), alt.to_owned()));
        Gallery::new(texts(["a", "b", "c"]), alts.into())
    }

    // IMG-3
    #[test]
    fn a_text_goes_where_its_picture_goes_and_away_with_it() {
        assert_eq!(gallery().alts().len(), 2);
        let images = Some(texts(["c", "b"]));
        let hung = gallery()
            .hung(Hanging {
                images,
                ..Hanging::default()
            })
            .unwrap();
        assert_eq!((hung.alt("b"), hung.alt("c"), hung.alt("a")), ("back", "", ""));
        let alts = Some(texts(["side", ""]));
        let hung = hung
            .hung(Hanging {
                alts,
                ..Hanging::default()
            })
            .unwrap();
        assert_eq!((hung.alt("c"), hung.alt("b")), ("side", ""));
        let alts = Some(texts(["1", "2", "3"]));
        let refused = hung.hung(Hanging {
            alts,
            ..Hanging::default()
        });
        assert!(matches!(refused, Err(Refusal::Invalid { pointer, .. }) if pointer == "/imageAlts"));
    }

    // IMG-3
    #[test]
    fn pictures_are_named_by_their_list_or_by_the_primary_one_and_not_by_texts() {
        let (images, alts) = (Some(texts(["a"])), Some(texts(["front"])));
        let named = |images, primary: Option<&str>, alts| {
            let primary = primary.map(str::to_owned);
            Hanging {
                images,
                primary,
                alts,
            }
            .names_pictures()
        };
        assert!(named(images.clone(), None, None));
        assert!(named(None, Some("a"), alts.clone()));
        assert!(named(images, Some("a"), None));
        assert!(!named(None, None, alts));
    }

    // IMG-3
    #[test]
    fn a_product_has_so_many_pictures_and_one_that_is_sent_twice_counts_once() {
        let hung = |count: usize| {
            let images = (0..count).map(|n| n.to_string()).chain([String::from("0")]);
            gallery().hung(Hanging {
                images: Some(images.collect()),
                ..Hanging::default()
            })
        };
        assert_eq!(hung(MOST).unwrap().images().len(), MOST);
        for count in [MOST + 1, MOST + 2] {
            assert!(matches!(hung(count), Err(Refusal::Invalid { pointer, .. }) if pointer == "/images"));
        }
    }

    // IMG-3
    #[test]
    fn the_primary_picture_is_the_first_one() {
        let primary = |image: &str| Hanging {
            primary: Some(image.to_owned()),
            ..Hanging::default()
        };
        let hung = gallery().hung(primary("c")).unwrap();
        assert_eq!(hung.images(), ["c", "a", "b"]);
        assert!(hung.is_primary("c") && !hung.is_primary("a"));
        let replaced = gallery().hung(primary("d")).unwrap();
        assert_eq!((replaced.images(), replaced.alts().len()), (&texts(["d"])[..], 0));
    }

    // IMG-3
    #[test]
    fn an_upload_is_the_last_picture_or_the_first_and_never_there_twice() {
        let mut of = gallery();
        of.add("d", Some("inside".to_owned()), false).unwrap();
        of.add("b", None, true).unwrap();
        assert_eq!(of.images(), ["b", "a", "c", "d"]);
        assert_eq!((of.alt("d"), of.alt("b")), ("inside", "back"));
        of.add("b", Some(String::new()), false).unwrap();
        assert_eq!(of.alt("b"), "");
        let many: Vec<String> = (0..MOST).map(|n| n.to_string()).collect();
        let mut full = Gallery::new(many, BTreeMap::new());
        assert!(full.add("more", None, true).is_err());
        full.add("7", None, true).unwrap();
        assert!(full.is_primary("7") && full.images().len() == MOST);
    }

    proptest! {
        // IMG-3
        #[test]
        fn whatever_is_done_each_picture_is_there_once_and_no_text_without_one(
            steps in prop::collection::vec((0..4_u8, any::<bool>(), prop::option::of("[a-b]{0,2}")), 0..40)
        ) {
            let mut of = Gallery::default();
            for (image, primary, alt) in steps {
                let name = image.to_string();
                of.add(&name, alt.clone(), primary).unwrap();
                prop_assert!(!primary || of.is_primary(&name));
                if let Some(alt) = alt {
                    prop_assert_eq!(of.alt(&name), alt);
                }
                let mut once = of.images().to_vec();
                once.sort();
                once.dedup();
                prop_assert_eq!(once.len(), of.images().len());
                prop_assert!(of.alts().iter().all(|(image, alt)| !alt.is_empty() && of.images().contains(image)));
            }
        }
    }
}
