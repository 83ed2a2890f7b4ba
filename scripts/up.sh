#!/usr/bin/env bash
# Starts the whole shop: installs what is missing, builds, runs in the foreground. Arguments go to `souk up`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
need_cargo
need_postgres
export SQLX_OFFLINE=true
# One line a crate while it builds; then the shop takes over the terminal.
exec cargo run --release --locked -p souk -- up "$@"
