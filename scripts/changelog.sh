#!/usr/bin/env bash
# Prints one version's section of CHANGELOG.md: what a release says of itself. The version must be Cargo.toml's too.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:?which version?}
ours=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
[ "$version" = "$ours" ] || { echo "Cargo.toml says $ours, not $version" >&2; exit 1; }
notes=$(awk -v version="$version" '
  /^## / { inside = index($0, "## [" version "]") == 1; next }
  inside { print }' CHANGELOG.md)
[ -n "$(tr -d '[:space:]' <<<"$notes")" ] || { echo "CHANGELOG.md has no section ## [$version]" >&2; exit 1; }
printf '%s\n' "$notes"
