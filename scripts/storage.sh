#!/usr/bin/env bash
# Runs product-service's tests of pictures with their files in a server that speaks S3: rclone, in a process of its own. Then
# those that start and kill one themselves.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
. scripts/tools.sh
need_cargo
need_python
need_postgres
tools storage

dir=$(mktemp -d)
mkdir "$dir/files"
read -r key secret < <(python3 -c 'import secrets; print(secrets.token_hex(8), secrets.token_hex(20))')
# Below the ports that the kernel hands out.
port=$(python3 -c '
import random, socket
while True:
    with socket.socket() as one:
        port = random.randrange(20000, 32000)
        try: one.bind(("127.0.0.1", port))
        except OSError: continue
        print(port)
        break')
# Buckets are made as folders behind its back, and what it has taken has to be there when it is killed.
rclone serve s3 --config /dev/null --vfs-cache-mode writes --vfs-write-back 0s --dir-cache-time 0s --cache-dir "$dir/cache" \
  --addr "127.0.0.1:$port" --auth-key "$key,$secret" "$dir/files" >"$dir/log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
for _ in $(seq 300); do
  kill -0 "$server" 2>/dev/null || break
  ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  sleep 0.1
done
kill -0 "$server" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }

echo "storage.sh: $(rclone version | sed -n 1p)"
STORAGE_URL=http://127.0.0.1:$port STORAGE_KEY=$key STORAGE_SECRET=$secret STORAGE_DIR=$dir/files \
  cargo test --locked -q -p product-service --test it -- images:: sweep:: outages::
STORAGE_PROGRAM=$(command -v rclone) cargo test --locked -q -p product-service --test storage
