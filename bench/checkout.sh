#!/usr/bin/env bash
# How many orders per second the whole shop places: `POST /api/orders` through the gateway up to `confirmed`, stock held
# and intent created, over 1,000 products; beside what PostgreSQL alone does for the bare rows of such an order.
set -euo pipefail
. bench/lib/shop.sh

start_shop
prepare_limits
first=$(make_products 1000 1000000)
order_script "$first" 1000 "$(token_of customer@demo.souk)" >"$data/order.lua"
seconds=3 load "$data/order.lua" >/dev/null

before=$(commits)
placed_before=$(echo "select count(*) from orders" | sql order_service)
for round in $(seq "$rounds"); do
  echo "$(limit order-three-transactions) $(limit order-one-transaction) $(load "$data/order.lua")" >>"$data/rounds"
  echo "round $round: $(tail -1 "$data/rounds")" >&2
done
placed=$(($(echo "select count(*) from orders" | sql order_service) - placed_before))
per_order=$(awk -v c="$(($(commits) - before))" -v n="$placed" 'BEGIN {printf "%.1f", c / n}')
memory=$(awk '/^VmHWM/ {print int($2 / 1024)}' "/proc/$pid/status")
three=$(column 1 <"$data/rounds" | median)
one=$(column 2 <"$data/rounds" | median)
orders=$(column 3 <"$data/rounds" | median)

cat <<TABLE
Measured with \`make bench NAME=checkout\` on $(machine)
$clients clients in a closed loop (wrk), $rounds rounds of ${seconds} s, alternating with pgbench at $clients clients on the same server; medians.

| what | figure | goal |
|---|---|---|
| orders placed through the gateway, whole saga to \`confirmed\` | $orders/s | |
| pgbench \`order-three-transactions\` | $three/s | |
| pgbench \`order-one-transaction\` | $one/s | |
| orders ÷ \`order-three-transactions\` | $(ratio "$orders" "$three") | ≥ 1.0, 0.5 as a first figure |
| p50, p99 of an order | $(column 4 <"$data/rounds" | median) ms, $(column 5 <"$data/rounds" | median) ms | p99 ≤ 250 ms |
| answers that were not 201 | $(column 6 <"$data/rounds" | awk '{n += $1} END {print n}') | 0 |
| transactions committed per order, over four databases | $per_order | |
| memory at most, PostgreSQL left out | $memory MB | ≤ 150 MB |

Left out: paying, and several machines; the stand-in for Stripe runs in the same process.
TABLE
