//! Card numbers have no business in the shop: they go to the payment provider, never here (PAY-18).

use std::ops::RangeInclusive;

/// The shortest and the longest that are in use.
const LENGTHS: RangeInclusive<usize> = 14..=19;
/// Digits in a group, where a number is written in groups: 4-4-4-4, 4-6-5, 4-6-4, 4-4-4-4-3.
const GROUP: RangeInclusive<usize> = 3..=6;

/// Whether `text` holds what looks like a card number: digits, perhaps in groups with blanks or dashes between them,
/// that begin as those of a card network do, are as many as it gives out, and have the right check digit. Other long
/// numbers, of parcels, articles or telephones, pass.
#[must_use]
pub fn holds_card_number(text: &str) -> bool {
    let mut groups: Vec<String> = Vec::new();
    let mut in_group = false;
    for c in text.chars() {
        if c.is_ascii_digit() {
            match groups.last_mut() {
                Some(group) if in_group => group.push(c),
                _ => groups.push(c.to_string()),
            }
            in_group = true;
        } else {
            in_group = false;
            if !matches!(c, ' ' | '-') {
                if any_card(&groups) {
                    return true;
                }
                groups.clear();
            }
        }
    }
    any_card(&groups)
}

/// Whole groups only: a date may stand before a card's number, but nothing runs into it. A counter before a moment makes
/// no card's groups.
fn any_card(groups: &[String]) -> bool {
    let alone = groups.iter().any(|group| is_card(group));
    alone
        || (0..groups.len()).any(|from| {
            let mut number = String::new();
            let written = groups.iter().skip(from);
            written
                .take_while(|group| GROUP.contains(&group.len()))
                .any(|group| {
                    number.push_str(group);
                    is_card(&number)
                })
        })
}

fn is_card(number: &str) -> bool {
    LENGTHS.contains(&number.len()) && is_issued(number) && luhn(number)
}

/// Whether a network gives out numbers of that length that begin like this.
fn is_issued(number: &str) -> bool {
    let begins = |digits: usize| number.get(..digits).and_then(|d| d.parse().ok()).unwrap_or(0_u32);
    match number.len() {
        14 => matches!(begins(2), 36 | 38 | 39) || (300..=309).contains(&begins(3)),
        15 => matches!(begins(2), 34 | 37),
        _ => {
            matches!(begins(1), 4 | 6)
                || (50..=58).contains(&begins(2))
                || (2_221..=2_720).contains(&begins(4))
                || (3_528..=3_589).contains(&begins(4))
        }
    }
}

/// The check of ISO/IEC 7812: from the right, every second digit counts double.
fn luhn(number: &str) -> bool {
    let digits = number.chars().rev().filter_map(|c| c.to_digit(10));
    let sum: u32 = digits
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => digit,
            _ if digit > 4 => digit * 2 - 9,
            _ => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    // PAY-18
    #[test]
    fn a_card_number_is_recognised_in_any_spelling_and_other_numbers_are_not() {
        for text in [
            "4242424242424242",
            "card 4242 4242 4242 4242, sorry",
            "paid on 2026-01-01 4242 4242 4242 4242",
            "5555-5555-5555-4444",
            "2223003122003222",
            "378282246310005",
            "6011111111111117",
            "30569309025904 or so",
            "36227206271667",
            "3566002020360505",
            "6205500000000000004",
            "(4000-0025-0000-3155)",
        ] {
            assert!(holds_card_number(text), "{text}");
        }
        for text in [
            "",
            "damaged",
            "order 81",
            "2026-01-01",
            "4242 4242",
            "4242424242424241",
            "0000000000000000",
            "call 555 0100 or 555 0101 at 9",
            // An article, a parcel, a telephone, a moment.
            "4006381333931",
            "9400111899223197428490",
            "0049 1512 3456789",
            "1893456000000",
            "k6-1-0-1795903690139",
            "01997c3e-5f0a-7b1e-9d55-2c8a6f1b3e70",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }
}
