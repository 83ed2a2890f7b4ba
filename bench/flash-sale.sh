#!/usr/bin/env bash
# One product that everybody wants: orders per second for it through the gateway, beside orders over 1,000 products and
# beside what PostgreSQL alone does for one row that everybody changes.
set -euo pipefail
. bench/lib/shop.sh

# With souk, so that its dependencies are built with the features that they have already.
cargo build -q --release --locked -p souk -p product-service --example holds >&2
hold_step() { target/release/examples/holds "postgres://product_service@localhost/product_service?host=$socket" "$one" "$clients" "$seconds"; }

start_shop
prepare_limits
many=$(make_products 1000 1000000)
one=$(make_products 1 999999)
token=$(token_of customer@demo.souk)
order_script "$many" 1000 "$token" >"$data/many.lua"
order_script "$one" 1 "$token" >"$data/one.lua"
seconds=3 load "$data/one.lua" >/dev/null
for round in $(seq "$rounds"); do
  echo "$(limit hold-one-sku) $(load "$data/many.lua") $(load "$data/one.lua") $(hold_step)" >>"$data/rounds"
  echo "round $round: $(tail -1 "$data/rounds")" >&2
done
holds=$(column 10 <"$data/rounds" | median)
row=$(column 1 <"$data/rounds" | median)
over_many=$(column 2 <"$data/rounds" | median)
of_one=$(column 6 <"$data/rounds" | median)

cat <<TABLE
$(measured "; medians.")

| what | figure | goal |
|---|---|---|
| pgbench \`hold-one-sku\`: one row, one transaction each | $row/s | |
| holds of one product, folded (the hold step alone) | $holds/s | |
| folded holds ÷ \`hold-one-sku\` | $(ratio "$holds" "$row") | ≥ 5 |
| whole checkouts of one product | $of_one/s | |
| whole checkouts over 1,000 products | $over_many/s | |
| one product ÷ 1,000 products | $(ratio "$of_one" "$over_many") | ≥ 1.0 |
| p50, p99 of an order of the one product | $(column 7 <"$data/rounds" | median) ms, $(column 8 <"$data/rounds" | median) ms | |
| answers that were not 201 | $(awk '{n += $5 + $9} END {print n}' "$data/rounds") | 0 |
TABLE
