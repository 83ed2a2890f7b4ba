#!/usr/bin/env bash
# Checks infrastructure/k8s without a cluster: what kustomize renders is typed, follows checkov's and trivy's rules (or
# scripts/k8s/accepted.yaml says why not), its names, ports, settings and connections fit the code, and the services take
# the settings that their pods would have (OPS-7).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
. scripts/tools.sh
need_cargo
tools k8s
export SQLX_OFFLINE=true PYTHONDONTWRITEBYTECODE=1

rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT
for overlay in local gke; do kubectl kustomize "infrastructure/k8s/overlays/$overlay" >"$rendered/$overlay.yaml"; done
for file in infrastructure/k8s/{namespace.yaml,{configmaps,secrets,databases,services}/*.yaml}; do
  cat "$file"
  echo "---"
done >"$rendered/plain.yaml"

echo "types:"
kubernetes-validate --strict "$rendered"/*.yaml >"$rendered/types" 2>&1 || { grep -v ' passed ' "$rendered/types"; exit 1; }
# Kinds that others define, and whose schemas are theirs. Any other kind without a schema is a mistake.
others='ExternalSecret|SecretStore|ManagedCertificate|FrontendConfig|BackendConfig'
if grep -v ' passed ' "$rendered/types" | grep -Ev "find schema for kind ($others) "; then exit 1; fi
echo "$(grep -c ' passed ' "$rendered/types") resources are of their type"
rm "$rendered/types"

echo "wiring:"
python scripts/k8s/examples.py
python scripts/k8s/wiring.py
echo "policies:"
python scripts/k8s/policy.py "$rendered"
echo "start:"
cargo build --locked -q -p souk
python scripts/k8s/start.py target/debug/souk
