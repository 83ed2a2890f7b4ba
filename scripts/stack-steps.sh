# shellcheck shell=bash disable=SC2154,SC2016
# SC2154: compose, debug, work and report are stack-test.sh's. SC2016: what eval gets is expanded there.
# Sourced by stack-test.sh: what it does and looks at.

passed=0 failed=0
title() { echo "== $1"; printf '\n## %s\n\n' "$1" >>"$work/report"; }
saw() { echo "   $1"; echo "- $1" >>"$work/report"; }
ok() { passed=$((passed + 1)); saw "ok: $1"; }
bad() { failed=$((failed + 1)); saw "**FAILED**: $1"; }
check() { local what=$1; shift; if "$@" >"$work/out" 2>&1; then ok "$what"; else bad "$what: $(tail -3 "$work/out")"; fi; }
# In a shell of its own, where the first failure is the end of it.
timed() {
  local what=$1 begun=$EPOCHREALTIME status; shift
  set +e
  (set -e; "$@") >"$work/out" 2>&1
  status=$?
  set -e
  [ "$status" = 0 ] || { tail -40 "$work/out" >&2; bad "$what"; exit 1; }
  saw "$what: $(awk "BEGIN {printf \"%.1f\", $EPOCHREALTIME - $begun}") s"
}
closing() {
  echo "stack: $passed passed, $failed failed"
  printf '\n%s passed, %s failed.\n' "$passed" "$failed" >>"$work/report"
  [ -z "$report" ] || publish
  [ "$failed" = 0 ]
}
publish() {
  {
    echo "# The Compose stack, tried"
    echo
    echo "What \`make stack-test\` saw when it last ran, on $(date -u +%F) at $(git rev-parse --short HEAD)."
    echo "[deploy.md](deploy.md) says what the stack is. \`scripts/stack-test.sh --report docs/stack-test.md\` writes this page."
    cat "$work/report"
  } >"$report"
}

container() { "${compose[@]}" ps --all --quiet "$1"; }
look() { docker inspect --format "$2" "$1"; }
all() { "${compose[@]}" ps --all --format '{{.Service}}'; }
call() { inside curl --silent --show-error --fail-with-body --max-time 20 "$@"; }
api=http://127.0.0.1:18080/api
json() { call -H 'content-type: application/json' "$@"; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)'"$1"')'; }
until_so() {
  local tries=$1; shift
  for _ in $(seq "$tries"); do "$@" >/dev/null 2>&1 && return 0; sleep 0.5; done
  "$@"
}

images_are_built() {
  local name base size shown most
  mb() { awk "BEGIN {printf \"%.1f\", $1 / 1000000}"; }
  timed "all seven are built" "${compose[@]}" --profile '*' build
  base=$(docker image inspect --format '{{.Size}}' "$(default_of RUNTIME_IMAGE)")
  for name in api-gateway user-service product-service order-service payment-service stripe-sandbox souk; do
    size=$(docker image inspect --format '{{.Size}}' "souk/$name:0.1.0")
    shown="$name: $(mb $((size - base))) MB above a base of $(mb "$base") MB"
    # OPS-6 is about a service; `souk` is all of them, and the operator's commands.
    most=40000000
    [ "$name" != souk ] || most=48000000
    if [ $((size - base)) -le "$most" ]; then ok "$shown"; else bad "$shown"; fi
  done
  check "an image without a name is not built" eval "! docker build -q -f infrastructure/docker/Dockerfile --build-arg PROFILE=$(sed -n 's/^PROFILE=//p' "$work/env") ."
  saw "labels: $(docker image inspect --format '{{json .Config.Labels}}' souk/order-service:0.1.0 | tr -d '{}"' | sed 's/com.docker[^,]*,//g; s/,org/, org/g')"
}

jobs_have_ended() {
  local job
  for job in migrate bucket; do
    check "the job $job has ended with 0" test "$(look "$(container "$job")" '{{.State.Status}} {{.State.ExitCode}}')" = "exited 0"
  done
}

only_the_gateway_is_published() {
  local service published=
  for service in $(all); do
    [ "$(look "$(container "$service")" '{{range .NetworkSettings.Ports}}{{range .}}x{{end}}{{end}}')" = "" ] || published+=" $service"
  done
  # OPS-7
  check "published is only the gateway" test "$published" = " api-gateway"
  check "the gateway answers" call http://127.0.0.1:18080/health
  check "payment-service does not, from outside" eval '! call http://127.0.0.1:3004/health'
}

# From what the kernel says of each first process, not from what was asked for.
containers_are_hardened() {
  local service id pid uid line soft=
  for service in $(all); do
    id=$(container "$service")
    pid=$(look "$id" '{{.State.Pid}}')
    [ "$pid" != 0 ] || continue
    uid=$(awk '/^Uid:/ {print $2}' "/proc/$pid/status")
    line="$(awk '/^(CapEff|CapBnd|NoNewPrivs):/ {printf "%s ", $2}' "/proc/$pid/status")$(awk '$2 == "/" {print substr($4, 1, 2)}' "/proc/$pid/mounts")"
    [ "$line" = "0000000000000000 0000000000000000 1 ro" ] || soft+=" $service($line)"
    case $service in minio) ;; *) [ "$uid" != 0 ] || soft+=" $service(root)" ;; esac
    [ "$(look "$id" '{{.HostConfig.Memory}}')" != 0 ] || soft+=" $service(no limit)"
  done
  # OPS-7
  check "no process has a capability, can gain one, can write its root or take all memory, and none but minio is root" test "$soft" = ""
}

