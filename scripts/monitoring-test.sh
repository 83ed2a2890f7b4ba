#!/usr/bin/env bash
# Runs a shop under load with a real Prometheus, Alertmanager and exporters, and checks that no panel of a dashboard is
# empty and that an alert reaches its receiver. Prints one line: `monitoring: N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
need_cargo
need_postgres
need_monitoring
export SQLX_OFFLINE=true PYTHONDONTWRITEBYTECODE=1

cargo build --locked -q -p souk
python3 infrastructure/monitoring/check/main.py
