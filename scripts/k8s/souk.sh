#!/usr/bin/env bash
# An operator's command in the cluster: `scripts/k8s/souk.sh saga list --state stuck`. It runs in a pod of its own, with the
# image, the addresses and the restrictions of the CronJob `audit`; standard input is handed on.
set -euo pipefail
[ $# -gt 0 ] || set -- --help
name=souk-$(date +%s)
audit=$(kubectl --namespace ecommerce get cronjob audit --output json)
# shellcheck disable=SC2016 # it is Python
overrides=$(python3 -c '
import json, sys
name, *args = sys.argv[1:]
template = json.load(sys.stdin)["spec"]["jobTemplate"]["spec"]["template"]
# It goes by the name of `audit`, which may reach PostgreSQL.
container = {**template["spec"]["containers"][0], "name": name, "args": args, "stdin": True, "stdinOnce": True}
spec = {**template["spec"], "containers": [container]}
print(json.dumps({"apiVersion": "v1", "metadata": {"labels": template["metadata"]["labels"]}, "spec": spec}))
' "$name" "$@" <<<"$audit")
image=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["spec"]["containers"][0]["image"])' <<<"$overrides")
exec kubectl --namespace ecommerce run "$name" --rm --stdin --quiet --restart=Never --image="$image" --overrides="$overrides"
