/** Part of `npm run generate`: writes the gateway's tables into docs/. With `--check` it writes nothing and fails if they are not what the tables of the code say. */
import { writeFileSync } from 'node:fs'
import { documents } from './documents.ts'

for (const { path, current, wanted } of documents()) {
  if (current === wanted) continue
  if (process.argv.includes('--check')) {
    console.error(`Not what the gateway says: ${path}. Run: npm run generate`)
    process.exitCode = 1
    continue
  }
  writeFileSync(path, wanted)
  console.log(`Wrote ${path}`)
}
