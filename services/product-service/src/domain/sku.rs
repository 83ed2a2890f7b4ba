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
