#!/usr/bin/env bash
# Lets the shop send its mails to a real mail server (aiosmtpd) over TLS: one that takes them, refuses, is away, asks for
# passwords in the clear or shows another's certificate.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
. scripts/tools.sh
need_cargo
need_postgres
command -v openssl >/dev/null || apt_install openssl
tools mail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
quietly() { "$@" 2>"$dir/log" || { cat "$dir/log" >&2; return 1; }; }
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
# An authority, what it vouches for, and a stranger that vouches for the same.
for authority in own stranger; do
  quietly openssl req -x509 "${key[@]}" -days 2 -subj "/CN=$authority" -keyout "$dir/$authority.key" -out "$dir/$authority.pem"
done
certificate() { # file, authority, name
  quietly openssl req "${key[@]}" -subj "/CN=mail" -keyout "$dir/$1.key" -out "$dir/$1.csr"
  printf 'basicConstraints=CA:FALSE\nsubjectAltName=%s\n' "$3" >"$dir/$1.ext"
  quietly openssl x509 -req -days 2 -in "$dir/$1.csr" -CA "$dir/$2.pem" -CAkey "$dir/$2.key" -CAcreateserial \
    -extfile "$dir/$1.ext" -out "$dir/$1.pem"
}
certificate right own IP:127.0.0.1
certificate elsewhere own DNS:mail.example.com
certificate unknown stranger IP:127.0.0.1

MAIL_TEST_PYTHON=$(command -v python3) MAIL_TEST_CERTIFICATES=$dir \
  cargo test --locked -q -p souk-test-e2e --test smtp -- --test-threads 2
