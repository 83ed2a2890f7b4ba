//! What a file may be: not too long, named for what it does, and without silenced lints.

use crate::none;
use crate::sources::{self, Source};

const LONGEST: usize = 500;

/// Names that say nothing. What helps one module lives beside it; what helps two is named for what it does.
const NAMELESS: &[&str] = &[
    "utils", "util", "common", "helpers", "helper", "models", "managers", "core", "misc",
];

fn judge(source: &Source) -> Vec<String> {
    let Source { path, text } = source;
    let mut wrong = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST {
        wrong.push(format!("{path}: {lines} lines are too many, split it"));
    }
    for name in path.trim_end_matches(".rs").split('/') {
        if NAMELESS.contains(&name) {
            wrong.push(format!("{path}: `{name}` does not say what is in it"));
        }
    }
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let at = format!("{path}:{}", number + 1);
        if silences(line) {
            wrong.push(format!("{at}: write `#[expect(lint, reason = \"…\")]`"));
        }
        if inline_module(line).is_some_and(|name| NAMELESS.contains(&name)) {
            wrong.push(format!("{at}: the module's name does not say what is in it"));
        }
    }
    wrong
}

/// Whether an attribute silences a lint for good.
fn silences(line: &str) -> bool {
    let attribute = line.strip_prefix("#![").or_else(|| line.strip_prefix("#["));
    attribute.is_some_and(|rest| {
        rest.starts_with("allow(") || (rest.starts_with("cfg_attr(") && rest.contains(" allow("))
    })
}

/// The name of the module that a line declares.
fn inline_module(line: &str) -> Option<&str> {
    let declaration = line
        .strip_prefix("pub ")
        .or_else(|| line.strip_prefix("pub(crate) "))
        .unwrap_or(line);
    let name = declaration.strip_prefix("mod ")?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

#[test]
fn files_are_short_well_named_and_silence_no_lint() {
    none(&sources::all().iter().flat_map(judge).collect::<Vec<_>>());
}

#[test]
fn a_file_that_breaks_a_rule_is_found() {
    let finds = |path: &str, text: &str| {
        judge(&Source {
            path: path.to_owned(),
            text: text.to_owned(),
        })
        .len()
    };
    assert_eq!(finds("crates/pg/src/pool.rs", &"//\n".repeat(501)), 1);
    assert_eq!(finds("crates/pg/src/utils.rs", ""), 1);
    assert_eq!(finds("crates/pg/src/helpers/time.rs", ""), 1);
    assert_eq!(finds("crates/core/src/models.rs", ""), 2);
    assert_eq!(finds("crates/pg/src/pool.rs", "pub(crate) mod common {\n}"), 1);
    assert_eq!(
        finds("crates/pg/src/pool.rs", "    #[allow(dead_code)]\nfn f() {}"),
        1
    );
    assert_eq!(finds("crates/pg/src/lib.rs", "#![allow(missing_docs)]"), 1);
    assert_eq!(
        finds("crates/pg/src/lib.rs", "#![cfg_attr(test, allow(missing_docs))]"),
        1
    );

    assert_eq!(finds("crates/pg/src/pool.rs", &"//\n".repeat(500)), 0);
    assert_eq!(
        finds(
            "crates/pg/src/score.rs",
            "mod cored;\n#[expect(dead_code, reason = \"x\")]\nfn f() {}"
        ),
        0
    );
}
