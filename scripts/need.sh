# shellcheck shell=bash
# Sourced by the other scripts: installs what is missing on Debian and Ubuntu, and says what to do elsewhere.

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

apt_install() {
  if ! command -v apt-get >/dev/null; then
    echo "This machine has no apt. Please install $* (or what it is called here) and try again." >&2
    exit 1
  fi
  echo "installing $* ..." >&2
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

need_cargo() {
  command -v cargo >/dev/null || [ ! -f "$HOME/.cargo/env" ] || . "$HOME/.cargo/env"
  command -v cargo >/dev/null || { echo "Rust is missing: install it with rustup (https://rustup.rs) and try again." >&2; exit 1; }
  command -v cc >/dev/null || apt_install build-essential
}

# What the seven images hold, into target/dist, as the Dockerfile builds it.
build_dist() {
  need_cargo
  SQLX_OFFLINE=true nice cargo build --locked --profile dist --bins \
    -p souk -p api-gateway -p user-service -p product-service -p order-service -p payment-service -p stripe-sandbox
}

# The server's binaries only: no cluster is made, no service is started.
need_postgres() {
  local place
  [ -z "${PG_BIN:-}" ] || return 0
  for place in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
    [ ! -x "$place/postgres" ] || return 0
  done
  if command -v apt-get >/dev/null; then
    apt_install postgresql-common
    as_root sh -c "sed -i 's/^#\\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf"
    apt_install postgresql
  else
    echo "PostgreSQL is missing. On macOS: brew install postgresql@16. Elsewhere: install its server package, or set PG_BIN to the folder of its binaries." >&2
    exit 1
  fi
}

# The server's binary only: policy-rc.d, where a container has it, keeps apt from starting it.
need_redis() {
  command -v redis-server >/dev/null || apt_install redis-server
}

need_node() {
  command -v npm >/dev/null || apt_install nodejs npm
  need_curl
}

need_curl() {
  command -v curl >/dev/null || apt_install curl
}

need_python() {
  if ! python3 -m pip --version >/dev/null 2>&1 || ! python3 -m venv --help >/dev/null 2>&1; then
    apt_install python3-pip python3-venv
  fi
}

# The servers' and exporters' binaries only: policy-rc.d, where a container has it, keeps apt from starting them.
need_monitoring() {
  local missing=() tool
  need_redis
  command -v python3 >/dev/null || missing+=(python3)
  command -v redis-benchmark >/dev/null || missing+=(redis-tools)
  for tool in prometheus prometheus-alertmanager prometheus-{node,postgres,redis,blackbox}-exporter; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  [ "${#missing[@]}" = 0 ] || apt_install "${missing[@]}"
}
