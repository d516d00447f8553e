/** Part of `npm run generate`: writes the table of docs/verified.md. A unit test fails when it is not what the assumptions say. */
import { writeFileSync } from 'node:fs'
import { document, documentPath } from './document.ts'

const { current, wanted } = document()
if (current !== wanted) {
  writeFileSync(documentPath, wanted)
  console.log(`Wrote ${documentPath}`)
}
