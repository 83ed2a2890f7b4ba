#!/usr/bin/env bash
# Holds the sandbox's answers, and what our client asks of Stripe, against Stripe's own OpenAPI document. What is held
# against it is recorded while Stripe's client and ours drive the sandbox. Prints `sandbox-shapes: N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
need_cargo
need_node
need_python

# The document (MIT) is inside this wheel.
wheel=seahaven_stripe_world-0.3.0-py3-none-any.whl
sum=f4466fea9dbdb7225ad2de9452b91df5f8b53559edb71b49afe446e1a001307a
there=target/sandbox-shapes
mkdir -p "$there"
for attempt in 1 2 3; do
  ! echo "$sum  $there/$wheel" | sha256sum --check --status 2>/dev/null || break
  [ "$attempt" = 1 ] || sleep 5
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --ignore-requires-python --dest "$there" \
    "seahaven-stripe-world==0.3.0" >&2 || true
done
echo "$sum  $there/$wheel" | sha256sum --check --status
spec=seahaven_stripe_world/spec/spec3.json
[ -s "$there/$spec" ] || python3 -m zipfile -e "$there/$wheel" "$there"

rm -f "$there"/*.jsonl
# They are steps of their own elsewhere: here their words count only if they fail.
quietly() { "$@" >"$there/log" 2>&1 || { cat "$there/log" >&2; exit 1; }; }
SANDBOX_RECORD_FILE=$there/client.jsonl quietly scripts/sandbox-client.sh
SANDBOX_RECORD_FILE=$PWD/$there/ours.jsonl quietly cargo test --locked -p payment-service --test it provider::
python3 crates/stripe-sandbox/tests/client/shapes.py "$there/$spec" "$there/client.jsonl" "$there/ours.jsonl"
