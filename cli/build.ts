/**
 * Bundles the plugin into one file that any Node from 20 on runs, and writes what krew needs: `node cli/build.ts` makes
 * dist/kubectl-trtc.js, dist/kubectl-trtc.tar.gz and dist/trtc.yaml, the last with the checksum of the archive.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const folder = import.meta.dirname
const dist = join(folder, 'dist')
const plugin = join(dist, 'kubectl-trtc.js')

await build({
  entryPoints: [join(folder, 'src/main.ts')],
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  outfile: plugin,
  // commander is CommonJS, and asks for Node's own modules by require.
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)",
  },
  logLevel: 'error',
})
chmodSync(plugin, 0o755)

execFileSync('tar', ['--create', '--gzip', '--file', join(dist, 'kubectl-trtc.tar.gz'), '--directory', dist, 'kubectl-trtc.js'])
const sha256 = createHash('sha256')
  .update(readFileSync(join(dist, 'kubectl-trtc.tar.gz')))
  .digest('hex')
const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
const manifest = readFileSync(join(folder, 'krew.yaml'), 'utf8')
  .replaceAll('{{ version }}', version)
  .replaceAll('{{ sha256 }}', sha256)
writeFileSync(join(dist, 'trtc.yaml'), manifest)
console.log(`Wrote ${plugin}, its archive and krew’s manifest`)
