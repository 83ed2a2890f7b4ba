#!/usr/bin/env bash
# Runs the Postman collection against a shop of its own, and prints one line: `newman: N passed, N failed` (assertions).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
need_cargo
need_postgres
need_node
export SQLX_OFFLINE=true

folder=$(mktemp -d)
chmod 755 "$folder"
shop=
# shellcheck disable=SC2329 # the trap calls it
stop() {
  if [ -n "$shop" ] && kill -TERM "$shop" 2>/dev/null; then wait "$shop" 2>/dev/null || true; fi
  rm -rf "$folder"
}
trap stop EXIT

say() { echo "newman.sh: $*" >&2; }

# The shop takes six ports in a row. Below 32768 the kernel gives none away to outgoing connections.
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_base() {
  local base offset
  for _ in $(seq 50); do
    base=$((20000 + RANDOM % 1200 * 10))
    for offset in 0 1 2 3 4 5; do port_is_free $((base + offset)) || continue 2; done
    echo "$base"
    return
  done
  say "found no six free ports in a row"
  return 1
}

newman=target/newman/node_modules/.bin/newman
for attempt in 1 2 3; do
  [ ! -x "$newman" ] || break
  [ "$attempt" = 1 ] || sleep 5
  npm install --no-save --no-audit --no-fund --loglevel=error --prefix target/newman newman@6 >&2 || true
done
[ -x "$newman" ] || { say "newman could not be installed"; exit 1; }

cargo build --locked -q -p souk

# Between the look and the start somebody may take a port: then another base is tried.
base=
for _ in 1 2 3; do
  base=$(free_base)
  say "starting a shop on port $base"
  target/debug/souk up --data "$folder/shop" --port "$base" --rate-limit off >"$folder/shop.log" 2>&1 &
  shop=$!
  for _ in $(seq 600); do
    kill -0 "$shop" 2>/dev/null || break
    if grep -q '^ready http' "$folder/shop.log" &&
      curl -fsS --max-time 2 -o "$folder/health" "http://127.0.0.1:$base/health" 2>/dev/null; then
      break 2
    fi
    sleep 0.2
  done
  say "no shop came up on port $base; its last words:"
  tail -20 "$folder/shop.log" >&2
  kill -TERM "$shop" 2>/dev/null || true
  wait "$shop" 2>/dev/null || true
  shop=
done
[ -n "$shop" ] || { say "the shop did not start"; exit 1; }

status=0
"$newman" run postman/collections/souk.postman_collection.json \
  --environment postman/environments/local.postman_environment.json \
  --env-var "baseUrl=http://127.0.0.1:$base" --env-var "stripeUrl=http://127.0.0.1:$((base + 5))" \
  --timeout-request 30000 --color off --reporters cli,json --reporter-json-export "$folder/report.json" >&2 || status=$?
[ -s "$folder/report.json" ] || { say "newman wrote no report"; exit 1; }

# A request or a script that broke has no assertion to fail, so each counts as one.
# shellcheck disable=SC2016 # it is JavaScript
node -e '
  const { stats } = JSON.parse(require("fs").readFileSync(process.argv[1])).run;
  const broken = stats.requests.failed + stats.testScripts.failed + stats.prerequestScripts.failed;
  const { total, failed } = stats.assertions;
  console.log(`newman: ${total - failed} passed, ${failed + broken} failed`);
' "$folder/report.json"
exit "$status"
