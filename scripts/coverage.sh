#!/usr/bin/env bash
# Measures which lines the tests run: a table by crate to standard output, the lines themselves to target/coverage/html.
# Arguments go to `cargo test`, such as `-p types`; without any, it is all tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
. scripts/tools.sh
need_cargo
need_postgres
tools coverage
ls "$(rustc --print sysroot)"/lib/rustlib/*/bin/llvm-cov >/dev/null 2>&1 || rustup component add llvm-tools >&2
export SQLX_OFFLINE=true
unset DATABASE_URL || true
whole=
[ $# -gt 0 ] || { whole=yes && set -- --workspace; }
mkdir -p target/coverage
# A folder of its own: what is built to be measured would take the place of everything else.
export CARGO_TARGET_DIR=$PWD/target/llvm-cov-target
# Some tests start the shop as its own processes: those count too, and must be there first.
# shellcheck disable=SC1090 # it is made here
. <(cargo llvm-cov show-env --sh)
cargo llvm-cov clean --workspace >&2
[ -z "$whole" ] || cargo build --workspace --bins --locked >&2
cargo test --locked --no-fail-fast "$@" >&2
cargo llvm-cov report --html --output-dir target/coverage >&2
cargo llvm-cov report --json --summary-only --output-path target/coverage/summary.json >&2
python3 - target/coverage/summary.json <<'PY'
import collections, json, os, sys
crates = collections.defaultdict(lambda: [0, 0])
for file in json.load(open(sys.argv[1]))["data"][0]["files"]:
    path = os.path.relpath(file["filename"])
    crate = "/".join(path.split("/")[:2 if path.startswith(("crates/", "services/", "tests/")) else 1])
    crates[crate][0] += file["summary"]["lines"]["covered"]
    crates[crate][1] += file["summary"]["lines"]["count"]
print("| crate | lines | run by tests |\n|---|---|---|")
for crate, (covered, count) in sorted(crates.items()):
    print(f"| {crate} | {count} | {100 * covered / max(count, 1):.1f} % |")
covered, count = (sum(c[i] for c in crates.values()) for i in (0, 1))
print(f"| all | {count} | {100 * covered / max(count, 1):.1f} % |")
PY
