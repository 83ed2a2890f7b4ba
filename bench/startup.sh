#!/usr/bin/env bash
# How long `souk up` takes to get ready, on an empty folder and on existing data, and what it holds in memory when
# idle, PostgreSQL left out. Prints a table.
set -euo pipefail
rounds=${ROUNDS:-7}
base=${PORT:-18080}
export SQLX_OFFLINE=true
cargo build -q --release --locked -p souk >&2
data=$(mktemp -d)
chmod 755 "$data"
pid=
cleanup() { [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$data"; }
trap cleanup EXIT

now() { date +%s%3N; }
start() { # prints nothing; sets pid and ms
  local out began
  out=$(mktemp)
  began=$(now)
  target/release/souk up --data "$data/shop" --port "$base" "$@" >"$out" 2>/dev/null &
  pid=$!
  until grep -q '^ready ' "$out"; do
    kill -0 "$pid" 2>/dev/null || { cat "$out" >&2; exit 1; }
    sleep 0.005
  done
  ms=$(($(now) - began))
  rm -f "$out"
}
stop() { kill -TERM "$pid"; wait "$pid" || true; pid=; }
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

resident() { awk '/^VmRSS/ {print $2}' "/proc/$pid/status"; }

start
first=$ms
sleep 2
first_memory=$(resident)
stop
times= ; memory=
for _ in $(seq "$rounds"); do
  start
  sleep 2
  times="$times $ms"
  memory="$memory $(resident)"
  stop
done
# After a crash: the shop and PostgreSQL killed with -9.
start
kill -9 "$pid" $(head -1 "$data/shop/postgres/cluster/postmaster.pid")
wait "$pid" 2>/dev/null || true
start
crashed=$ms
stop

cat <<TABLE
Measured with \`make bench NAME=startup\` on $(date -u +%Y-%m-%d) at commit $(git rev-parse --short HEAD): $(nproc) cores
($(awk -F': ' '/^model name/ {print $2; exit}' /proc/cpuinfo)), $(/usr/lib/postgresql/*/bin/postgres --version 2>/dev/null | tail -1), fsync on, the demo catalogue loaded.

| what | figure | goal |
|---|---|---|
| ready on an empty folder (initdb, four databases, demo catalogue) | $first ms | |
| ready on existing data, median of $rounds | $(echo $times | tr ' ' '\n' | median) ms | ≤ 1500 ms |
| ready after \`kill -9\` of both the shop and PostgreSQL | $crashed ms | |
| resident memory when idle after the first start, which loads the demo, PostgreSQL left out | $((first_memory / 1024)) MB | ≤ 50 MB |
| resident memory when idle, PostgreSQL left out, median of $rounds | $(($(echo $memory | tr ' ' '\n' | median) / 1024)) MB | ≤ 50 MB |
TABLE
