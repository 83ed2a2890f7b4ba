# shellcheck shell=bash
# Sourced by check-stack.sh and stack-test.sh: the tools, and a Docker engine of one's own that reaches no registry.

tools=$PWD/target/stack/tools/bin

need_stack_tools() {
  [ ! -f target/stack/tools/done ] || ! cmp -s infrastructure/tools.txt target/stack/tools/done || return 0
  python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
  python3 -m venv target/stack/tools
  "$tools/pip" install -q --disable-pip-version-check --require-hashes -r infrastructure/tools.txt
  # The program itself, as the wrapper around it ends with 0 whatever happened.
  ln -sf "$(find "$PWD/target/stack/tools/lib" -path '*/compose/docker-compose')" "$tools/docker-compose"
  cp infrastructure/tools.txt target/stack/tools/done
}

# The engine lives in a network namespace, so that its bridges, ports and rules are its own, and in $engine, which goes with it.
engine=
namespace=
engine_start() {
  [ "$(id -u)" = 0 ] || { echo "A Docker engine of one's own needs root; or start Docker and set STACK_ENGINE=host." >&2; exit 1; }
  command -v dockerd >/dev/null || apt_install docker.io containerd runc
  command -v mmdebstrap >/dev/null || apt_install mmdebstrap
  # Short, as the path of a socket has 107 bytes.
  engine=$(mktemp -d /tmp/souk-dk.XXXX)
  namespace=${engine##*/}
  ip netns add "$namespace"
  inside ip link set lo up
  inside setsid nice -n "${STACK_NICE:-0}" dockerd --host "unix://$engine/docker.sock" --data-root "$engine/data" \
    --exec-root "$engine/exec" --pidfile "$engine/pid" >"$engine/log" 2>&1 &
  # The engine's classic builder is the oldest that the Dockerfile is for.
  export DOCKER_HOST=unix://$engine/docker.sock DOCKER_BUILDKIT=0 COMPOSE_BAKE=false
  local waited
  for waited in $(seq 120); do
    docker info >/dev/null 2>&1 && return 0
    sleep 0.5
  done
  echo "no engine after $((waited / 2)) s; its last words:" >&2
  tail -20 "$engine/log" >&2
  exit 1
}

# Runs a command where the engine's ports are.
inside() {
  if [ -n "$namespace" ]; then nsenter --net="/run/netns/$namespace" "$@"; else "$@"; fi
}

engine_stop() {
  [ -n "$engine" ] || return 0
  local pid left
  pid=$(cat "$engine/pid" 2>/dev/null || true)
  if [ -n "$pid" ]; then
    docker ps -q | xargs -r docker kill >/dev/null 2>&1 || true
    kill "$pid" 2>/dev/null || true
    for left in $(seq 60); do
      kill -0 "$pid" 2>/dev/null || break
      [ "$left" != 60 ] || kill -9 "$pid"
      sleep 0.5
    done
  fi
  ip netns delete "$namespace" 2>/dev/null || true
  # What is still mounted below it is not deleted into.
  findmnt --raw --noheadings --output TARGET | grep "^$engine/" | sort -r | xargs -r -n1 umount 2>/dev/null || true
  rm -rf --one-file-system "$engine"
}

# A root of Debian packages, kept in target/ for the next time.
debian_root() {
  local tar=target/stack/$1.tar packages=$2
  [ ! -s "$tar" ] || return 0
  echo "  a root with $packages" >&2
  mmdebstrap --quiet --format=tar --variant=minbase --include="$packages" bookworm "$tar.part" 2>"$tar.log" || { tail "$tar.log" >&2; exit 1; }
  mv "$tar.part" "$tar"
}

# Images under the names that the files ask for, from Debian's packages and this machine's toolchain.
stand_ins() {
  local compose=infrastructure/docker-compose.yml target name part=target/stack/part
  mkdir -p target/stack
  debian_root parts ca-certificates,binutils,curl,postgresql-15,redis-server
  echo "  importing it"
  docker import target/stack/parts.tar souk-test/parts >/dev/null

  rm -rf "$part" && mkdir -p "$part"
  cp infrastructure/stand-ins/* "$part"
  cp -L "$tools/rclone" "$part/rclone"
  if [ "$STACK_BUILD" = image ]; then
    real_builder
  else
    mkdir "$part/binaries"
    cp "${STACK_BINARIES:-target/dist}"/{souk,api-gateway,user-service,product-service,order-service,payment-service,stripe-sandbox} "$part/binaries"
    docker build -q --target rust -t "$(default_of RUST_IMAGE)" "$part" 2>&1
  fi
  for target in postgres redis minio; do
    # minio/mc comes from the same root as minio/minio.
    docker build -q --target "$target" -t "souk-test/$target" "$part" 2>&1
  done
  # Under every name that the file asks for; mc is in the same image as minio.
  while read -r name; do
    target=${name%%[:/]*}
    docker tag "souk-test/$target" "$name"
  done < <(sed -n 's/^ *image: \([a-z].*\)/\1/p' "$compose")
  runtime_base
  rm -rf "$part"
}

default_of() { sed -n "s/^ARG $1=//p" infrastructure/docker/Dockerfile; }

# Like distroless/cc: the C library, certificates and one account; no shell and no program.
runtime_base() {
  local root=target/stack/runtime
  rm -rf "$root" && mkdir -p "$root"
  tar -tf target/stack/parts.tar |
    grep -E '^\./(lib|lib64)$|^\./usr/lib64/.|^\./usr/lib/x86_64-linux-gnu/(ld-linux|lib(c|m|gcc_s|resolv|dl|pthread|rt|nss_files|nss_dns)\.so)|^\./etc/ssl/certs/ca-certificates.crt$' |
    sort -u | tar -xf target/stack/parts.tar -C "$root" -T -
  mkdir -p "$root/tmp" "$root/home/nonroot"
  echo 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >"$root/etc/passwd"
  echo 'nonroot:x:65532:' >"$root/etc/group"
  chmod -R go+rX "$root" && chmod 1777 "$root/tmp"
  tar -c --owner=0 --group=0 -C "$root" . | docker import -c 'USER 65532' - "$(default_of RUNTIME_IMAGE)" >/dev/null
  rm -rf "$root"
}

# This machine's toolchain and crates on Debian's compiler: everything is then built inside the engine.
real_builder() {
  debian_root builder ca-certificates,g++,make,binutils
  cargo fetch --locked -q
  cp target/stack/builder.tar target/stack/rust.tar
  tar -rf target/stack/rust.tar -C "$(rustc --print sysroot)" --transform 's,^,usr/local/rust/,' bin lib
  tar -rf target/stack/rust.tar -C "${CARGO_HOME:-$HOME/.cargo}" --transform 's,^,usr/local/cargo/,' registry/cache registry/index
  docker import -c 'ENV PATH=/usr/local/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin' -c 'ENV CARGO_HOME=/usr/local/cargo' \
    -c 'ENV CARGO_NET_OFFLINE=true' target/stack/rust.tar "$(default_of RUST_IMAGE)" >/dev/null
  rm target/stack/rust.tar
}
