//! Ids as Stripe makes them: a prefix that names the kind, and random letters and digits.

use rand::Rng as _;
use rand::distr::Alphanumeric;

/// Such as `pi_` and 24 random characters.
pub(crate) fn random(prefix: &str) -> String {
    format!("{prefix}_{}", letters(24))
}

/// `n` random letters and digits.
pub(crate) fn letters(n: usize) -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(n)
        .map(char::from)
        .collect()
}
