//! Each problem code has a page that explains it, and each page a code.

use std::collections::BTreeSet;
use std::fs;

use crate::{none, sources};

fn judge(codes: &[&str], pages: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for code in codes {
        if !pages.contains(*code) {
            wrong.push(format!("docs/problems/{code}.md is missing"));
        }
        if !seen.insert(*code) {
            wrong.push(format!("the code {code} is there twice"));
        }
    }
    let lost = pages.iter().filter(|page| !seen.contains(page.as_str()));
    wrong.extend(lost.map(|page| format!("docs/problems/{page}.md explains a code that is not there")));
    wrong
}

#[test]
fn every_problem_code_has_a_page_and_every_page_a_code() {
    let mut pages = BTreeSet::new();
    for entry in fs::read_dir(sources::root().join("docs/problems")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        match name.strip_suffix(".md") {
            Some("README" | "INDEX") => {}
            Some(page) => drop(pages.insert(page.to_owned())),
            None => panic!("docs/problems/{name} is no page"),
        }
    }
    let codes: Vec<&str> = wire::code::ALL.iter().map(|code| code.slug).collect();
    none(&judge(&codes, &pages));
}

#[test]
fn a_code_without_a_page_and_a_page_without_a_code_are_found() {
    let pages = BTreeSet::from(["stale".to_owned(), "gone".to_owned()]);
    let wrong = judge(&["stale", "busy", "busy"], &pages);
    assert_eq!(wrong.len(), 4, "{wrong:?}");
    assert!(judge(&["gone", "stale"], &pages).is_empty());
}
