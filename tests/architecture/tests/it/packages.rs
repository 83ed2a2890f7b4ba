//! Which of our packages may depend on which.

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::{none, sources};

/// What each shared crate may use of ours. `types` is below everything; `runtime` knows services but no shop;
/// `http` and `bus` speak `wire` under a runtime's context, and `http` keeps a copy of sessions where `cache` keeps values; `bus` reads the outbox that `pg` keeps.
/// `stripe-sandbox` plays somebody else's service and shares nothing with ours but the way to run one.
const CRATES: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("wire", &["types"]),
    ("souk-http", &["types", "wire", "runtime", "cache"]),
    ("pg", &["types"]),
    ("saga", &["types", "pg"]),
    ("cache", &["types"]),
    ("bus", &["types", "wire", "pg", "runtime"]),
    ("runtime", &["types"]),
    ("stripe-sandbox", &["runtime"]),
];

/// A service may use every shared crate but the sandbox, and never another service.
const SERVICE: &[&str] = &[
    "types",
    "wire",
    "souk-http",
    "pg",
    "saga",
    "cache",
    "bus",
    "runtime",
];

/// What tests need besides: a database, and somebody to pay with. Not another service; the other side of a
/// contract is played by what `wire` generates.
const IN_TESTS: &[&str] = &["pg", "stripe-sandbox"];

/// A dependency between two packages of ours.
struct Edge {
    /// The folder of the one that uses: `crates`, `services`, `souk`, `tests`.
    folder: String,
    from: String,
    to: String,
    only_in_tests: bool,
}

/// What is wrong with a dependency, if anything.
fn judge(edge: &Edge) -> Option<String> {
    let Edge {
        folder,
        from,
        to,
        only_in_tests,
    } = edge;
    let allowed = match folder.as_str() {
        // The binary puts the services together, and tests may use whatever they test.
        "souk" | "tests" => return None,
        "services" => Some(SERVICE),
        _ => CRATES
            .iter()
            .find(|(name, _)| name == from)
            .map(|(_, allowed)| *allowed),
    };
    let Some(allowed) = allowed else {
        return Some(format!(
            "{from} is not in the table of crates: say what it may use"
        ));
    };
    let in_tests = *only_in_tests && (IN_TESTS.contains(&to.as_str()) || from == to);
    (!allowed.contains(&to.as_str()) && !in_tests).then(|| format!("{from} must not use {to}"))
}

fn edges(packages: &[Package]) -> Vec<Edge> {
    let root = sources::root();
    let mut edges = Vec::new();
    for package in packages {
        let folder = package.manifest_path.as_std_path().strip_prefix(&root).unwrap();
        let folder = folder.iter().next().unwrap().to_string_lossy().into_owned();
        let ours = |name: &str| packages.iter().any(|package| package.name.as_str() == name);
        edges.extend(
            package
                .dependencies
                .iter()
                .filter(|dependency| ours(&dependency.name))
                .map(|dependency| Edge {
                    folder: folder.clone(),
                    from: package.name.to_string(),
                    to: dependency.name.clone(),
                    only_in_tests: dependency.kind == DependencyKind::Development,
                }),
        );
    }
    edges
}

#[test]
fn packages_depend_only_on_what_stands_below_them() {
    let metadata = MetadataCommand::new()
        .manifest_path(sources::root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    let edges = edges(&metadata.packages);
    assert!(edges.len() > 20, "only {} dependencies were found", edges.len());
    none(&edges.iter().filter_map(judge).collect::<Vec<_>>());
}

#[test]
fn a_dependency_that_is_not_allowed_is_found() {
    let edge = |folder: &str, from: &str, to: &str, only_in_tests| {
        judge(&Edge {
            folder: folder.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            only_in_tests,
        })
    };
    assert!(edge("services", "order-service", "product-service", false).is_some());
    assert!(edge("services", "order-service", "product-service", true).is_some());
    assert!(edge("services", "payment-service", "stripe-sandbox", false).is_some());
    assert!(edge("crates", "stripe-sandbox", "types", false).is_some());
    assert!(edge("crates", "saga", "runtime", false).is_some());
    assert!(edge("crates", "types", "wire", false).is_some());
    assert!(edge("crates", "pg", "order-service", true).is_some());
    assert!(edge("crates", "never-heard-of", "types", false).is_some());

    assert_eq!(edge("services", "payment-service", "stripe-sandbox", true), None);
    assert_eq!(edge("crates", "saga", "pg", true), None);
    assert_eq!(edge("souk", "souk", "order-service", false), None);
}
