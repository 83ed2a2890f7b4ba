#!/usr/bin/env bash
# The drill of docs/runbooks/restore.md, on a shop that runs: `drill.sh FOLDER` dumps its databases with the very script of the
# CronJob `backup`, makes empty ones with that of `postgres-init`, reads the dumps back, and audits what came back (OPS-8).
set -euo pipefail
cd "$(dirname "$0")/../.."
shop=${1:?which folder of a shop?}
bin=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)}
socket=$(sed -n 5p "$shop/postgres/cluster/postmaster.pid")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/from" "$work/to" "$work/backups"

script() { # ConfigMap, file
  awk -v file="  $2: |" '$0 == file { on = 1; next } on && /^  [^ ]/ { exit } on { sub(/^    /, ""); print }' "infrastructure/k8s/configmaps/$1.yaml"
}
for service in user product order payment; do
  role=${service}_service
  echo "postgres://$role@localhost/$role?host=$socket" >"$work/from/${service^^}_DATABASE_URL"
  echo "postgres://$role:drill@localhost/restored_$service?host=$socket" >"$work/to/${service^^}_DATABASE_URL"
  export "${service^^}_DATABASE_URL_FILE=$work/from/${service^^}_DATABASE_URL"
done
PATH=$bin:$PATH
script backup backup.sh >"$work/backup.sh"
script postgres-init databases.sh >"$work/databases.sh"
BACKUPS=$work/backups sh "$work/backup.sh"

# Twice: what is there already is no reason to fail.
for _ in 1 2; do PGHOST=$socket POSTGRES_USER=souk SECRETS=$work/to sh "$work/databases.sh"; done
cd "$work/backups"/20*
sha256sum --quiet --check SHA256SUMS
for service in user product order payment; do
  pg_restore --exit-on-error --no-owner --no-privileges --dbname "$(cat "$work/to/${service^^}_DATABASE_URL")" "${service}_service.dump"
done
cd "$OLDPWD"

for service in user product order payment; do
  declare -x "${service^^}_DATABASE_URL=$(cat "$work/to/${service^^}_DATABASE_URL")"
  unset "${service^^}_DATABASE_URL_FILE"
done
orders=$(psql -qAt -d "$ORDER_DATABASE_URL" -c 'select count(*) from orders')
[ "$orders" -gt 0 ] || { echo "nothing was read back" >&2; exit 1; }
target/debug/souk audit --settled 0
# A role that reaches another's database would reach its backup too (OPS-5).
if psql -qAt "postgres://user_service@localhost/restored_order?host=$socket" -c 'select 1' 2>/dev/null; then
  echo "user_service reaches the orders" >&2
  exit 1
fi
echo "backup and restore: $orders orders came back, and the books are in order"
