//! Inside a service: the ways in use `ops`, `ops` uses `domain` and `store`, `store` uses `domain`, and `domain`
//! is pure.

use crate::none;
use crate::sources::{self, Source, without_comments, words};

/// What each layer may use of the others. Modules that are no layer, such as `error`, are free to all but the
/// domain. `events` and `sagas` may be named from beside and below: whoever publishes names the topic, whoever
/// starts a saga names its state. What they do is theirs alone.
const LAYERS: &[(&str, &[&str])] = &[
    ("http", &["ops", "domain", "store", "events", "sagas"]),
    ("rpc", &["ops", "domain", "store", "events", "sagas"]),
    ("jobs", &["ops", "domain", "store", "events", "sagas"]),
    ("events", &["ops", "domain", "store", "sagas"]),
    ("sagas", &["ops", "domain", "store", "events"]),
    ("ops", &["domain", "store", "events", "sagas"]),
    ("store", &["domain"]),
    ("domain", &[]),
];

/// What reaches out of a program. The domain gets what it needs to know, and says what follows.
const IMPURE: &[&str] = &[
    "tokio::",
    "sqlx::",
    "axum::",
    "tonic::",
    "hyper::",
    "tower::",
    "futures::",
    "pg::",
    "bus::",
    "saga::",
    "cache::",
    "runtime::",
    "souk_http::",
    "metrics::",
    "tracing::",
    "async fn",
    "await",
    "dyn Clock",
];

/// What is wrong with one file of a service; `path` is from its `src`.
fn judge(path: &str, text: &str) -> Vec<String> {
    let text = without_comments(text);
    let module: Vec<&str> = path
        .trim_end_matches(".rs")
        .split('/')
        .filter(|name| *name != "mod")
        .collect();
    let Some((layer, allowed)) = LAYERS.iter().find(|(name, _)| module.first() == Some(name)) else {
        return Vec::new();
    };
    let mut wrong: Vec<String> = used(&text, module.len())
        .into_iter()
        .filter(|name| name != layer && !allowed.contains(&name.as_str()))
        .filter(|name| *layer == "domain" || LAYERS.iter().any(|(layer, _)| layer == name))
        .map(|name| format!("{path}: {layer} must not use {name}"))
        .collect();
    if *layer == "domain" {
        let impure = IMPURE.iter().filter(|word| words(&text, word).next().is_some());
        wrong.extend(impure.map(|word| format!("{path}: the domain is pure, it has no `{word}`")));
    }
    wrong
}

/// The crate's modules that a file names, `depth` modules below the crate.
fn used(text: &str, depth: usize) -> Vec<String> {
    let mut names = Vec::new();
    // From a module so deep, that many `super` lead to the crate.
    let roots = ["crate::".to_owned(), "super::".repeat(depth)];
    for root in roots.iter().filter(|root| !root.is_empty()) {
        for at in words(text, root) {
            // A longer row of `super` ends here, too; from the crate there is nowhere to go.
            names.extend(first_names(text.get(at + root.len()..).unwrap_or_default()));
        }
    }
    names.retain(|name| !name.is_empty() && name != "self" && name != "super");
    names.sort();
    names.dedup();
    names
}

/// The first name of a path, or of each path in a group.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| {
        let text = text.trim_start();
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![name(path)];
    };
    let (mut depth, mut names, mut begins) = (0_usize, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if begins && !c.is_whitespace() => {
                names.push(name(group.get(at..).unwrap_or_default()));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

/// A service's file, by its path from `src`.
fn in_service(source: &Source) -> Option<&str> {
    let path = source.path.strip_prefix("services/")?;
    path.split_once('/')?.1.strip_prefix("src/")
}

#[test]
fn the_layers_of_a_service_use_only_what_is_below_them() {
    let (mut looked_at, mut wrong) = (0, Vec::new());
    for source in sources::all() {
        let Some(path) = in_service(&source) else { continue };
        looked_at += 1;
        let service = source.path.trim_end_matches(path);
        wrong.extend(
            judge(path, &source.text)
                .into_iter()
                .map(|what| format!("{service}{what}")),
        );
    }
    assert!(looked_at > 50, "only {looked_at} files were found");
    none(&wrong);
}

#[test]
fn a_layer_that_reaches_up_is_found() {
    let finds = |path: &str, text: &str| judge(path, text).len();
    assert_eq!(finds("store/orders.rs", "use crate::ops::place;"), 1);
    assert_eq!(
        finds(
            "store/orders.rs",
            "use crate::{domain::Order, ops::{self, x}, http};"
        ),
        2
    );
    assert_eq!(
        finds("store/orders.rs", "use crate::{\n    error::X,\n    ops,\n};"),
        1
    );
    assert_eq!(finds("store.rs", "fn f() { super::jobs::run() }"), 1);
    assert_eq!(finds("store/orders.rs", "use super::super::rpc;"), 1);
    assert_eq!(finds("ops/place.rs", "use crate::http::Body;"), 1);
    assert_eq!(finds("jobs/expire.rs", "use crate::http::Body;"), 1);
    assert_eq!(finds("domain/order.rs", "use crate::store::orders;"), 1);
    assert_eq!(finds("domain/order.rs", "use crate::error::OrderError;"), 1);
    assert_eq!(finds("domain.rs", "use sqlx::PgPool;"), 1);
    assert_eq!(finds("domain/order.rs", "pub async fn f() { g().await }"), 2);

    assert_eq!(
        finds(
            "domain/order.rs",
            "//! Not `sqlx::PgPool`.\nuse super::status::Status;\nuse types::Money;"
        ),
        0
    );
    assert_eq!(
        finds(
            "domain/order.rs",
            "use crate::domain::status;\nmod tests { use super::*; }"
        ),
        0
    );
    assert_eq!(
        finds(
            "store/orders.rs",
            "use super::row;\nuse crate::{domain, error::X};"
        ),
        0
    );
    assert_eq!(
        finds(
            "http/get.rs",
            "use crate::ops::place;\nuse crate::store::{http_things, orders};"
        ),
        0
    );
    assert_eq!(finds("lib.rs", "use crate::http;"), 0);
}
