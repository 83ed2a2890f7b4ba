#!/bin/sh
# Stands in for the program `minio`: `minio server DIR`, as rclone serves it. rclone cannot make accounts at run time, so that it
# knows the shop's from the start; docker-compose.yml beside this file hands it in.
set -eu
[ "$1" = server ] || { echo "minio $1 is not stood in for" >&2; exit 2; }
secret() { cat "/run/secrets/$1"; }
exec rclone serve s3 --addr :9000 --vfs-cache-mode writes --cache-dir /tmp/cache \
  --auth-key "$MINIO_ROOT_USER,$(cat "$MINIO_ROOT_PASSWORD_FILE")" \
  --auth-key "$(secret s3_access_key),$(secret s3_secret_key)" "$2"
