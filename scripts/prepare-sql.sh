#!/usr/bin/env bash
# Rewrites the offline data of the checked SQL queries (`.sqlx` in each crate) against a scratch PostgreSQL.
# Run it after a change to a query or a migration, and commit what it writes. Takes the crates to do; all, without any.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
need_cargo
need_postgres
# Queries are checked against the databases made here.
unset SQLX_OFFLINE DATABASE_URL || true

bin=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)}
dir=$(mktemp -d)
chmod 755 "$dir"
as_pg=()
if [ "$(id -u)" = 0 ]; then
  chown nobody "$dir"
  as_pg=(setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=/tmp)
fi
cleanup() { "${as_pg[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"; }
trap cleanup EXIT
(cd / && "${as_pg[@]}" "$bin/initdb" -D "$dir/data" -U postgres -A trust --no-sync -E UTF8 --locale=C.UTF-8 >/dev/null)
(cd / && "${as_pg[@]}" "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" -o "-c listen_addresses='' -k $dir -c fsync=off" start >/dev/null)

apply() { # database, files...
  local database=$1; shift
  "$bin/psql" -h "$dir" -U postgres -qc "create database \"$database\""
  for file in "$@"; do "$bin/psql" -h "$dir" -U postgres -d "$database" -v ON_ERROR_STOP=1 -q -f "$file"; done
}
url() { echo "postgres://postgres@localhost/$1?host=$dir"; }

machinery=(crates/pg/migrations/*.sql)
apply pg "${machinery[@]}"
apply saga crates/saga/migrations/*.sql
PG_DATABASE_URL=$(url pg) && export PG_DATABASE_URL
SAGA_DATABASE_URL=$(url saga) && export SAGA_DATABASE_URL
for service in user product order payment; do
  extra=()
  [ "$service" != order ] || extra=(crates/saga/migrations/*.sql)
  apply "$service" "${machinery[@]}" "${extra[@]}" "services/$service-service/migrations/"*.sql
  export "${service^^}_DATABASE_URL=$(url "$service")"
done

crates=("$@")
[ "${#crates[@]}" -gt 0 ] || crates=(pg saga user-service product-service order-service payment-service)
for crate in "${crates[@]}"; do
  folder=crates/$crate
  [ -d "$folder" ] || folder=services/$crate
  # With the features that it has when it is built alone, so that no other crate is built, and written, with it.
  cargo check -q -p "$crate" --all-targets
  rm -rf "$folder/.sqlx"
  mkdir -p "$folder/.sqlx"
  touch "$folder/src/lib.rs"
  SQLX_OFFLINE_DIR="$PWD/$folder/.sqlx" cargo check -q -p "$crate" --all-targets
  echo "$folder/.sqlx: $(ls "$folder/.sqlx" | wc -l) queries"
done
