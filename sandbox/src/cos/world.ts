import type { Faults } from './faults.ts'
import type { CosState } from './handlers.ts'
import type { Port } from './port.ts'
import type { RequestLog } from './request-log.ts'
import type { Roles } from './roles.ts'
import type { CosAccount } from './signature.ts'

/** Everything the control API reaches into. */
export interface CosWorld extends CosState {
  endpoint: string
  accounts: Map<string, CosAccount>
  roles: Roles
  faults: Faults
  log: RequestLog
  clockOffsetMillis: number
  port: Port
}
