#!/bin/sh
# Starts Redis with the password that stands in the services' REDIS_URL, or asks the one that runs. The password comes by a
# file and by the environment, so that no list of processes shows it.
set -eu
password=$(sed -n 's|^rediss*://[^:]*:\([^@]*\)@.*|\1|p' /run/secrets/redis_url)
[ -n "$password" ] || { echo "redis_url is not redis://:PASSWORD@HOST:PORT" >&2; exit 1; }

case $1 in
  start)
    umask 077
    printf 'requirepass %s\n' "$password" >/tmp/redis.conf
    exec redis-server /tmp/redis.conf --dir /tmp --save '' --appendonly no --maxmemory 128mb --maxmemory-policy allkeys-lru
    ;;
  health)
    [ "$(REDISCLI_AUTH=$password redis-cli ping)" = PONG ]
    ;;
esac
