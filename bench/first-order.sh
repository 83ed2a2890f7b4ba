#!/usr/bin/env bash
# What a newcomer waits for: from a fresh clone, with nothing built, to the first paid order. Runs `make up` and then the
# block of the README as it stands; needs the ports of `make up` free. Takes as long as a first build takes.
set -euo pipefail
. bench/lib/heading.sh
clone=$(mktemp -d)
chmod 755 "$clone"
pid=
cleanup() {
  [ -z "$pid" ] || { kill -TERM -- "-$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; }
  rm -rf "$clone"
}
trap cleanup EXIT
git clone -q . "$clone/souk"
cd "$clone/souk"
unset CARGO_TARGET_DIR

now() { date +%s; }
began=$(now)
setsid make up >"$clone/out" 2>"$clone/err" &
pid=$!
until grep -q '^ready ' "$clone/out"; do
  kill -0 "$pid" 2>/dev/null || { tail -20 "$clone/out" "$clone/err" >&2; exit 1; }
  sleep 0.2
done
ready=$(($(now) - began))
# The block between the README's markers, as somebody would paste it.
sed -n '/<!-- the flow/,/<!-- \/the flow/p' README.md | sed '1d;$d' | grep -v '^```' >"$clone/flow.sh"
bash "$clone/flow.sh" >"$clone/flow.out"
paid=$(($(now) - began))
grep -q '"status":"paid"' "$clone/flow.out" || { cat "$clone/flow.out" >&2; exit 1; }
build=$(grep -oE 'target\(s\) in .*' "$clone/out" "$clone/err" | tail -1 | sed 's/.*target(s) in //')

cat <<TABLE
$(heading)
crates already downloaded, nothing built.

| what | figure | goal |
|---|---|---|
| the build, profile \`release\` | $build | |
| from \`make up\` to its line \`ready\` | $((ready / 60)) min $((ready % 60)) s | |
| from \`make up\` to the first paid order, by the README's block | $((paid / 60)) min $((paid % 60)) s | < 8 min |
TABLE
