//! SKUs: what a seller calls a product.

use super::refusal::Refusal;

/// The longest SKU, in characters.
pub const MAX: usize = 64;
/// Crockford's letters: none looks like another.
const LETTERS: [char; 32] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'M',
    'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
];

/// Checks a SKU that was sent: 1 to 64 letters, digits and `- _ . / +`, compared without regard to case.
pub fn parse(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let known = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+');
    if text.is_empty() || text.chars().count() > MAX || !text.chars().all(known) {
        return Err(Refusal::invalid(
            "/sku",
            format!("1 to {MAX} letters, digits and - _ . / +"),
        ));
    }
    Ok(text.to_owned())
}

/// A SKU for a product that came without one: the slug's first letters and 40 random bits.
#[must_use]
pub fn made(slug: &str, random: u64) -> String {
    let head: String = slug.chars().filter(char::is_ascii_alphabetic).take(3).collect();
    let tail: String = (0..8)
        .filter_map(|i| LETTERS.get(usize::try_from(random >> (5 * i) & 31).unwrap_or_default()))
        .collect();
    format!("{}-{tail}", head.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_is_up_to_sixty_four_letters_digits_and_a_few_signs() {
        let longest = "A".repeat(MAX);
        for text in ["7", "MUG-01", "ä_1.2/3+4", longest.as_str()] {
            assert_eq!(parse(&format!("  {text}\t")).as_deref(), Ok(text));
        }
        let too_long = "A".repeat(MAX + 1);
        for text in ["", "  ", "MUG 01", "MUG\u{0}", "'", too_long.as_str()] {
            match parse(text) {
                Err(Refusal::Invalid { pointer, .. }) => assert_eq!(pointer, "/sku"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_made_sku_shows_three_letters_of_the_slug_and_forty_random_bits() {
        assert_eq!(made("copper-pot", 0), "COP-00000000");
        assert_eq!(made("2-a-day", u64::MAX), "ADA-ZZZZZZZZ");
        assert_eq!(made("a7", 1), "A-10000000");
        let each_bit: std::collections::HashSet<String> = (0..40).map(|bit| made("mug", 1 << bit)).collect();
        assert_eq!(each_bit.len(), 40);
        assert_eq!(made("mug", 1 << 40), made("mug", 0));
    }
}
