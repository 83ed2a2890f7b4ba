//! Slugs: a name as a URL shows it.

/// The longest slug, in characters, before a suffix.
const MAX: usize = 80;

/// The slug of a name: ASCII letters, digits and hyphens, with a letter in it, so that it never reads as an id.
#[must_use]
pub fn of(name: &str, fallback: &str) -> String {
    let full = ::slug::slugify(name);
    let cut: String = full.chars().take(MAX).collect();
    let slug = cut.trim_matches('-');
    if slug.chars().any(|c| c.is_ascii_alphabetic()) {
        slug.to_owned()
    } else {
        format!("{fallback}-{slug}").trim_matches('-').to_owned()
    }
}

/// Whether a text can be a slug.
#[must_use]
pub fn is_one(text: &str) -> bool {
    text.len() <= 2 * MAX
        && text.bytes().any(|b| b.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    // CAT-2
    #[test]
    fn a_slug_is_ascii_and_always_holds_a_letter() {
        for (name, slug) in [
            ("Copper Coffee Pot", "copper-coffee-pot"),
            ("Crème brûlée №5", "creme-brulee-no5"),
            ("Чайник", "chainik"),
            ("2024", "product-2024"),
            ("!!!", "product"),
        ] {
            assert_eq!(of(name, "product"), slug);
            assert!(is_one(&of(name, "product")));
        }
        assert!(of(&"a b".repeat(500), "product").len() <= MAX);
    }

    #[test]
    fn what_is_no_slug_is_told_apart() {
        for text in ["", "7", "a b", "A", "a\0", "a%", "ä"] {
            assert!(!is_one(text), "{text:?}");
        }
    }

    #[test]
    fn a_slug_with_a_suffix_is_one_up_to_twice_the_longest_name() {
        let long = |length| format!("a{}", "-".repeat(length - 1));
        assert!(is_one(&long(2 * MAX)) && !is_one(&long(2 * MAX + 1)));
        assert!(is_one("mug-2"));
    }
}
