#!/usr/bin/env bash
# Runs the commands of README.md, all blocks in one shell, against a sandbox that listens where they say; each must
# answer without an error. Prints `sandbox-readme: N passed, N failed`; each command is one check.
set -euo pipefail
readme=$1 address=$2

# The first block starts the sandbox, which is done.
commands=$(awk '/^```sh$/ {on = 1; next} /^```$/ {on = 0} on' "$readme" | grep -v '^cargo run -p stripe-sandbox$')
commands=${commands//localhost:12111/$address}
[ "$(echo "$commands" | grep -c stripe)" -ge 8 ] || { echo "README.md has lost its commands" >&2; exit 1; }

passed=0 failed=0
while IFS= read -r command; do
  case $command in '' | '#'*) continue ;; esac
  answer=$(mktemp)
  if eval "$command" >"$answer" && ! grep -q '"error"' "$answer"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    { echo "$command"; cat "$answer"; } >&2
  fi
  rm -f "$answer"
done <<<"$commands"
echo "sandbox-readme: $passed passed, $failed failed"
[ "$failed" = 0 ]
