//! The workspace's Rust files.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file, by its path from the workspace's root.
pub struct Source {
    pub path: String,
    pub text: String,
}

/// The workspace's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// Every Rust file of ours; what a build generates is not among them.
pub fn all() -> Vec<Source> {
    let root = root();
    let mut sources = Vec::new();
    for folder in ["crates", "services", "souk", "tests", "bench"] {
        collect(&root, &root.join(folder), &mut sources);
    }
    assert!(sources.len() > 50, "only {} files were found", sources.len());
    sources
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                collect(root, &path, sources);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            sources.push(Source { path, text });
        }
    }
}

/// Without the lines that are comments.
pub fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Where `word` begins in `text` as a word of its own, not as a part of a longer name.
pub fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = text.get(..*at).unwrap_or_default().chars().next_back();
        let after = text.get(at + word.len()..).unwrap_or_default().chars().next();
        let open = |next: Option<char>| !next.is_some_and(is_name);
        open(before) && (!word.ends_with(is_name) || open(after))
    })
}
