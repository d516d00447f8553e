/** Bundles the page into one file without outside references: `node replay/build.ts [FOLDER]` makes FOLDER/replay.html, by default in replay/dist. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildTemplate } from './template.ts'

const folder = process.argv[2] ?? join(import.meta.dirname, 'dist')
await mkdir(folder, { recursive: true })
await writeFile(join(folder, 'replay.html'), await buildTemplate())
console.log(`Wrote ${join(folder, 'replay.html')}`)
