#!/usr/bin/env bash
# How many webhooks per second payment-service takes: each with an id and a signature of its own, verified, and answered
# once it is on disk; beside pgbench, which writes the same row into the same table by a commit each.
set -euo pipefail
. bench/lib/shop.sh

start_shop
"$pg_bin/psql" -h "$socket" -U souk -d postgres -qc "create database limits"
sql limits <services/payment-service/migrations/0001_payments.sql
cat >"$data/event.json" <<'JSON'
{"id": "evt_ID", "object": "event", "api_version": "2026-08-26.basil", "created": 1764000000, "type": "payment_intent.created", "livemode": false, "pending_webhooks": 1, "request": {"id": "req_8aXbVhPqk2sTnM", "idempotency_key": "souk-create_intent-1024-63d1f6a0b8c40-1"}, "data": {"object": {"id": "pi_3PqVbk2eZvKYlo2C1gFJqXyZ", "object": "payment_intent", "amount": 2498, "amount_capturable": 0, "amount_details": {"tip": {}}, "amount_received": 0, "application": null, "application_fee_amount": null, "automatic_payment_methods": null, "canceled_at": null, "cancellation_reason": null, "capture_method": "automatic", "client_secret": "pi_3PqVbk2eZvKYlo2C1gFJqXyZ_secret_0kQ4rPq8vYw1", "confirmation_method": "automatic", "created": 1764000000, "currency": "usd", "customer": null, "description": "Order 1024", "last_payment_error": null, "latest_charge": null, "livemode": false, "metadata": {"order_id": "1024", "payment_id": "1024"}, "next_action": null, "on_behalf_of": null, "payment_method": null, "payment_method_options": {"card": {"installments": null, "mandate_options": null, "network": null, "request_three_d_secure": "automatic"}}, "payment_method_types": ["card"], "processing": null, "receipt_email": null, "review": null, "setup_future_usage": null, "shipping": null, "source": null, "statement_descriptor": null, "statement_descriptor_suffix": null, "status": "requires_payment_method", "transfer_data": null, "transfer_group": null}}}
JSON
python3 - "$data" "$(wc -c <"$data/event.json")" <<'PY'
import sys
folder, length = sys.argv[1], int(sys.argv[2])
event = open(f"{folder}/event.json").read().strip()
assert 1_000 < length < 4_000
# The signature is made in wrk by OpenSSL, which wrk is linked with.
open(f"{folder}/webhook.lua", "w").write(f"""
local ffi = require "ffi"
ffi.cdef[[
unsigned char *HMAC(const void *md, const void *key, int key_len, const unsigned char *d, size_t n, unsigned char *out, unsigned int *len);
const void *EVP_sha256(void);
]]
local crypto = ffi.load "crypto.so.3"
local secret = "whsec_souk-demo-0123456789abcdef0123"
local digest, bytes = ffi.new "unsigned char[32]", {{}}
local head, tail = [==[{event.split("ID", 1)[0]}]==], [==[{event.split("ID", 1)[1]}]==]
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
local threads = 0
function setup(thread) threads = threads + 1; thread:set("thread", threads) end
local n, run
function init() n, run = 0, os.time() .. "x" .. thread .. "x" end
function request()
  n = n + 1
  local body = head .. run .. n .. tail
  local now = os.time()
  local signed = now .. "." .. body
  crypto.HMAC(crypto.EVP_sha256(), secret, #secret, signed, #signed, digest, nil)
  for i = 0, 31 do bytes[i + 1] = string.format("%02x", digest[i]) end
  wrk.headers["stripe-signature"] = "t=" .. now .. ",v1=" .. table.concat(bytes)
  return wrk.format(nil, path, nil, body)
end
""")
for name, path in [("gateway", "/api/payments/webhook"), ("service", "/payments/webhook")]:
    script = open(f"{folder}/webhook.lua").read()
    open(f"{folder}/{name}.lua", "w").write(f'local path = "{path}"\n{script}')
open(f"{folder}/limit.sql", "w").write(
    open("bench/limits/webhook.sql").read().replace(":event", "'" + event.replace("'", "''") + "'"))
PY
service=http://127.0.0.1:$((base + 4))
stored() { echo "select count(*) from webhook_events" | sql payment_service; }
limit_of_the_row() {
  "$pg_bin/pgbench" -h "$socket" -U souk -n -M prepared -c "$clients" -j 2 -T "$seconds" -f "$data/limit.sql" limits 2>/dev/null |
    awk '/^tps/ {printf "%.0f", $3}'
}
to_service() { gateway=$service load "$data/service.lua"; }
seconds=3 load "$data/gateway.lua" >/dev/null
seconds=3 to_service >/dev/null

before=$(stored)
for round in $(seq "$rounds"); do
  echo "$(limit_of_the_row) $(to_service) $(load "$data/gateway.lua")" >>"$data/rounds"
  echo "round $round: $(tail -1 "$data/rounds")" >&2
done
more=$(($(stored) - before))
answered=$(awk -v s="$seconds" '{n += ($2 + $6) * s} END {print int(n)}' "$data/rounds")
[ "$more" -ge $((answered * 95 / 100)) ] || { echo "$more events are stored, though $answered were answered" >&2; exit 1; }
row=$(column 1 <"$data/rounds" | median)
straight=$(column 2 <"$data/rounds" | median)
through=$(column 6 <"$data/rounds" | median)

cat <<TABLE
$(measured " with pgbench at $clients clients on the same server; medians.")

| what | figure | goal |
|---|---|---|
| pgbench: the same row into the same table, a commit each | $row/s | |
| webhooks that payment-service verified and stored | $straight/s | |
| p50, p99 of one | $(column 3 <"$data/rounds" | median) ms, $(column 4 <"$data/rounds" | median) ms | p99 ≤ 1000 ms |
| webhooks ÷ pgbench | $(ratio "$straight" "$row") | |
| the same through the gateway | $through/s | |
| p50, p99 of one | $(column 7 <"$data/rounds" | median) ms, $(column 8 <"$data/rounds" | median) ms | p99 ≤ 1000 ms |
| answers that were not 200 | $(awk '{n += $5 + $9} END {print n}' "$data/rounds") | 0 |

Each of $(wc -c <"$data/event.json") bytes with an id and a signature of its own, of a type that is stored and not worked off. The load generator
signs on the same cores.
TABLE
