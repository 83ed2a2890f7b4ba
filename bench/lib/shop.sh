# For benchmarks that need a running shop: starts one on a folder of its own, with PostgreSQL's fsync on and no rate
# limits, and ends it with the script. Sets `gateway`, `data`, `pid`; `sql DATABASE` and `limit SCRIPT` reach its server.
. bench/lib/heading.sh

rounds=${ROUNDS:-5}
seconds=${SECONDS_PER_ROUND:-8}
clients=${CLIENTS:-64}
base=${PORT:-18080}
gateway=http://127.0.0.1:$base

command -v wrk >/dev/null || apt-get install -y wrk >/dev/null || { echo "wrk is needed: install it" >&2; exit 1; }
pg_bin=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)}
export SQLX_OFFLINE=true
cargo build -q --release --locked -p souk >&2

data=$(mktemp -d)
chmod 755 "$data"
pid=
stop_shop() {
  [ -z "$pid" ] || { kill -TERM "$pid" && wait "$pid" || true; }
  pid=
}
cleanup() {
  stop_shop
  rm -rf "$data"
}
trap cleanup EXIT

start_shop() {
  : >"$data/out"
  target/release/souk up --data "$data/shop" --port "$base" --rate-limit off "$@" >"$data/out" 2>"$data/err" &
  pid=$!
  until grep -q '^ready ' "$data/out"; do
    kill -0 "$pid" 2>/dev/null || { cat "$data/out" "$data/err" >&2; exit 1; }
    sleep 0.05
  done
  socket=$(sed -n 5p "$data/shop/postgres/cluster/postmaster.pid")
}

sql() { "$pg_bin/psql" -h "$socket" -U souk -d "$1" -v ON_ERROR_STOP=1 -qAt; }

token_of() { # address
  curl -sf "$gateway/api/auth/login" -H 'content-type: application/json' \
    -d "{\"email\": \"$1\", \"password\": \"souk-demo-2026\"}" | python3 -c 'import json, sys; print(json.load(sys.stdin)["accessToken"])'
}

make_products() { # how many, stock of each; prints the first id
  python3 - "$gateway" "$(token_of seller@demo.souk)" "$1" "$2" <<'PY'
import http.client, json, sys
gateway, token, count, stock = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
connection = http.client.HTTPConnection(gateway.removeprefix("http://"))
headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
ids = []
for n in range(count):
    body = {"name": f"Measured thing {n}", "price": "14.99", "stock": stock, "sku": f"BENCH-{stock}-{n}"}
    connection.request("POST", "/api/products", json.dumps(body), headers)
    answer = connection.getresponse()
    read = answer.read()
    assert answer.status == 201, read
    ids.append(json.loads(read)["id"])
assert ids == list(range(ids[0], ids[0] + count)), "ids have gaps"
print(ids[0])
PY
}

# A wrk script that orders one unit of a random product of a range.
order_script() { # first id, how many
  cat <<LUA
local first, count = $1, $2
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer $3"
local n = 0
function setup(thread) n = n + 1; thread:set("seed", n * 7919 + os.time()) end
function init() math.randomseed(seed) end
function request()
  local id = first + math.random(0, count - 1)
  return wrk.format(nil, "/api/orders", nil,
    '{"items": [{"productId": ' .. id .. ', "quantity": 1}], "shippingAddress": "1 Bench Street"}')
end
LUA
}

# Runs a wrk script; prints `answers/s p50_ms p99_ms errors`.
load() { # script
  wrk -t2 -c"$clients" -d"${seconds}s" --latency -s "$1" "$gateway" | python3 -c '
import re, sys
text = sys.stdin.read()
def ms(label):
    value, unit = re.search(label + r"\s+([\d.]+)(us|ms|s)\b", text).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
socket = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
errors = int(bad.group(1)) if bad else 0
errors += sum(map(int, socket.groups())) if socket else 0
print(round(rate), round(ms("50%"), 1), round(ms("99%"), 1), errors)'
}

# Runs one of bench/limits on the same server; prints transactions/s.
prepare_limits() { "$pg_bin/psql" -h "$socket" -U souk -d postgres -qc "create database limits" && sql limits <bench/limits/schema.sql; }
limit() { # script
  "$pg_bin/pgbench" -h "$socket" -U souk -n -M prepared -c "$clients" -j 2 -T "$seconds" -f "bench/limits/$1.sql" limits 2>/dev/null |
    awk '/^tps/ {printf "%.0f", $3}'
}

commits() { echo "select sum(xact_commit) from pg_stat_database where datname like '%service'" | sql postgres; }

median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
column() { awk -v n="$1" '{print $n}'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }

measured() { # how the rounds alternate
  heading
  echo "$("$pg_bin/postgres" --version), fsync on; load generator, shop and PostgreSQL on the same cores."
  echo "$clients clients in a closed loop (wrk), $rounds rounds of ${seconds} s, alternating$1"
}
