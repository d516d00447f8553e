import type { Recording } from '@trtc-recorder/api'
import { isConflict } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { Controller, type ReconcileContext, type ReconcileResult } from '../runtime/controller.ts'
import type { Store } from '../runtime/store.ts'
import type { Metrics } from '../telemetry/metrics.ts'

export interface TellingController {
  name: string
  workers: number
  /** Longer than what one run may send. */
  reconcileTimeoutMillis: number
  /** Whether there may be something to tell of it. */
  concerns(recording: Recording): boolean
  reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | undefined>
  /** The Recording is gone: nothing need be remembered of it. */
  forget(recording: Recording): void
}

/** A controller that tells a receiver what happens to Recordings. */
export function tellingController(
  { forget, ...options }: TellingController,
  { recordings, log, metrics }: { recordings: Store<Recording, string>; log: Logger; metrics: Pick<Metrics, 'controller'> },
): Controller {
  const hooks = metrics.controller(options.name)
  const controller = Controller.for(recordings, {
    ...options,
    log,
    isOutdated: isConflict,
    queue: { failureMaxMillis: 30_000, observer: hooks.queue },
    observer: hooks.observer,
  })
  hooks.watchQueue(controller.queue)
  recordings.subscribe((event) => {
    if (event.type === 'deleted') forget(event.object)
  })
  return controller
}
