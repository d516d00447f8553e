import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { code, insertTables, table } from '../../api/generate/tables.ts'
import { type Assumption, assumption, assumptionIds } from './assumptions.ts'

export const documentPath = join(import.meta.dirname, '../../docs/verified.md')

/** docs/verified.md as it is, and as its table should be. */
export function document(): { current: string; wanted: string } {
  const current = readFileSync(documentPath, 'utf8')
  return { current, wanted: insertTables(current, { assumptions: assumptionsTable() }) }
}

const assumptionsTable = () =>
  table(
    ['Id', 'What we assume', 'Where from', 'How `npm run verify-cloud` checks it'],
    assumptionIds.map((id) => {
      const { assumed, source, check } = assumption(id)
      return [code(id), escaped(assumed), escaped(source), escaped(howChecked(check))]
    }),
  )

function howChecked(check: Assumption['check']): string {
  switch (check.by) {
    case 'run':
      return check.how
    case 'nobody':
      return `not: ${check.why}`
  }
}

const escaped = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
