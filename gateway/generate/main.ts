/** `npm run generate`: writes the gateway's tables into docs/. A unit test fails when they are not what the tables of the code say. */
import { writeFileSync } from 'node:fs'
import { documents } from './documents.ts'

for (const { path, current, wanted } of documents()) {
  if (current === wanted) continue
  writeFileSync(path, wanted)
  console.log(`Wrote ${path}`)
}
