/** Bundles the page into one file without outside references: `node replay/build.ts` makes replay/dist/replay.html. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildTemplate } from './template.ts'

const dist = join(import.meta.dirname, 'dist')
await mkdir(dist, { recursive: true })
await writeFile(join(dist, 'replay.html'), await buildTemplate())
console.log(`Wrote ${join(dist, 'replay.html')}`)
