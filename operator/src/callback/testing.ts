import { createLog } from '../telemetry/log.ts'
import type { CallbackReconcilerDependencies } from './controller.ts'

/** What a reconciler of callbacks needs that no test looks at. */
export const unwatched = {
  events: { record() {}, flush: async () => {} },
  log: createLog('error'),
  metrics: { callbackDelivery() {} },
  timeoutMillis: 1000,
  limits: { giveUpMillis: 86_400_000, giveUpDeletedMillis: 86_400_000 },
  policy: { allow: [], deny: [], apiServer: [], allowPrivate: false },
} satisfies Partial<CallbackReconcilerDependencies>
