#!/usr/bin/env bash
# Checks the little that `make try` needs, without root, and installs the npm packages. `make demo` asks for more: deps.sh.
set -uo pipefail
cd "$(dirname "$0")/.."
start=$EPOCHREALTIME
has() { command -v "$1" >/dev/null 2>&1; }

problems=()
need() { problems+=("  - $1"$'\n'"      $2"); }
[ "$(uname -s)" = Linux ] || need "The recorder runs on Linux; this is $(uname -s)." "Run it in a Linux machine, for example: multipass launch bookworm"
has npm || need "npm is missing." "Install Node with npm, 20 or newer: https://nodejs.org/en/download (no root needed)"
if [ -n "${TRTC_RECORDER_CHROMIUM:-}" ]; then
  [ -x "$TRTC_RECORDER_CHROMIUM" ] || need "TRTC_RECORDER_CHROMIUM is $TRTC_RECORDER_CHROMIUM, which cannot be run." "Point it at a Chromium, a Chrome or a headless shell"
elif ! [ -x /usr/bin/chromium-headless-shell ] && ! [ -x /usr/lib/chromium/chromium-headless-shell ] && ! [ -x /usr/bin/chromium ] && ! [ -x /usr/bin/google-chrome ]; then
  need "Chromium is missing." "apt-get install --yes chromium-headless-shell, or set TRTC_RECORDER_CHROMIUM to one that you have"
fi
for program in ffmpeg ffprobe; do
  has $program || [ -n "${FFMPEG_BIN:-}" ] || need "$program is missing." "apt-get install --yes ffmpeg, or set FFMPEG_BIN to the ffmpeg of a build that you have unpacked, with ffprobe beside it"
done
if [ ${#problems[@]} -gt 0 ]; then
  echo "This machine is not ready yet:" >&2
  printf '%s\n' "${problems[@]}" >&2
  exit 1
fi

scripts/npm.sh --check && exit 0
echo "  … Installing npm packages"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! scripts/npm.sh >"$log" 2>&1; then
  echo "  ✗ npm could not install the packages:" >&2
  tail -n 25 "$log" >&2
  exit 1
fi
awk "BEGIN { printf \"  ✓ npm packages installed (%.1f s)\n\", $EPOCHREALTIME - $start }"
