#!/usr/bin/env bash
# Checks the licences, bans and sources of all dependencies against deny.toml. Advisories need the network: `cargo deny
# check advisories` where there is one.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
. scripts/tools.sh
need_cargo
tools deny
cargo deny --locked --log-level warn check --hide-inclusion-graph licenses bans sources
