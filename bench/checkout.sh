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
# What the server runs for an order is counted in rounds of its own: counting costs a little.
count() { # what to add up, of which statements; per order and database, and in all
  echo "select coalesce(sum($1) filter (where datname = 'user_service'), 0), coalesce(sum($1) filter (where datname = 'product_service'), 0),
               coalesce(sum($1) filter (where datname = 'order_service'), 0), coalesce(sum($1) filter (where datname = 'payment_service'), 0)
          from pg_stat_statements s join pg_database d on d.oid = s.dbid where $2" | sql postgres |
    awk -F'|' -v n="$counted" '{printf "%.1f: user %.1f, product %.1f, order %.1f, payment %.1f", ($1 + $2 + $3 + $4) / n, $1 / n, $2 / n, $3 / n, $4 / n}'
}
memory=$(awk '/^VmHWM/ {print int($2 / 1024)}' "/proc/$pid/status")
echo "alter system set shared_preload_libraries = pg_stat_statements" | sql postgres
stop_shop
start_shop
echo "create extension pg_stat_statements" | sql postgres
seconds=3 load "$data/order.lua" >/dev/null
counted=$(echo "select count(*) from orders" | sql order_service)
echo "select pg_stat_statements_reset()" | sql postgres >/dev/null
load "$data/order.lua" >/dev/null
counted=$(($(echo "select count(*) from orders" | sql order_service) - counted))
ends="s.query ~* '^(begin|commit|rollback)'"
statements=$(count s.calls "not $ends")
round_trips=$(count s.calls true)
spent=$(count s.total_exec_time true)

three=$(column 1 <"$data/rounds" | median)
one=$(column 2 <"$data/rounds" | median)
orders=$(column 3 <"$data/rounds" | median)

cat <<TABLE
$(measured " with pgbench at $clients clients on the same server; medians.")

| what | figure | goal |
|---|---|---|
| orders placed through the gateway, whole saga to \`confirmed\` | $orders/s | |
| pgbench \`order-three-transactions\` | $three/s | |
| pgbench \`order-one-transaction\` | $one/s | |
| orders ÷ \`order-three-transactions\` | $(ratio "$orders" "$three") | ≥ 1.0, 0.5 as a first figure |
| p50, p99 of an order | $(column 4 <"$data/rounds" | median) ms, $(column 5 <"$data/rounds" | median) ms | p99 ≤ 250 ms |
| answers that were not 201 | $(column 6 <"$data/rounds" | awk '{n += $1} END {print n}') | 0 |
| transactions committed per order, over four databases | $per_order | |
| statements per order | $statements | |
| round trips per order: those, and \`begin\`, \`commit\` and \`rollback\` | $round_trips | |
| time in PostgreSQL per order, in ms | $spent | |
| memory at most, PostgreSQL left out | $memory MB | ≤ 150 MB |

Left out: paying, and several machines; the stand-in for Stripe runs in the same process. Statements are counted by \`pg_stat_statements\`
in a round of its own, workers' looks for work among them; a round trip more each time that a connection goes back to its pool is not.
TABLE
