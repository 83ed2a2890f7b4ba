//! Card numbers have no business in the shop: they go to the payment provider, never here (PAY-18).

use std::ops::RangeInclusive;

/// How the numbers of each network begin, by four digits, and how many digits they have in all.
const NETWORKS: [(RangeInclusive<u32>, RangeInclusive<usize>); 14] = [
    (2_200..=2_204, 16..=19), // Mir
    (2_221..=2_720, 16..=16), // Mastercard
    (3_000..=3_099, 14..=19), // Diners Club
    (3_400..=3_499, 15..=15), // American Express
    (3_528..=3_589, 16..=19), // JCB
    (3_600..=3_699, 14..=19), // Diners Club
    (3_700..=3_799, 15..=15), // American Express
    (3_800..=3_999, 14..=19), // Diners Club
    (4_000..=4_999, 16..=19), // Visa
    (5_000..=5_099, 16..=19), // Maestro, Verve, Elo
    (5_100..=5_599, 16..=16), // Mastercard
    (5_600..=6_999, 16..=19), // Maestro, Discover, UnionPay, RuPay
    (8_100..=8_299, 16..=19), // UnionPay, RuPay
    (9_792..=9_792, 16..=16), // Troy
];
/// How the numbers begin that are written as 6-13.
const UNION_PAY: &str = "62";
/// The most digits of a number.
const LONGEST: usize = 19;
/// Digits in the groups of what is more often a list of numbers than one number.
const SHORT: RangeInclusive<usize> = 1..=3;
/// Hexadecimal digits in a row that are a token, such as an object id or a hash: no number is that long.
const TOKEN: usize = 20;
/// The characters of a UUID.
const UUID: usize = 36;

/// Some digits, and where in the text they begin.
type Group<'a> = (usize, &'a str);

/// Whether `text` holds what looks like a card number: digits, in one piece or in groups as they are written, that begin
/// as those of a card network do, are as many as it gives out, and have the right check digit. Other long
/// numbers, of parcels, articles or telephones, pass; so do UUIDs and hexadecimal tokens of twenty characters or more,
/// always. A token of sixteen that happens to have digits alone cannot be told from a number: about one of fifty thousand.
#[must_use]
pub fn holds_card_number(text: &str) -> bool {
    // Groups that the same kind of joint joins.
    let mut run: Vec<Group<'_>> = Vec::new();
    let mut joined_by = None;
    let mut end = 0;
    for piece in text
        .as_bytes()
        .chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit())
    {
        let start = end;
        end += piece.len();
        // Digits are single bytes, so that no character is cut.
        let piece = text.get(start..end).unwrap_or_default();
        if piece.starts_with(|c: char| c.is_ascii_digit()) {
            run.push((start, piece));
            continue;
        }
        let joint = joint(piece);
        if joint.is_none() || (run.len() > 1 && joint != joined_by) {
            if any_card(text, &run) {
                return true;
            }
            let last = run.pop().filter(|_| joint.is_some());
            run.clear();
            run.extend(last);
        }
        joined_by = joint;
    }
    any_card(text, &run)
}

/// What joins two groups of a number, if anything does: blanks and dashes, which are alike, or one of `.`, `_` and `/`.
fn joint(between: &str) -> Option<char> {
    let mut joint = ' ';
    for c in between.chars() {
        match c {
            '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\t' => {}
            // Lines are lists.
            c if c.is_whitespace() && !c.is_control() => {}
            '.' | '_' | '/' if joint == ' ' || joint == c => joint = c,
            _ => return None,
        }
    }
    Some(joint)
}

