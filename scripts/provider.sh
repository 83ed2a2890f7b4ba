#!/usr/bin/env bash
# Runs the test of payment-service's client, and a whole shop's flow of money, against providers in processes of their own:
# localstripe, whose gaps the tests know, and Stripe itself where STRIPE_SECRET_KEY holds the key of a test account.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
need_cargo
need_python
need_curl

there=target/localstripe
mkdir -p "$there"
log=$there/localstripe.log
# It is under the GPL: it runs on its own and is part of nothing here.
version=1.15.10
if [ "$(cat "$there/installed" 2>/dev/null)" != "$version" ]; then
  python3 -m venv "$there/venv"
  for attempt in 1 2 3; do
    [ "$attempt" = 1 ] || sleep 5
    ! "$there/venv/bin/python" -m pip install --quiet --disable-pip-version-check "localstripe==$version" >&2 || break
  done
  "$there/venv/bin/python" -c 'import localstripe'
  echo "$version" >"$there/installed"
fi

read -r port hook < <(python3 -c '
import socket
held = [socket.socket() for _ in range(2)]
for one in held:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))')
# Its own command listens on every interface.
"$there/venv/bin/python" -c '
import sys
from aiohttp import web
from localstripe import server
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]))' "$port" >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT

secret=whsec_of-localstripe-0123456789abcdef
for _ in $(seq 150); do
  kill -0 "$server" 2>/dev/null || break
  ! curl -fsS --max-time 2 -H 'content-type: application/json' "http://127.0.0.1:$port/_config/webhooks/here" \
    -d "{\"url\": \"http://127.0.0.1:$hook/hook\", \"secret\": \"$secret\"}" 2>/dev/null || break
  sleep 0.1
done

if [ -n "${STRIPE_SECRET_KEY:-}" ]; then
  echo "provider.sh: Stripe, with the key of a test account"
  cargo test --locked -q -p payment-service --test it provider::
  cargo test --locked -q -p souk-test-e2e --test it provider::
fi
echo "provider.sh: localstripe $version"
env -u STRIPE_SECRET_KEY PROVIDER_KIND=localstripe PROVIDER_URL="http://127.0.0.1:$port" \
  PROVIDER_HOOK="127.0.0.1:$hook" PROVIDER_HOOK_SECRET="$secret" \
  cargo test --locked -q -p payment-service --test it provider::
env -u STRIPE_SECRET_KEY PROVIDER_KIND=localstripe PROVIDER_URL="http://127.0.0.1:$port" \
  cargo test --locked -q -p souk-test-e2e --test it provider::
