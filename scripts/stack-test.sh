#!/usr/bin/env bash
# Brings the Compose stack up in a real Docker engine, buys something in it, and takes parts of it away. Prints what it saw;
# `--report FILE` also writes that as Markdown. Ends with `stack: N passed, N failed`.
#
#   STACK_ENGINE=host   in the Docker that runs here, with the images of the registries; else in an engine of its own, which
#                       reaches no registry, so that others' images are stood in for (infrastructure/stand-ins)
#   STACK_BUILD=image   compiles inside the engine; else the images take what the profile `dist` makes here
#   STACK_BINARIES=DIR  or what is in this folder
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
report=
[ "${1:-}" != --report ] || report=${2:?a file}
. scripts/need.sh
. scripts/stack-engine.sh
. scripts/stack-steps.sh
STACK_ENGINE=${STACK_ENGINE:-own} STACK_BUILD=${STACK_BUILD:-here}

work=$(mktemp -d)
project=souk-test
trap finish EXIT
finish() {
  local status=$?
  if [ "$status" != 0 ] && [ -n "${compose:-}" ]; then
    "${compose[@]}" ps --all >&2 || true
    "${compose[@]}" logs --tail 15 >&2 || true
  fi
  [ -z "${compose:-}" ] || "${compose[@]}" down --volumes --timeout 5 >/dev/null 2>&1 || true
  engine_stop
  rm -rf "$work"
}

title "Engine"
need_stack_tools
compose=()
if [ "$STACK_ENGINE" = host ]; then
  composer=(docker compose)
else
  [ "$STACK_BUILD" = image ] || [ -n "${STACK_BINARIES:-}" ] || build_dist
  engine_start
  composer=("$tools/docker-compose")
fi
saw "$(docker version --format 'Docker engine {{.Server.Version}}, {{.Server.Os}}/{{.Server.Arch}}'), Compose $("${composer[@]}" version --short), builder $([ "${DOCKER_BUILDKIT:-1}" = 0 ] && echo classic || echo BuildKit)"

# A port that is free, the names of a test, the rest as it stands.
sed "s/^GATEWAY_PORT=.*/GATEWAY_PORT=18080/" infrastructure/.env.example >"$work/env"
files=(-f infrastructure/docker-compose.yml)
if [ "$STACK_ENGINE" != host ]; then
  title "Stand-ins"
  timed "made" stand_ins
  files+=(-f infrastructure/stand-ins/docker-compose.yml)
  saw "in place of others' images: $(docker run --rm --entrypoint postgres postgres:15.18-bookworm --version), $(docker run --rm --entrypoint redis-server redis:7.2.11-bookworm --version | cut -d' ' -f1-3), $(docker run --rm --entrypoint rclone minio/minio:RELEASE.2025-09-07T16-13-09Z version | sed -n 1p)"
fi
compose=("${composer[@]}" --progress quiet --project-name "$project" --env-file "$work/env" "${files[@]}")
debug=("${compose[@]}" -f infrastructure/docker-compose.debug.yml)
# A checkout may be closed to others; what is mounted is read by the accounts inside.
chmod -R a+rX infrastructure/postgres infrastructure/redis infrastructure/minio infrastructure/secrets/demo

title "Images"
case $STACK_BUILD in
  image) saw "compiled inside the engine" ;;
  *) saw "their programs were compiled before, outside this engine" ;;
esac
images_are_built
title "Up"
timed "the stack is up and healthy" "${compose[@]}" up --detach --wait --wait-timeout 300
jobs_have_ended
title "What it keeps to"
only_the_gateway_is_published
containers_are_hardened
roles_are_separate
title "Buying"
timed "the debug file is applied" "${debug[@]}" up --detach --wait --wait-timeout 300
a_shop_is_stocked
an_order_is_paid "an order"
title "A service is killed"
payment_service_dies_while_money_comes
title "PostgreSQL is restarted"
timed "restarted" "${debug[@]}" restart postgres
timed "everything is healthy again" healthy
an_order_is_paid "an order after it"
title "Down and up"
a_service_stops_cleanly
timed "down" "${debug[@]}" down
timed "up" "${debug[@]}" up --detach --wait --wait-timeout 300
what_was_there_is_there
an_order_is_paid "an order after it"
title "Operating"
migrations_run_again
the_books_agree
passwords_change
closing