/// Whole groups only: a date may stand before a card's number and an expiry behind it, but nothing runs into it.
fn any_card(text: &str, run: &[Group<'_>]) -> bool {
    let mut number = String::with_capacity(LONGEST);
    for from in 0..run.len() {
        let tail = run.get(from..).unwrap_or_default();
        number.clear();
        for (position, (_, digits)) in tail.iter().enumerate() {
            if number.len() + digits.len() > LONGEST {
                break;
            }
            number.push_str(digits);
            let groups = tail.get(..=position).unwrap_or_default();
            if is_card(&number) && is_spelling(groups, groups.len() == run.len()) && !is_part(text, groups) {
                return true;
            }
        }
    }
    false
}

/// Whether a card's number is written in such groups: all alike but the last, which may be shorter, or as one network
/// does. Two groups are two telephones, one with its extension, a date with the time or a counter with a moment.
/// `alone`: nothing else is joined to them.
fn is_spelling(groups: &[Group<'_>], alone: bool) -> bool {
    let lengths: Vec<usize> = groups.iter().map(|(_, digits)| digits.len()).collect();
    match lengths.as_slice() {
        // 4-4-4-4-3 is among the alike.
        [_] | [4, 6, 4 | 5] => true,
        [6, 13] => {
            alone
                && groups
                    .iter()
                    .take(1)
                    .all(|(_, digits)| digits.starts_with(UNION_PAY))
        }
        [_, _] => false,
        [first, middle @ .., last] => {
            let alike = last <= first && middle.iter().all(|length| length == first);
            // Sizes and pages climb, and go on and on.
            let climbs = || groups.is_sorted_by(|(_, a), (_, b)| a < b);
            alike && (!SHORT.contains(first) || (alone && !climbs()))
        }
        [] => false,
    }
}

/// Whether the groups are a part of something else: one of a token in hexadecimal digits or the fraction of a number,
/// several of a UUID.
fn is_part(text: &str, groups: &[Group<'_>]) -> bool {
    let (Some((start, _)), Some((last, digits))) = (groups.first(), groups.last()) else {
        return false;
    };
    let (start, end) = (*start, last + digits.len());
    let before = text.as_bytes().get(..start).unwrap_or_default();
    let after = text.as_bytes().get(end..).unwrap_or_default();
    if groups.len() > 1 {
        return (start.saturating_sub(UUID)..end)
            .any(|from| text.get(from..from + UUID).is_some_and(is_uuid));
    }
    let hex = |byte: &&u8| byte.is_ascii_hexdigit();
    let left = before.iter().rev().take(TOKEN).take_while(hex).count();
    let right = after.iter().take(TOKEN).take_while(hex).count();
    left + digits.len() + right >= TOKEN || matches!(before, [.., b'0'..=b'9', b'.'])
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// Whether a network gives out that number.
fn is_card(number: &str) -> bool {
    let begin = number.get(..4).and_then(|digits| digits.parse::<u32>().ok());
    let is_issued = |begin: u32| {
        let mut networks = NETWORKS.iter();
        networks.any(|(begins, lengths)| begins.contains(&begin) && lengths.contains(&number.len()))
    };
    begin.is_some_and(is_issued) && luhn(number)
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
    use proptest::prelude::*;

    use super::*;

    /// A number of each network in each of its lengths that is in use, and at each end of where it begins.
    const NUMBERS: [(&str, &str); 34] = [
        ("Visa", "4242424242424242"),
        ("Visa", "4000002500003155"),
        ("Visa", "4000185296307418522"),
        ("Mastercard", "5555555555554444"),
        ("Mastercard", "5100185296307413"),
        ("Mastercard", "5599185296307411"),
        ("Mastercard", "2223003122003222"),
        ("Mastercard", "2221185296307414"),
        ("Mastercard", "2720185296307410"),
        ("American Express", "378282246310005"),
        ("American Express", "340018529630742"),
        ("Diners Club", "30569309025904"),
        ("Diners Club", "36227206271667"),
        ("Diners Club", "38520000023237"),
        ("Diners Club", "3056930009020004"),
        ("Diners Club", "3999185296307412"),
        ("Diners Club", "3095185296307418523"),
        ("Discover", "6011111111111117"),
        ("Discover", "6440185296307410"),
        ("Discover", "6500185296307417"),
        ("JCB", "3528185296307412"),
        ("JCB", "3566002020360505"),
        ("JCB", "3589185296307418525"),
        ("Maestro", "5018185296307414"),
        ("Maestro", "5893185296307418529"),
        ("Maestro", "6759649826438453"),
        ("Maestro", "675918529630741856"),
        ("UnionPay", "62001852963074185"),
        ("UnionPay", "6205500000000000004"),
        ("UnionPay", "8100185296307418526"),
        ("RuPay", "8200185296307416"),
        ("Mir", "2200185296307419"),
        ("Mir", "2204185296307418522"),
        ("Troy", "9792030394440796"),
    ];

    /// `number` in groups of these lengths, the last one for all that is left.
    fn grouped(number: &str, lengths: &[usize], joint: &str) -> String {
        let mut rest = number;
        let mut groups = Vec::new();
        for length in lengths
            .iter()
            .copied()
            .chain(std::iter::repeat(lengths[lengths.len() - 1]))
        {
            let (group, after) = rest.split_at(length.min(rest.len()));
            groups.push(group);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        groups.join(joint)
    }

    // PAY-18
    #[test]
    fn the_numbers_of_every_network_are_recognised_in_every_spelling() {
        for (network, number) in NUMBERS {
            let mut layouts: Vec<&[usize]> = vec![&[1], &[2], &[3], &[4], &[5], &[6]];
            if number.len() == 19 && number.starts_with(UNION_PAY) {
                layouts.push(&[6, 13]);
            }
            if number.len() < 16 {
                layouts.push(&[4, 6, 5]);
            }
            assert!(holds_card_number(number), "{network}: {number}");
            for layout in layouts {
                for joint in [
                    " ", "-", ".", "_", "/", "\t", " - ", "\u{a0}", "\u{2009}", "\u{202f}", "\u{2011}",
                    "\u{2013}", "\u{2212}",
                ] {
                    let text = format!("my {network} is {}, thanks", grouped(number, layout, joint));
                    assert!(holds_card_number(&text), "{text}");
                }
            }
        }
    }

    // PAY-18
    #[test]
    fn a_number_is_recognised_whatever_stands_around_it() {
        for text in [
            "card 4242 4242 4242 4242, sorry",
            "paid on 2026-01-01 4242 4242 4242 4242",
            "2026/01/01 4242-4242-4242-4242 12/27 123",
            "4242 4242 4242 4242 1227",
            "4242-4242 4242-4242",
            "(4000-0025-0000-3155)",
            "visa4242424242424242",
            "card4242 4242 4242 4242x",
            "No.4242.4242.4242.4242.",
            "4242424242424242.50",
            "4242424242424242-01997c3e-5f0a-7b1e-9d55-2c8a6f1b3e70",
            "4242424242424242 refund-because-the-cup-was-cracked",
            "\u{ff1a}4242424242424242\u{3002}",
        ] {
            assert!(holds_card_number(text), "{text}");
        }
    }

    // PAY-18
    #[test]
    fn other_numbers_are_none() {
        for text in [
            "",
            "damaged",
            "order 81",
            "SK-2222-2222-2222",
            "2026-01-01",
            "2026-11-29 01:42:45.123456",
            "20261129-014245",
            "30001852-963075",
            "4242 4242",
            // No check digit, no network, or not as long as its network's are.
            "4242424242424241",
            "0000000000000000",
            "1234567812345670",
            "2205185296307418",
            "42424242424242424242",
            "37828224631000",
            // An article, a parcel, an account, moments in milliseconds, microseconds and nanoseconds.
            "4006381333931",
            "9400111899223197428490",
            "1Z 999 AA1 01 2345 6784",
            "DE89 3704 0044 0532 0130 00",
            "1893456000000",
            "1795903690139420",
            "1795903690139420017",
            "k6-1-0-1795903690139",
            "k6-0-599205-1176727497983",
            "599205-1176727497983",
            // Telephones, alone, in a row and with an extension.
            "call 555 0100 or 555 0101 at 9",
            "0049 1512 3456789",
            "+40 001852 96307417",
            "4000185296-307417",
            "06 12 34 56 78 / 06 98 76 54 32",
            "612345678 / 698765434",
            "40123456 / 51234566",
            // Sizes, prices, measures, an address of a machine, a path, lines.
            "sizes 36 38 40 42 44 46 48 50 52",
            "44/46/48/50/52/54/56/58/60",
            "40.00 18.52 96.30 74.17",
            "192.168.100.200",
            "/images/2026/01/01/0001.webp",
            "42424242\n42424242",
            "a number such as 1795903690139.4242424242424242",
            // Tokens.
            "01997c3e-5f0a-7b1e-9d55-2c8a6f1b3e70",
            "abcd4242-4242-4242-4242-42ab01234567",
            "42424242-4242-4242-8aaa-0123456789ab",
            "pay-42424242-4242-4242-4242-424242424242-1",
            "a4242424242424242b0123456789abcd",
            "4242424242424242DEADBEEF",
            "01JDV7T6Y2M8QZ3K5N7P9R1S4T",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }

    proptest! {
        // Any number, whatever its network, with the check digit that it must have.
        #[test]
        fn whatever_a_network_gives_out_is_a_number(
            network in 0..NETWORKS.len(),
            begin in any::<prop::sample::Index>(),
            length in any::<prop::sample::Index>(),
            digits in "[0-9]{18}",
            group in 4_usize..=19,
        ) {
            let (begins, lengths) = NETWORKS[network].clone();
            let (begins, lengths): (Vec<_>, Vec<_>) = (begins.collect(), lengths.collect());
            let length = *length.get(&lengths);
            let body = format!("{}{}", begin.get(&begins), &digits[..length - 5]);
            let number = (0..10).map(|check| format!("{body}{check}")).find(|number| luhn(number)).unwrap();
            prop_assert!(holds_card_number(&number), "{number}");
            // In two groups it may be something else.
            let text = grouped(&number, &[group], " ");
            let groups = text.split(' ').count();
            prop_assert!(groups == 2 || holds_card_number(&text), "{text}");
        }

        // However many of their characters happen to be digits.
        #[test]
        fn no_uuid_and_no_token_is_a_number(
            before in "(pay-|order_[0-9]{1,8}-|[0-9]{13}-)?",
            uuid in prop_oneof![
                "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                "[0-9]{7}[0-9a-f](-[0-9]{4}){3}-[0-9]{4}[0-9a-f]{8}",
            ],
            token in prop_oneof![
                "[0-9a-f]{20,64}",
                "[0-9]{14,19}[a-f][0-9]{5,19}",
                "[0-9A-F]{5}[A-F][0-9]{14,19}",
            ],
        ) {
            prop_assert!(!holds_card_number(&format!("{before}{uuid}")), "{before}{uuid}");
            prop_assert!(!holds_card_number(&token), "{token}");
        }

        // The key of a load test: who, which time, and when.
        #[test]
        fn no_counters_before_a_moment_are_a_number(key in "k6-[0-9]{1,4}-[0-9]{1,6}-1[0-9]{12}") {
            prop_assert!(!holds_card_number(&key), "{key}");
        }
    }
}
