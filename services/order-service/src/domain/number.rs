//! Order numbers: short enough to read out, random enough to tell nothing (ORD-10).

/// Letters and digits that nobody mistakes for each other.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// A number such as `SK-7F3K-92QX-M4TD` from 60 random bits.
#[must_use]
pub fn order_number(random: u64) -> String {
    let mut text = String::from("SK");
    for position in 0..12_u32 {
        if position % 4 == 0 {
            text.push('-');
        }
        let index = usize::try_from((random >> (position * 5)) & 31).unwrap_or_default();
        text.push(ALPHABET.get(index).copied().map_or('2', char::from));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_shows_all_its_randomness() {
        assert_eq!(order_number(0), "SK-2222-2222-2222");
        assert_eq!(order_number(u64::MAX), "SK-ZZZZ-ZZZZ-ZZZZ");
        assert_ne!(order_number(1 << 59), order_number(0));
    }
}
