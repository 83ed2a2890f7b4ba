# shellcheck shell=bash
# Sourced by scripts that need a running shop: `start_shop` starts one on a folder and ports of its own, with the demo's data
# and no rate limits, and ends it with the script. Sets `folder` and `base`, the gateway's port; base + 5 is the stand-in for
# Stripe.

folder=$(mktemp -d)
chmod 755 "$folder"
shop=
base=
# shellcheck disable=SC2329 # the trap calls it
stop_shop() {
  if [ -n "$shop" ] && kill -TERM "$shop" 2>/dev/null; then wait "$shop" 2>/dev/null || true; fi
  rm -rf "$folder"
}
trap stop_shop EXIT

say() { echo "$(basename "$0"): $*" >&2; }

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

start_shop() {
  # Between the look and the start somebody may take a port: then another base is tried.
  for _ in 1 2 3; do
    base=$(free_base)
    say "starting a shop on port $base"
    target/debug/souk up --data "$folder/shop" --port "$base" --rate-limit off >"$folder/shop.log" 2>&1 &
    shop=$!
    for _ in $(seq 600); do
      kill -0 "$shop" 2>/dev/null || break
      if grep -q '^ready http' "$folder/shop.log" &&
        curl -fsS --max-time 2 -o "$folder/health" "http://127.0.0.1:$base/health" 2>/dev/null; then
        return
      fi
      sleep 0.2
    done
    say "no shop came up on port $base; its last words:"
    tail -20 "$folder/shop.log" >&2
    kill -TERM "$shop" 2>/dev/null || true
    wait "$shop" 2>/dev/null || true
    shop=
  done
  say "the shop did not start"
  return 1
}
