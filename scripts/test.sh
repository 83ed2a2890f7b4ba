#!/usr/bin/env bash
# Every test of the project, one build profile, from a fresh clone. Ends with `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
need_cargo
need_postgres
need_redis
export SQLX_OFFLINE=true CARGO_TERM_COLOR=never
unset DATABASE_URL || true

# A full disk breaks whatever runs next in its own way: better said before it is. Half of a first build is what makes the next
# one quicker.
needed=15
[ "${CARGO_INCREMENTAL:-1}" != 0 ] || needed=9
free=$(df -Pk . | awk 'NR == 2 {print int($4 / 1048576)}')
if [ ! -d "${CARGO_TARGET_DIR:-target}/debug/deps" ] && [ "$free" -lt "$needed" ]; then
  echo "There are $free GB free here; a first build and its tests take 15, and 9 with CARGO_INCREMENTAL=0. Make room and try again." >&2
  exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed_steps=0

step() {
  local name=$1; shift
  echo "== $name"
  if "$@" 2>&1 | tee -a "$log"; then :; else
    echo "FAILED: $name"
    failed_steps=$((failed_steps + 1))
  fi
}

step "workflows, scripts, YAML" scripts/lint-files.sh
step "images and stack" scripts/check-stack.sh
step "dependencies" scripts/deny.sh
step "format" cargo fmt --all -- --check
step "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
# Some tests start the shop as its own processes.
step "binaries" cargo build --workspace --bins --locked
step "tests" cargo test --workspace --locked --no-fail-fast
step "tests with Redis" scripts/redis-test.sh
[ ! -x scripts/newman.sh ] || step "postman collection" scripts/newman.sh
step "stripe's client" scripts/sandbox-client.sh
step "stripe's shapes" scripts/sandbox-shapes.sh
step "another provider" scripts/provider.sh
step "a real mail server" scripts/mail.sh
step "a bucket for pictures" scripts/storage.sh
step "load tests" scripts/k6-check.sh
step "kubernetes" scripts/k8s-check.sh
step "monitoring" scripts/monitoring-test.sh

passed=$(grep -Eo '^test result: .* [0-9]+ passed' "$log" | grep -Eo '[0-9]+ passed' | awk '{n += $1} END {print n + 0}')
failed=$(grep -Eo '[0-9]+ failed;' "$log" | awk '{n += $1} END {print n + 0}')
# The steps that run in other languages print a line of their own.
others=$(grep -Eo '^(newman|sandbox-[a-z]+|k6|monitoring): [0-9]+ passed, [0-9]+ failed' "$log" || true)
passed=$((passed + $(echo "$others" | awk '{n += $2} END {print n + 0}')))
failed=$((failed + $(echo "$others" | awk '{n += $4} END {print n + 0}')))
[ "$failed_steps" -eq 0 ] || [ "$failed" -gt 0 ] || failed=$failed_steps
echo "$passed passed, $failed failed"
[ "$failed_steps" -eq 0 ]
