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

orders_so_far() { echo "select count(*) from orders" | sql order_service; }
before=$(commits)
placed_before=$(orders_so_far)
for round in $(seq "$rounds"); do
  echo "$(limit order-three-transactions) $(limit order-one-transaction) $(load "$data/order.lua")" >>"$data/rounds"
  echo "round $round: $(tail -1 "$data/rounds")" >&2
done
placed=$(($(orders_so_far) - placed_before))
per_order=$(awk -v c="$(($(commits) - before))" -v n="$placed" 'BEGIN {printf "%.1f", c / n}')

# Where the processor goes, in a round without pgbench: ticks that the shop, its PostgreSQL, all together, and nobody had.
postmaster=$(sed -n 1p "$data/shop/postgres/cluster/postmaster.pid")
had() { awk '{sub(/.*\) /, ""); n += $12 + $13} END {print n + 0}' "$@" 2>/dev/null; }
ticks() {
  local backends
  mapfile -t backends < <(pgrep -P "$postmaster" | sed 's|.*|/proc/&/stat|')
  echo "$(had "/proc/$pid/stat") $(had "/proc/$postmaster/stat" "${backends[@]}") $(awk '/^cpu / {print $2 + $3 + $4 + $7 + $8, $5 + $6}' /proc/stat)"
}
busy_before="$(ticks) $(orders_so_far)"
load "$data/order.lua" >/dev/null
processor=$(echo "$busy_before $(ticks) $(orders_so_far)" | awk -v ms="$((1000 / $(getconf CLK_TCK)))" '{
  n = ($10 - $5) / ms; shop = $6 - $1; server = $7 - $2; all = $8 - $3; idle = $9 - $4
  printf "shop %.1f, PostgreSQL %.1f, all else %.1f; idle %.0f %%", shop / n, server / n, (all - shop - server) / n, 100 * idle / (all + idle)}')

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
counted=$(orders_so_far)
echo "select pg_stat_statements_reset()" | sql postgres >/dev/null
load "$data/order.lua" >/dev/null
counted=$(($(orders_so_far) - counted))
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
| time in PostgreSQL's statements per order, in ms | $spent | |
| processor time per order, in ms | $processor | |
| memory at most, PostgreSQL left out | $memory MB | ≤ 150 MB |

Left out: paying, and several machines; the stand-in for Stripe runs in the same process. Statements are counted by \`pg_stat_statements\`
in a round of its own, workers' looks for work among them; a round trip more each time that a connection goes back to its pool is not.
TABLE
