#!/usr/bin/env bash
# Runs the tests of what uses Redis once more, with a Redis: without one they run in `cargo test`. The answers must be the same.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
need_cargo
need_postgres
need_redis
export SQLX_OFFLINE=true CARGO_TERM_COLOR=never

# On a port that nobody else has.
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
for port in $(shuf -i 20000-31999 -n 20); do
  redis-server --port "$port" --bind 127.0.0.1 --dir "$folder" --save '' --appendonly no --databases 16384 >"$folder/log" &
  server=$!
  # Until it answers under its own number, or has ended because somebody else has the port.
  for _ in $(seq 200); do
    ! redis-cli -p "$port" info server 2>/dev/null | grep "^process_id:${server}[[:space:]]*$" >/dev/null || break 2
    kill -0 "$server" 2>/dev/null || continue 2
    sleep 0.05
  done
  echo "redis-test.sh: redis-server does not answer after ten seconds; it said:" >&2
  cat "$folder/log" >&2
  exit 1
done

export SOUK_TEST_REDIS=redis://127.0.0.1:$port
cargo test --locked -p api-gateway -p user-service -p product-service -p souk-test-contract --test it "$@"
