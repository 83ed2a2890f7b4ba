#!/usr/bin/env bash
# Stripe's own client for Node drives the sandbox. Prints one line: `sandbox-client: N passed, N failed`.
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
exit "$status"
