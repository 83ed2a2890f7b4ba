#!/usr/bin/env bash
# Adding and running trivial jobs: our queue on a PostgreSQL that syncs every commit, beside BullMQ on a Redis that keeps
# nothing. Alternating rounds on one machine; prints a table. COUNT and ROUNDS make it smaller.
set -euo pipefail
. bench/lib/heading.sh
rounds=${ROUNDS:-5}
count=${COUNT:-20000}
profile=${PROFILE:-release}
port=${REDIS_PORT:-18379}
bullmq=6.7.0

for tool in redis-server node npm; do
  command -v "$tool" >/dev/null && continue
  package=$tool
  [ "$tool" != node ] || package=nodejs
  apt-get install -y "$package" >/dev/null || { echo "$tool is needed: install it" >&2; exit 1; }
done
pg_bin=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)}
export SQLX_OFFLINE=true
cargo build -q --locked --profile "$profile" -p souk -p pg --example jobs >&2
ours=target/$([ "$profile" = dev ] && echo debug || echo "$profile")/examples/jobs

data=$(mktemp -d)
chmod 755 "$data"
redis=
cleanup() {
  [ -z "$redis" ] || { kill "$redis" && wait "$redis" || true; }
  rm -rf "$data"
}
trap cleanup EXIT
npm install --silent --no-audit --no-fund --prefix "$data/peer" "bullmq@$bullmq" ioredis@5 >&2
cp bench/lib/bullmq.mjs "$data/peer/"
redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no >"$data/redis.log" &
redis=$!
until redis-cli -p "$port" ping >/dev/null 2>&1; do kill -0 "$redis" || exit 1; sleep 0.05; done

# Once each, for caches and the making of the database.
"$ours" "$data/postgres" 1000 >/dev/null
node "$data/peer/bullmq.mjs" "$port" 1000 >/dev/null
for round in $(seq "$rounds"); do
  echo "$("$ours" "$data/postgres" "$count") $(node "$data/peer/bullmq.mjs" "$port" "$count")" >>"$data/rounds"
  echo "round $round: $(tail -1 "$data/rounds")" >&2
done

median() { awk -v n="$1" '{print $n}' "$data/rounds" | sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }
row() { # what, our column, theirs, goal
  local us them
  us=$(median "$2") them=$(median "$3")
  echo "| $1 | $us/s | $them/s | $(ratio "$us" "$them") | $4 |"
}
cat <<TABLE
$(heading)
$("$pg_bin/postgres" --version) with fsync on; BullMQ $bullmq on $(redis-server --version | awk '{print $1, $2, $3}') without persistence, node $(node --version).
$count jobs that do nothing, $rounds rounds of each in turn, 50 at a time; medians.

| what | ours, durable | BullMQ, keeps nothing | ratio | goal |
|---|---|---|---|---|
$(row "add in batches of 1,000" 1 5 "")
$(row "run what was added" 2 6 "")
$(row "add in batches, then run" 3 7 "≥ 1.0")
$(row "add one by one, 50 in flight: a commit each" 4 8 "")

A job counts as run when that is on disk. Left out: jobs that do something, several machines, and BullMQ with persistence.
TABLE
