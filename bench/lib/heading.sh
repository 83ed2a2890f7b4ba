# What the table of every benchmark begins with: which one it is, when, of which commit, and on what machine.

heading() {
  echo "Measured with \`make bench NAME=$(basename "$0" .sh)\` on $(date -u +%Y-%m-%d), commit $(git rev-parse --short HEAD), $(nproc) cores ($(awk -F': ' '/^model name/ {print $2; exit}' /proc/cpuinfo)),"
}
