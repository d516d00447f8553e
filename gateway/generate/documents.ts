import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { insertTables } from '../../api/generate/tables.ts'
import { autoRecordTables, gatewayTables, migratingTables } from './tables.ts'

const root = join(import.meta.dirname, '../..')

/** The documents with tables of the gateway: where each is, what it is, and what it should be. */
export function documents(): { path: string; current: string; wanted: string }[] {
  const tables = {
    'docs/migrating.md': migratingTables(),
    'docs/gateway.md': gatewayTables(),
    'docs/auto-record.md': autoRecordTables(),
  }
  return Object.entries(tables).map(([name, content]) => {
    const path = join(root, name)
    const current = readFileSync(path, 'utf8')
    return { path, current, wanted: insertTables(current, content) }
  })
}
