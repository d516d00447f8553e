/** Part of `npm run generate`: writes the table of docs/verified.md. With `--check` it writes nothing and fails if it is not what the assumptions say. */
import { writeFileSync } from 'node:fs'
import { document, documentPath } from './document.ts'

const { current, wanted } = document()
if (current !== wanted && process.argv.includes('--check')) {
  console.error(`Not what the assumptions say: ${documentPath}. Run: npm run generate`)
  process.exitCode = 1
} else if (current !== wanted) {
  writeFileSync(documentPath, wanted)
  console.log(`Wrote ${documentPath}`)
}
