#!/usr/bin/env bash
# Changes the code in small ways, one at a time, and names the changes that no test notices; docs/mutation.md answers for them.
# Arguments are parts: saga, order, product; without any, it is all three. It takes hours, and a fresh clone builds first.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
[ $# -gt 0 ] || set -- saga order product
for part in "$@"; do
  case $part in
    saga | order | product) ;;
    *) echo "There is no part $part; there are saga, order and product." >&2; exit 2 ;;
  esac
done
need_cargo
need_postgres
export SQLX_OFFLINE=true CARGO_INCREMENTAL=1
# Most of the integration tests wait rather than compute.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-8}
unset DATABASE_URL || true

version=27.1.0
root=${XDG_CACHE_HOME:-$HOME/.cache}/souk/cargo-mutants-$version
tool=$root/bin/cargo-mutants
[ -x "$tool" ] || cargo install --locked --root "$root" "cargo-mutants@$version"
# Each of those at work builds in a copy of its own. In a folder that they share, one would test what the other has built:
# to cargo the two copies are the same package.
unset CARGO_TARGET_DIR || true
survivors=()

# First the unit tests, which are quick, then whatever they miss against the integration tests.
mutate() { # package, glob of files
  local out=target/mutants/$1 tests code name
  local run=("$tool" mutants --package "$1" --file "$2" --output "$out")
  # Two at once: one is built while the tests of the other wait.
  run+=(--jobs "${JOBS:-2}" --timeout 120 --build-timeout 1800 --no-times)
  rm -rf "$out" && mkdir -p "$out"
  for tests in --lib --test=it; do
    code=0
    # The simulation is of the core, whose unit tests come first.
    "${run[@]}" --iterate --cargo-arg="$tests" -- -- --skip simulation || code=$?
    # 2: some were missed, 3: some took too long; anything else is no answer.
    case $code in 0 | 2 | 3) ;; *) exit "$code" ;; esac
    tally "$out/mutants.out" "$1, ${tests#--}"
  done
  while read -r name; do survivors+=("$name"); done < <(sed -E 's/:[0-9]+:[0-9]+: /: /; s/\|/\\|/g' "$out/mutants.out/missed.txt")
}

tally() { # folder, what it is about
  local kind
  printf '%s:' "$2"
  for kind in caught missed unviable timeout; do printf ' %s %s' "$(wc -l <"$1/$kind.txt")" "$kind"; done
  echo
}

for part in "$@"; do
  case $part in
    saga) mutate saga 'crates/saga/src/**' ;;
    *) mutate "$part-service" "services/$part-service/src/domain/**" ;;
  esac
done

unanswered=0
for name in "${survivors[@]}"; do
  grep -qF "$name" docs/mutation.md || { echo "not answered for in docs/mutation.md: $name"; unanswered=$((unanswered + 1)); }
done
echo "mutants: ${#survivors[@]} survivors, $unanswered of them not answered for"
[ "$unanswered" = 0 ]
