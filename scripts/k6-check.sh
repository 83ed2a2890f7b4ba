#!/usr/bin/env bash
# Runs each load test of bench/k6 in short form against a shop of its own, and checks that shop's books afterwards. What is
# proved is that they run and that nothing is lost or sold twice; how fast it is, a quiet machine and `make bench` say. What
# was sold then goes through the cluster's backup and back, and must still be in order.
# One line at the end: `k6: N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
. scripts/tools.sh
. scripts/shop.sh
need_cargo
need_postgres
command -v curl >/dev/null || apt_install curl
tools k6
export SQLX_OFFLINE=true
cargo build --locked -q -p souk
start_shop

# A debug build on a busy machine: the limits on time only catch what hangs.
export BASE_URL=http://127.0.0.1:$base STRIPE_URL=http://127.0.0.1:$((base + 5)) P95_MS=10000 PAID_MS=20000
export K6_NO_USAGE_REPORT=true
passed=0 failed=0
run() { # name, settings...
  local name=$1; shift
  if env "$@" k6 run --quiet --no-color --summary-mode=compact "bench/k6/$name.js" >"$folder/$name.log" 2>&1; then
    passed=$((passed + 1))
    echo "$name: $(grep -Eo 'http_reqs\.*: [0-9]+' "$folder/$name.log" | grep -Eo '[0-9]+$' || echo no) requests, thresholds held"
  else
    failed=$((failed + 1))
    echo "$name failed:"
    tail -60 "$folder/$name.log"
  fi
}
run browse RATE=5 SECONDS=4
run checkout VUS=3 SECONDS=5
run flash-sale STOCK=20 BUYERS=60 VUS=15 SECONDS=60
run soak RATE=3 BUYERS=1 SECONDS=6

# Events and mails of the last orders may still be on their way.
audited=
for _ in $(seq 20); do
  if target/debug/souk audit --data "$folder/shop" --settled 0 >"$folder/audit.log" 2>&1; then audited=yes && break; fi
  sleep 1
done
if [ -n "$audited" ]; then passed=$((passed + 1)); else
  failed=$((failed + 1))
  cat "$folder/audit.log"
fi
if scripts/k8s/drill.sh "$folder/shop" >"$folder/drill.log" 2>&1; then
  passed=$((passed + 1))
  tail -1 "$folder/drill.log"
else
  failed=$((failed + 1))
  cat "$folder/drill.log"
fi
echo "k6: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
