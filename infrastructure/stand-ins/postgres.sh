#!/bin/bash
# Stands in for the entrypoint of the image `postgres`: what that one documents, as far as the stack uses it.
set -euo pipefail
[ "$1" = postgres ] || exec "$@"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # shellcheck disable=SC2086 # a list of arguments
  initdb --username=postgres --pwfile=<(cat "$POSTGRES_PASSWORD_FILE") --auth-local=trust --auth-host=scram-sha-256 \
    ${POSTGRES_INITDB_ARGS:-} >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
  pg_ctl --wait start --options="-c listen_addresses=''" >/dev/null
  for script in /docker-entrypoint-initdb.d/*.sh; do
    echo "running $script"
    # shellcheck disable=SC1090 # whatever is mounted there
    if [ -x "$script" ]; then "$script"; else . "$script"; fi
  done
  pg_ctl --wait --mode=fast stop >/dev/null
fi
exec "$@"
