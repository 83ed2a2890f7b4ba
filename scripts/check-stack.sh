#!/usr/bin/env bash
# Checks the files of the containers without an engine: Compose files, Dockerfiles, shell scripts. Takes seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
. scripts/stack-engine.sh
if [ "$(uname -sm)" != "Linux x86_64" ]; then
  echo "check-stack.sh: skipped, its tools are pinned for Linux on x86-64"
  exit 0
fi
need_stack_tools

for overlay in "" docker-compose.debug.yml docker-compose.monitoring.yml; do
  "$tools/docker-compose" --env-file infrastructure/.env.example -f infrastructure/docker-compose.yml \
    ${overlay:+-f "infrastructure/$overlay"} config -q
done
"$tools/hadolint" -c infrastructure/docker/hadolint.yaml infrastructure/docker/Dockerfile infrastructure/stand-ins/Dockerfile
"$tools/shellcheck" -x infrastructure/*/*.sh scripts/*stack*.sh scripts/secrets.sh scripts/migrate.sh

# Every secret that the stack names is there for a laptop, and each script can be read by the account that runs it.
"$tools/docker-compose" --env-file infrastructure/.env.example -f infrastructure/docker-compose.yml --profile '*' config --format json |
  python3 -c '
import json, os, sys
stack = json.load(sys.stdin)
missing = [s["file"] for s in stack["secrets"].values() if not os.path.isfile(s["file"])]
published = [name for name, service in stack["services"].items() if service.get("ports")]
soft = [name for name, service in stack["services"].items() if not (service.get("read_only") and service.get("cap_drop") == ["ALL"]
        and "no-new-privileges:true" in service.get("security_opt", []) and service["deploy"]["resources"]["limits"].get("memory"))]
for what, names in ("there is no", missing), ("not hardened or without a limit:", soft):
    for name in names:
        print("check-stack.sh:", what, name)
if published != ["api-gateway"]:
    print("check-stack.sh: published are", published, "and not the gateway alone")
sys.exit(bool(missing or soft or published != ["api-gateway"]))
'
# A folder of one's own holds what the demo's does, and nothing of the demo's.
own=$(mktemp -d)
trap 'rm -rf "$own"' EXIT
scripts/secrets.sh "$own" >/dev/null
diff <(ls infrastructure/secrets/demo) <(ls "$own") || { echo "check-stack.sh: scripts/secrets.sh makes others than the demo has"; exit 1; }
! grep -r souk-demo "$own" || { echo "check-stack.sh: scripts/secrets.sh gives out the demo's"; exit 1; }

echo "check-stack.sh: Compose files, Dockerfiles and scripts are in order"
