#!/usr/bin/env bash
# Stripe's own client for Node drives the sandbox, and the commands of its README run. Prints lines such as
# `sandbox-client: N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
need_cargo
need_node

here=crates/stripe-sandbox/tests/client
there=target/sandbox-client
mkdir -p "$there"
cp "$here"/package.json "$here"/package-lock.json "$here"/*.mjs "$there"/
if ! cmp -s "$here/package-lock.json" "$there/installed.json"; then
  for attempt in 1 2 3; do
    [ "$attempt" = 1 ] || sleep 5
    ! npm ci --no-audit --no-fund --loglevel=error --prefix "$there" >&2 || break
  done
  cp "$here/package-lock.json" "$there/installed.json"
fi

cargo build --locked -q -p stripe-sandbox

status=0
report=$(SANDBOX_BIN=target/debug/stripe-sandbox timeout 120 node --test --test-reporter=tap "$there"/client.test.mjs) || status=$?
[ "$status" = 0 ] || echo "$report" >&2
count() { echo "$report" | sed -n "s/^# $1 //p"; }
echo "sandbox-client: $(count pass) passed, $(($(count fail) + $(count cancelled))) failed"

# The commands of its README, where it listens on a port of its own.
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
LISTEN_ADDR=127.0.0.1:$port target/debug/stripe-sandbox 2>"$there/log" &
sandbox=$!
trap 'kill "$sandbox" 2>/dev/null || true' EXIT
for _ in $(seq 100); do ! grep -q '"ready"' "$there/log" || break; sleep 0.1; done
"$here"/readme.sh crates/stripe-sandbox/README.md "127.0.0.1:$port" || status=$?
exit "$status"
