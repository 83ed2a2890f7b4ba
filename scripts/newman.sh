#!/usr/bin/env bash
# Runs the Postman collection against a shop of its own, and prints one line: `newman: N passed, N failed` (assertions).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
. scripts/shop.sh
need_cargo
need_postgres
need_node
export SQLX_OFFLINE=true

newman=target/newman/node_modules/.bin/newman
for attempt in 1 2 3; do
  [ ! -x "$newman" ] || break
  [ "$attempt" = 1 ] || sleep 5
  npm install --no-save --no-audit --no-fund --loglevel=error --prefix target/newman newman@6 >&2 || true
done
[ -x "$newman" ] || { say "newman could not be installed"; exit 1; }

cargo build --locked -q -p souk

start_shop

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
