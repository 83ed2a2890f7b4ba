#!/usr/bin/env bash
# What metrics cost: orders through the gateway, and the product list through the gateway, with metrics on and off. Each
# round has both, on two shops that are otherwise the same; the one that is not measured is stopped meanwhile (SIGSTOP).
set -euo pipefail
. bench/lib/shop.sh

first_base=$base
declare -A pids bases firsts tokens
# The trap of the library ends one shop; here there are two.
stop_both() {
  local each
  for each in "${pids[@]}"; do kill -CONT "$each" && kill -TERM "$each" && wait "$each" || true; done
  rm -rf "$data"
}
trap stop_both EXIT

begin() { # on|off
  local folder=$data
  data=$folder/$1
  mkdir "$data"
  chmod 755 "$data"
  export METRICS=$1
  start_shop
  data=$folder
  pids[$1]=$pid
  bases[$1]=$gateway
  firsts[$1]=$(make_products 1000 1000000)
  tokens[$1]=$(token_of customer@demo.souk)
}

base=$first_base gateway=http://127.0.0.1:$first_base
begin on
base=$((first_base + 10)) gateway=http://127.0.0.1:$((first_base + 10))
begin off

# Whether a shop counts requests. Read whole: a pipe that is closed early counts as a failure.
counts() { # on|off, metrics port
  local text
  text=$(curl -sf "${bases[$1]%:*}:$2/metrics") && [[ $text == *http_requests_total* ]]
}
counts on $((first_base + 1)) || { echo "metrics are not on" >&2; exit 1; }
if counts off $((first_base + 11)); then
  echo "metrics are not off" >&2
  exit 1
fi

cat >"$data/list.lua" <<'LUA'
function request() return wrk.format("GET", "/api/products?limit=20") end
LUA
for how in on off; do order_script "${firsts[$how]}" 1000 "${tokens[$how]}" >"$data/order-$how.lua"; done

# Measures one shop, and reads its metrics as Prometheus does meanwhile.
measure() { # on|off, script
  local other=off scraper
  [ "$1" = on ] || other=on
  kill -STOP "${pids[$other]}"
  kill -CONT "${pids[$1]}"
  gateway=${bases[$1]}
  (while sleep 5; do curl -s -o /dev/null "${gateway%:*}:$((${gateway##*:} + 1))/metrics" || true; done) &
  scraper=$!
  load "$2"
  kill "$scraper" && wait "$scraper" 2>/dev/null || true
}

for how in on off; do
  seconds=3 measure "$how" "$data/order-$how.lua" >/dev/null
  seconds=3 measure "$how" "$data/list.lua" >/dev/null
done
for round in $(seq "$rounds"); do
  # Who is first changes, so that what warms up or wears out favours nobody.
  order="on off"
  [ $((round % 2)) = 1 ] || order="off on"
  for how in $order; do
    measure "$how" "$data/order-$how.lua" >>"$data/orders-$how"
    measure "$how" "$data/list.lua" >>"$data/lists-$how"
  done
  for what in orders lists; do
    echo "round $round: $what on: $(tail -1 "$data/$what-on"); off: $(tail -1 "$data/$what-off")" >&2
  done
done

row() { # what, file
  local on off
  on=$(column 1 <"$data/$2-on" | median) off=$(column 1 <"$data/$2-off" | median)
  echo "| $1 | $on/s | $off/s | $(ratio "$on" "$off") | $(column 3 <"$data/$2-on" | median) ms | $(column 3 <"$data/$2-off" | median) ms | $(cat "$data/$2-on" "$data/$2-off" | column 4 | awk '{n += $1} END {print n}') |"
}
cat <<TABLE
$(measured " between a shop with metrics (read every 5 s) and one")
with \`METRICS=off\`; medians.

| what | with metrics | without | ratio | p99 with | p99 without | errors |
|---|---|---|---|---|---|---|
$(row "orders placed through the gateway" orders)
$(row "first page of the product list through the gateway" lists)

Left out: traces, which are not written yet; log lines of requests, which \`souk up\` does not write in either shop.
TABLE
