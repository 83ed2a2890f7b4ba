#!/usr/bin/env bash
# How long `souk up` takes to get ready, on an empty folder and on existing data, and what it holds in memory when
# idle, PostgreSQL left out; the same for each of the five services on migrated databases. Of the programs that the images
# hold. Prints two tables.
set -euo pipefail
. bench/lib/heading.sh
rounds=${ROUNDS:-7}
base=${PORT:-18080}
export SQLX_OFFLINE=true
. scripts/need.sh
build_dist >&2
pg_bin=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)}
data=$(mktemp -d)
chmod 755 "$data"
pid=
declare -A services=()
cleanup() {
  kill -9 $pid "${services[@]}" 2>/dev/null || true
  [ ! -d "$data/cluster" ] || server -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$data"
}
trap cleanup EXIT

now() { date +%s%3N; }
start() { # prints nothing; sets pid and ms
  local out began
  out=$(mktemp)
  began=$(now)
  target/dist/souk up --data "$data/shop" --port "$base" "$@" >"$out" 2>/dev/null &
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

resident() { awk '/^VmRSS/ {print $2}' "/proc/${1:-$pid}/status"; }

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

# The five services, as containers run them: a process each, on databases that are migrated. `souk`'s port is free by now.
names=(api-gateway user-service product-service order-service payment-service stripe-sandbox)
as_pg=()
[ "$(id -u)" != 0 ] || as_pg=(setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=/tmp)
server() { (cd / && "${as_pg[@]}" "$pg_bin/pg_ctl" -D "$data/cluster" -w -l "$data/cluster.log" "$@"); }
begin() { # name: starts it; sets ms, if it has a page that says it is ready
  local name=$1 place=0 began
  while [ "${names[place]}" != "$name" ]; do place=$((place + 1)); done
  began=$(now)
  env -i PATH="$PATH" LOG_FILTER=warn LISTEN_ADDR=127.0.0.1:$((base + place)) INTERNAL_ADDR=127.0.0.1:$((base + 10 + place)) \
    DATABASE_URL="postgres://postgres@localhost/${name%-service}?host=$data" STRIPE_API_URL=http://127.0.0.1:$((base + 5)) \
    USER_SERVICE_URL=http://127.0.0.1:$((base + 1)) USER_SERVICE_RPC=http://127.0.0.1:$((base + 11)) \
    PRODUCT_SERVICE_URL=http://127.0.0.1:$((base + 2)) PRODUCT_SERVICE_RPC=http://127.0.0.1:$((base + 12)) \
    ORDER_SERVICE_URL=http://127.0.0.1:$((base + 3)) ORDER_SERVICE_RPC=http://127.0.0.1:$((base + 13)) \
    PAYMENT_SERVICE_URL=http://127.0.0.1:$((base + 4)) PAYMENT_SERVICE_RPC=http://127.0.0.1:$((base + 14)) \
    SANDBOX_WEBHOOK_URL=http://127.0.0.1:$base/api/payments/webhook SANDBOX_DATA_FILE="$data/stripe.jsonl" \
    IMAGE_DIR="$data/images" MAIL_URL="file:$data/mail" METRICS_ADDR=127.0.0.1:$((base + 20 + place)) \
    "target/dist/$name" >/dev/null 2>"$data/$name.log" &
  services[$name]=$!
  until [ "$name" = stripe-sandbox ] || is_ready $((base + place)); do
    kill -0 "${services[$name]}" 2>/dev/null || { cat "$data/$name.log" >&2; exit 1; }
    sleep 0.005
  done
  ms=$(($(now) - began))
}
is_ready() { # port
  local answer
  exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
  printf 'GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
  read -r answer <&3 || true
  exec 3>&-
  [[ "$answer" == *" 200 "* ]]
} 2>/dev/null
end() { kill -TERM "${services[$1]}"; wait "${services[$1]}" || true; unset "services[$1]"; }

[ "$(id -u)" != 0 ] || chown nobody "$data"
(cd / && "${as_pg[@]}" "$pg_bin/initdb" -D "$data/cluster" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >/dev/null)
server -o "-c listen_addresses='' -k $data" start >/dev/null
for name in user product order payment; do "$pg_bin/createdb" -h "$data" -U postgres "$name"; done
for name in "${names[@]}"; do begin "$name"; done
rows= sum=0
for name in "${names[@]::5}"; do
  took=
  for _ in $(seq "$rounds"); do
    end "$name"
    begin "$name"
    took="$took $ms"
  done
  sleep 2
  held=$(resident "${services[$name]}")
  sum=$((sum + held))
  # As in its image, where symbols are stripped.
  strip -o "$data/stripped" "target/dist/$name"
  size=$(stat -c %s "$data/stripped")
  rows="$rows| $name | $(echo $took | tr ' ' '\n' | median) ms | $(awk "BEGIN {printf \"%.1f\", $held / 1024}") MB | $(awk "BEGIN {printf \"%.1f\", $size / 1e6}") MB |"$'\n'
done

cat <<TABLE
$(heading)
$(/usr/lib/postgresql/*/bin/postgres --version 2>/dev/null | tail -1), fsync on, the demo catalogue loaded.

| what | figure | goal |
|---|---|---|
| ready on an empty folder (initdb, four databases, demo catalogue) | $first ms | |
| ready on existing data, median of $rounds | $(echo $times | tr ' ' '\n' | median) ms | ≤ 1500 ms |
| ready after \`kill -9\` of both the shop and PostgreSQL | $crashed ms | |
| resident memory when idle after the first start, which loads the demo, PostgreSQL left out | $((first_memory / 1024)) MB | ≤ 50 MB |
| resident memory when idle, PostgreSQL left out, median of $rounds | $(($(echo $memory | tr ' ' '\n' | median) / 1024)) MB | ≤ 50 MB |

The five services, each a process of its own on a migrated database of the same PostgreSQL, its neighbours there; median of $rounds starts:

| service | ready after | resident when idle | its program |
|---|---|---|---|
${rows}| together, and the goals | ≤ 300 ms each | $(awk "BEGIN {printf \"%.1f\", $sum / 1024}") MB, ≤ 100 MB | ≤ 40 MB each |

The programs are of the profile \`dist\`, and stripped, as the images have them: over its base an image holds its program and nothing else.
[stack-test.md](stack-test.md) has the sizes as an engine tells them.
TABLE
