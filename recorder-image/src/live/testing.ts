import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecorderJob } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import type { Ledger } from '../ledger/ledger.ts'
import { LiveObjects } from './live-objects.ts'
import { LiveOutputs } from './live-outputs.ts'

/** Of a recording of which nothing is made while it goes on. */
export function noLiveOutputs(deps: { job: RecorderJob; ledger: Ledger; log: Logger }): LiveOutputs {
  const store = { put: () => Promise.reject(new Error('nothing is stored')) }
  const objects = new LiveObjects({ ...deps, events: { add: () => {} }, store, directory: join(tmpdir(), 'no-live-outputs') })
  return new LiveOutputs({ ...deps, parts: () => [], objects })
}
