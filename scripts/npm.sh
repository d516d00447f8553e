#!/usr/bin/env bash
# Installs the npm packages of package-lock.json. With --check it only says, by its exit code, whether they are there.
set -uo pipefail
cd "$(dirname "$0")/.."

# Packages for other systems are in the lock file and not on the disk.
if [ "${1:-}" = --check ]; then
  [ -e node_modules/.package-lock.json ] || exit 1
  exec node - <<'JS'
const read = (file) => JSON.parse(require('fs').readFileSync(file, 'utf8')).packages
const installed = read('node_modules/.package-lock.json')
const stale = Object.entries(read('package-lock.json')).filter(
  ([place, locked]) => place.startsWith('node_modules/') && !locked.optional && !locked.link && installed[place]?.version !== locked.version,
)
process.exit(stale.length > 0 ? 1 : 0)
JS
fi

# ffmpeg-static downloads a program from the internet unless it is pointed at one; nobody runs this one.
FFMPEG_BIN=$(command -v ffmpeg || echo /bin/true) exec npm ci --no-audit --no-fund
