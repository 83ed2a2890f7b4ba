//! Documents lead somewhere: every link to a file or a heading of ours is right, and every page of `docs/`, every README and
//! every page at the root is found from `docs/INDEX.md`, which names it or the README of its folder that does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::{none, sources};

const INDEX: &str = "docs/INDEX.md";

/// Markdown files by their path from the root, and whether another file is there.
struct Pages {
    texts: BTreeMap<String, String>,
    exists: fn(&str) -> bool,
}

/// Targets of the links in a page that lead to a file of ours: `[words](target)`, outside of code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let spans = line.split('`').enumerate();
        let prose: String = spans
            .map(|(n, span)| if n % 2 == 0 { span } else { "…" })
            .collect();
        for (_, after) in prose
            .match_indices("](")
            .filter(|_| !in_code)
            .map(|(at, _)| prose.split_at(at + 2))
        {
            let target = after.split([')', ' ']).next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push(target.to_owned());
            }
        }
    }
    found
}

/// The name under which a heading is linked to, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

/// `target` as seen from `page`, from the root.
fn resolve(page: &str, target: &str) -> String {
    let mut path = PathBuf::new();
    let joined = Path::new(page).parent().unwrap().join(target);
    for part in joined.components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            other => path.push(other),
        }
    }
    path.to_string_lossy().into_owned()
}

fn broken(pages: &Pages) -> Vec<String> {
    let mut wrong = Vec::new();
    for (page, text) in &pages.texts {
        for link in links(text) {
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                resolve(page, file)
            };
            match pages.texts.get(&target) {
                Some(text) if !heading.is_empty() && !anchors(text).contains(heading) => {
                    wrong.push(format!("{page}: {target} has no heading #{heading}"));
                }
                None if !(pages.exists)(&target) => wrong.push(format!("{page}: there is no {target}")),
                _ => {}
            }
        }
    }
    wrong
}

fn lost(pages: &Pages) -> Vec<String> {
    let reached = |page: &str| -> BTreeSet<String> {
        let text = pages.texts.get(page).map_or("", String::as_str);
        let files = links(text)
            .into_iter()
            .map(|link| resolve(page, link.split('#').next().unwrap()));
        files.collect()
    };
    let mut found = reached(INDEX);
    let lists: Vec<String> = found
        .iter()
        .filter(|page| page.ends_with("/README.md"))
        .cloned()
        .collect();
    found.extend(lists.iter().flat_map(|list| reached(list)));
    let to_be_found =
        |page: &str| page.starts_with("docs/") || page.ends_with("README.md") || !page.contains('/');
    let docs = pages.texts.keys();
    let docs = docs.filter(|page| to_be_found(page) && *page != INDEX);
    docs.filter(|page| !found.contains(*page))
        .map(|page| format!("{page} is not in {INDEX}"))
        .collect()
}

fn collect(folder: &Path, texts: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "node_modules", ".git", ".souk"].contains(&&*name) {
            collect(&path, texts);
        } else if name.ends_with(".md") {
            let from_root = path
                .strip_prefix(sources::root())
                .unwrap()
                .to_string_lossy()
                .into_owned();
            texts.insert(from_root, fs::read_to_string(&path).unwrap());
        }
    }
}

fn ours() -> Pages {
    let mut texts = BTreeMap::new();
    collect(&sources::root(), &mut texts);
    assert!(texts.len() > 50, "only {} pages were found", texts.len());
    Pages {
        texts,
        exists: |path| sources::root().join(path).exists(),
    }
}

#[test]
fn every_link_of_a_document_leads_to_a_file_or_a_heading() {
    none(&broken(&ours()));
}

#[test]
fn every_page_of_the_documentation_is_found_from_its_index() {
    none(&lost(&ours()));
}

#[test]
fn a_link_to_nowhere_and_a_page_that_nobody_finds_are_found() {
    let page = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let pages = Pages {
        texts: BTreeMap::from([
            page(
                INDEX,
                "[a](a.md) [list](adr/README.md) [gone](gone.md) [there](../Makefile) [out](https://x)",
            ),
            page(
                "docs/a.md",
                "## The API, in short\n[self](#the-api-in-short) [no](#no)",
            ),
            page(
                "docs/adr/README.md",
                "[one](0001.md)\n```\n[code](no.md)\n```\n`[code](no.md)`",
            ),
            page("docs/adr/0001.md", "[up](../a.md#the-api-in-short)"),
            page("docs/lost.md", ""),
            page("crates/x/README.md", ""),
            page("LOST.md", ""),
            page("crates/x/notes.md", ""),
        ]),
        exists: |path| path == "Makefile",
    };
    assert_eq!(
        broken(&pages),
        [
            "docs/INDEX.md: there is no docs/gone.md",
            "docs/a.md: docs/a.md has no heading #no"
        ]
    );
    let lost_ones = ["LOST.md", "crates/x/README.md", "docs/lost.md"];
    assert_eq!(
        lost(&pages),
        lost_ones.map(|page| format!("{page} is not in docs/INDEX.md"))
    );
}
