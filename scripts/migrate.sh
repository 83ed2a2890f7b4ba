#!/usr/bin/env bash
# Brings the four databases up to date: those that USER_DATABASE_URL, PRODUCT_DATABASE_URL, ORDER_DATABASE_URL and
# PAYMENT_DATABASE_URL name, with `--data DIR` those of an embedded shop that is not running, or with `--compose` those of the
# Compose stack, by its job.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --compose ]; then
  shift
  exec docker compose -f infrastructure/docker-compose.yml run --rm migrate migrate "$@"
fi
. scripts/need.sh
need_cargo
export SQLX_OFFLINE=true
exec cargo run --release --locked -q -p souk -- migrate "$@"
