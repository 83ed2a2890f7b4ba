#!/usr/bin/env bash
# Checks what no compiler reads: workflows (actionlint, zizmor), shell scripts (shellcheck), YAML (yamllint).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
. scripts/tools.sh
tools lint

wrong=0
check() { # name, command...
  local name=$1; shift
  if "$@"; then echo "$name: clean"; else echo "$name: see above"; wrong=1; fi
}
mapfile -t shell < <(git ls-files 'scripts/*.sh' 'infrastructure/*.sh' .ci/run)
mapfile -t yaml < <(git ls-files '*.yml' '*.yaml' '*/Kustomization')
check actionlint actionlint -shellcheck "$(command -v shellcheck)"
check zizmor zizmor --offline --quiet --persona pedantic .github
check shellcheck shellcheck "${shell[@]}"
# The scripts in ConfigMaps too.
inside=$(mktemp -d)
trap 'rm -rf "$inside"' EXIT
awk -v folder="$inside" '
  FNR == 1 || /^  [^ ]/ { out = "" }
  out { sub(/^    /, ""); print > out }
  /^  [a-z0-9-]+\.sh: \|$/ { out = folder "/" $1; sub(/:$/, "", out) }' infrastructure/k8s/configmaps/*.yaml
check "shellcheck of ConfigMaps" shellcheck "$inside"/*.sh
check yamllint yamllint --strict "${yaml[@]}"
exit "$wrong"
