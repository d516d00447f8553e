#!/usr/bin/env bash
# Checks what this machine must have for the sandbox, says everything that a person must see to in one message, and installs the rest.
set -uo pipefail
cd "$(dirname "$0")/.."
start=$EPOCHREALTIME
took() { awk "BEGIN { printf \"%.1f s\", $EPOCHREALTIME - $start }"; }
has() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ]; }

# A command of each Debian package, and the package.
packages=(
  containerd:containerd ctr:containerd runc:runc iptables:iptables ip:iproute2 conntrack:conntrack buildah:buildah
  mmdebstrap:mmdebstrap chromium-headless-shell:chromium-headless-shell ffmpeg:ffmpeg openssl:openssl certutil:libnss3-tools gpg:gpg nsenter:util-linux
  unshare:util-linux chrt:util-linux mount:mount git:git
)
missing=()
for pair in "${packages[@]}"; do has "${pair%%:*}" || missing+=("${pair#*:}"); done
[ -x /usr/lib/cni/ptp ] || missing+=(containernetworking-plugins)
[ -d /usr/share/fonts/truetype/dejavu ] || missing+=(fonts-dejavu-core)
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
mapfile -t missing < <(printf '%s\n' "${missing[@]:+${missing[@]}}" | sed '/^$/d' | sort -u)

# What only a person can cure.
problems=()
need() { problems+=("  - $1"$'\n'"      $2"); }
if [ "$(uname -s)" != Linux ]; then
  need "The sandbox runs on Linux; this is $(uname -s)." "Run it in a Linux machine, for example: multipass launch bookworm"
elif [ "$(id -u)" != 0 ]; then
  need "It needs root: it starts a Kubernetes node (containers, namespaces, a network link)." "sudo -E env PATH=\"\$PATH\" make <target>"
elif ! unshare --mount --pid --net --fork true 2>/dev/null; then
  need "This root may not create namespaces (a container without privileges?)." "docker run --privileged … , or a virtual machine"
fi
go_version=$(go env GOVERSION 2>/dev/null | sed -n 's/^go\([0-9]*\.[0-9]*\).*/\1/p')
if [ -z "$go_version" ]; then
  need "Go is missing: etcd, Kubernetes and Helm are built from their modules." "Install Go 1.26 or newer from https://go.dev/dl and put its bin folder in PATH"
elif [ "$(printf '%s\n' 1.21 "$go_version" | sort -V | head -1)" != 1.21 ]; then
  need "Go is $go_version; it must be 1.21 or newer (and then fetches what the modules ask for)." "Install Go 1.26 or newer from https://go.dev/dl and put its bin folder in PATH"
fi
has npm || need "npm is missing." "apt-get install --yes npm"
if [ ${#missing[@]} -gt 0 ] && ! has apt-get; then
  need "These Debian packages are missing, and there is no apt-get: ${missing[*]}" "Use Debian 12, or install their commands and CNI plugins (in /usr/lib/cni) by hand"
fi
if [ ${#problems[@]} -gt 0 ]; then
  echo "This machine is not ready yet:" >&2
  printf '%s\n' "${problems[@]}" >&2
  exit 1
fi

logs=$(mktemp -d)
# Ctrl-C reaches the installers too, which stand in the same process group.
trap 'rm -rf "$logs"' EXIT
apt_pid= npm_pid=
if [ ${#missing[@]} -gt 0 ]; then
  echo "  … Installing Debian packages: ${missing[*]}"
  {
    apt-get update --quiet && DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "${missing[@]}"
  } >"$logs/apt" 2>&1 &
  apt_pid=$!
fi
if ! scripts/npm.sh --check; then
  echo "  … Installing npm packages"
  scripts/npm.sh >"$logs/npm" 2>&1 &
  npm_pid=$!
fi

# finish NAME PID: waits, with a line every ten seconds, and shows what it said if it failed.
finish() {
  local name=$1 pid=$2 next=$((SECONDS + 10))
  [ -n "$pid" ] || return 0
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if [ "$SECONDS" -ge "$next" ]; then
      next=$((SECONDS + 10))
      echo "  … $name: $(tail -n 1 "$logs/$name" | cut -c 1-100) ($(took))"
    fi
  done
  wait "$pid" && echo "  ✓ $name packages installed ($(took))" && return 0
  echo "  ✗ $name could not install the packages:" >&2
  tail -n 25 "$logs/$name" >&2
  return 1
}
failed=0
finish npm "$npm_pid" || failed=1
finish apt "$apt_pid" || failed=1
exit $failed