# OPS-5
roles_are_separate() {
  local db='exec -T -e PGPASSWORD=souk-demo-user postgres psql -h 127.0.0.1 -U user_service -Atc "select 1"'
  check "user_service reaches its database" eval "\"\${compose[@]}\" $db user_service"
  check "and not order-service's" eval "! \"\${compose[@]}\" $db order_service"
  check "and not the administrator's" eval "! \"\${compose[@]}\" $db postgres"
  check "and none with another password" eval "! \"\${compose[@]}\" ${db/souk-demo-user/souk-demo-order} user_service"
}

signed_up() {
  json "$api/auth/register" -d "{\"email\": \"$1\", \"password\": \"a long enough one\", \"role\": \"$2\"}" >/dev/null
  json "$api/auth/login" -d "{\"email\": \"$1\", \"password\": \"a long enough one\"}" | field '["accessToken"]'
}

# A picture of one dot, so that something is written to the one volume of a service.
a_shop_is_stocked() {
  seller=$(signed_up seller@example.com seller)
  buyer=$(signed_up buyer@example.com customer)
  product=$(json "$api/products" -H "authorization: Bearer $seller" -d '{"name": "Mug", "price": "12.50", "stock": 100}' | field '["id"]')
  base64 -d >"$work/dot.png" <<<iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==
  image=$(call "$api/products/$product/upload-image" -H "authorization: Bearer $seller" -F "image=@$work/dot.png" | field '["imageUrl"]')
  check "a seller has a product with a picture" call --output /dev/null "http://127.0.0.1:18080$image"
}

ordered() {
  placed=$(json "$api/orders" -H "authorization: Bearer $buyer" -H "idempotency-key: $RANDOM$RANDOM" \
    -d "{\"items\": [{\"productId\": $product, \"quantity\": 2}], \"shippingAddress\": \"1 Loop Road\"}")
  order=$(field '["id"]' <<<"$placed")
  intent=$(field '["payment"]["paymentIntentId"]' <<<"$placed")
}
confirmed() {
  call -u "$(cat infrastructure/secrets/demo/stripe_secret_key):" "http://127.0.0.1:12111/v1/payment_intents/$intent/confirm" -d payment_method=pm_card_visa
}
order_is() { [ "$(call "$api/orders/$order" -H "authorization: Bearer $buyer" | field '["status"]')" = "$1" ]; }

an_order_is_paid() {
  ordered
  check "$1 is confirmed" order_is confirmed
  check "its payment is confirmed at the stand-in for Stripe" confirmed
  check "the signed webhook makes it paid" until_so 40 order_is paid
}

healthy() {
  local service
  for service in api-gateway user-service product-service order-service payment-service postgres; do
    until_so 120 is_healthy "$service"
  done
}
is_healthy() { [ "$(look "$(container "$1")" '{{.State.Health.Status}}')" = healthy ]; }

# `docker kill` would tell the engine to leave it dead; a crash does not.
payment_service_dies_while_money_comes() {
  local pid
  ordered
  pid=$(look "$(container payment-service)" '{{.State.Pid}}')
  kill -KILL "$pid"
  check "the payment is confirmed while payment-service is dead" confirmed
  check "the engine starts it again" until_so 60 eval "[ \"\$(look \"\$(container payment-service)\" '{{.State.Pid}}')\" -gt 1 ] && [ \"\$(look \"\$(container payment-service)\" '{{.State.Pid}}')\" != $pid ]"
  check "it is healthy" until_so 120 is_healthy payment-service
  check "the webhook comes again and makes the order paid" until_so 240 order_is paid
}

a_service_stops_cleanly() {
  timed "order-service has stopped" "${debug[@]}" stop order-service
  check "with the exit code 0" test "$(look "$(container order-service)" '{{.State.ExitCode}}')" = 0
}

what_was_there_is_there() {
  check "the order is still paid" order_is paid
  check "the buyer still signs in" json "$api/auth/login" -d '{"email": "buyer@example.com", "password": "a long enough one"}'
  check "the picture is still there" call --output /dev/null "http://127.0.0.1:18080$image"
}

migrations_run_again() { check "the migration job runs again and changes nothing" "${compose[@]}" run --rm migrate; }

the_books_agree() {
  check "souk audit finds that stock, orders, money and events agree" "${compose[@]}" run --rm operator audit --settled 0
  sed 's/^/     /' "$work/out"
}

# A changed file, the script that takes it over, and everything started anew: what is mounted is looked at then.
passwords_change() {
  local own=$work/own
  cp -r infrastructure/secrets/demo "$own"
  sed -i 's/souk-demo-user/another-one/' "$own/user_database_url"
  sed -i "s|^SECRETS_DIR=.*|SECRETS_DIR=$own|" "$work/env"
  check "PostgreSQL takes a new password over" eval '"${compose[@]}" up --detach --wait --force-recreate postgres &&
    "${compose[@]}" exec -T postgres /docker-entrypoint-initdb.d/databases.sh'
  check "the stack is up with it" "${compose[@]}" up --detach --wait --wait-timeout 300 --force-recreate
  check "the buyer signs in" json "$api/auth/login" -d '{"email": "buyer@example.com", "password": "a long enough one"}'
}
