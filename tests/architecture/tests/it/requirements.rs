//! Each numbered promise about stock, orders, sagas, keys, money, pages, events and jobs is named by a test that proves it.

use std::collections::BTreeMap;

use crate::none;
use crate::sources::{self, Source};

/// The promises that this shop makes, by their numbers. Those that are left out are not made: STK-16, STK-17, ORD-9, ORD-12.
const PROMISES: &[(&str, &[u16])] = &[
    ("STK", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
    ("ORD", &[1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13]),
    ("SAG", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("IDK", &[1, 2, 3, 4, 5, 6, 7]),
    ("MON", &[1, 2, 3, 4, 5, 6]),
    ("PAG", &[1, 2, 3, 4, 5]),
    ("EVT", &[1, 2, 3, 4]),
    ("JOB", &[1, 2, 3]),
];

/// The comments of `source` that speak of a test: those right above one, with attributes between them or none, and those
/// within one. A clause of `tests/contract` is a test by another name.
fn comments(source: &Source) -> Vec<&str> {
    let whole = source.path.contains("/tests/");
    let clauses = source.path.starts_with("tests/contract/");
    let mut found = Vec::new();
    let mut pending = Vec::new();
    // How far the test that we are in is indented; its closing brace is as far.
    let mut inside: Option<usize> = None;
    let (mut unit_tests, mut is_test) = (whole, false);
    for line in source.text.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        unit_tests |= text.starts_with("#[cfg(test)]");
        if let Some(depth) = inside {
            if text.starts_with("//") {
                found.push(text);
            }
            if indent == depth && text.starts_with('}') {
                inside = None;
            }
        } else if text.starts_with("//") && !text.starts_with("//!") {
            pending.push(text);
        } else if text.starts_with("#[") {
            is_test |= text.starts_with("#[test]") || text.starts_with("#[tokio::test");
        } else {
            let is_function = ["fn ", "async fn ", "pub async fn "]
                .iter()
                .any(|f| text.starts_with(f));
            if unit_tests && is_function && (is_test || clauses && text.starts_with("pub async fn ")) {
                found.append(&mut pending);
                inside = Some(indent);
            }
            pending.clear();
            is_test = false;
        }
    }
    found
}

/// How often each number stands in the comments of tests.
fn named(sources: &[Source]) -> BTreeMap<String, usize> {
    let mut named = BTreeMap::new();
    for comment in sources.iter().flat_map(comments) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        for word in comment.split(|c| !is_name(c)).filter(|word| word.contains('-')) {
            *named.entry(word.to_owned()).or_default() += 1;
        }
    }
    named
}

fn judge(promises: &[(&str, &[u16])], sources: &[Source]) -> Vec<String> {
    let named = named(sources);
    let numbers = promises
        .iter()
        .flat_map(|(family, numbers)| numbers.iter().map(move |number| format!("{family}-{number}")));
    numbers
        .filter(|number| !named.contains_key(number))
        .map(|number| format!("no test names {number}"))
        .collect()
}

#[test]
fn every_promise_is_named_by_a_test() {
    none(&judge(PROMISES, &sources::all()));
}

#[test]
fn only_what_stands_at_a_test_names_a_promise() {
    let source = |path: &str, text: &str| Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let sources = [
        source(
            "services/x/src/a.rs",
            "// STK-1\nfn hold() {}\n#[cfg(test)]\nmod tests {\n    // STK-2\n    #[test]\n    fn holds() {}\n}\n",
        ),
        source(
            "services/x/tests/it/a.rs",
            "//! STK-3\n\n// STK-4\nfn helper() {}\n\n// STK-5, STK-6\n#[tokio::test]\nasync fn sells() {\n    // STK-7: within\n}\n// STK-8\nconst N: u8 = 1;\n",
        ),
        source(
            "tests/contract/tests/it/a.rs",
            "// STK-10\npub async fn a_clause(shop: &Shop) {\n}\n",
        ),
    ];
    let wrong = judge(&[("STK", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10])], &sources);
    let lacks = [1, 3, 4, 8, 9].map(|number| format!("no test names STK-{number}"));
    assert_eq!(wrong, lacks);
}
