//! Card numbers have no business here (PAY-18).

/// How many digits a card number has.
const LENGTHS: std::ops::RangeInclusive<usize> = 13..=19;

/// Whether `text` holds what looks like a card number: that many digits, perhaps in groups, whose check digit is right.
#[must_use]
pub fn holds_card_number(text: &str) -> bool {
    let mut run: Vec<u32> = Vec::new();
    for c in text.chars() {
        match c.to_digit(10) {
            Some(digit) => run.push(digit),
            None if matches!(c, ' ' | '-') && !run.is_empty() => {}
            None => {
                if any_card(&run) {
                    return true;
                }
                run.clear();
            }
        }
    }
    any_card(&run)
}

/// Numbers beside it, such as a date, may have run into the card's.
fn any_card(digits: &[u32]) -> bool {
    LENGTHS.rev().any(|length| digits.windows(length).any(luhn))
}

/// The check of ISO/IEC 7812: from the right, every second digit counts double.
fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match place % 2 {
            0 => digit,
            _ if digit > 4 => digit * 2 - 9,
            _ => digit * 2,
        })
        .sum();
    // Sixteen zeros are no card.
    sum != 0 && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    // PAY-18
    #[test]
    fn a_card_number_is_recognised_in_any_spelling_and_order_numbers_are_not() {
        for text in [
            "4242424242424242",
            "card 4242 4242 4242 4242, sorry",
            "5555-5555-5555-4444",
            "378282246310005",
        ] {
            assert!(holds_card_number(text), "{text}");
        }
        for text in [
            "",
            "damaged",
            "order 81",
            "2026-01-01",
            "4242 4242",
            "call 555 0100 or 555 0101 at 9",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }
}
