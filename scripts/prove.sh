#!/usr/bin/env bash
# A long proof: a shop of its own, killed and disturbed while it sells. Arguments go to `souk prove`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
need_cargo
need_postgres
export SQLX_OFFLINE=true
[ $# -gt 0 ] || set -- --orders 10000 --kills 1000 --seed 7
exec cargo run --release --locked -p souk -- prove "$@"
