#!/usr/bin/env bash
# Runs one benchmark of bench/, or all of them: `make bench NAME=startup`. Each prints a table and writes it into
# docs/performance.md between its markers.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
need_cargo
need_postgres
names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(cd bench && ls -- *.sh | sed 's/\.sh$//')
for name in "${names[@]}"; do
  [ -f "bench/$name.sh" ] || { echo "There is no benchmark $name; there are: $(cd bench && ls -- *.sh | sed 's/\.sh$//' | tr '\n' ' ')" >&2; exit 1; }
  table=$(mktemp)
  bash "bench/$name.sh" | tee "$table"
  python3 - "$name" "$table" <<'PY'
import re, sys
name, table = sys.argv[1], open(sys.argv[2]).read().rstrip()
path = "docs/performance.md"
text = open(path).read()
begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
assert begin in text and end in text, f"{path} has no place for {name}"
head, rest = text.split(begin, 1)
open(path, "w").write(head + begin + "\n" + table + "\n" + end + rest.split(end, 1)[1])
PY
  rm -f "$table"
done
