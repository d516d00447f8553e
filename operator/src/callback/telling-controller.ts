import { isConflict, type KubeObject } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { Controller, type ReconcileContext, type ReconcileResult } from '../runtime/controller.ts'
import type { Store } from '../runtime/store.ts'
import type { Metrics } from '../telemetry/metrics.ts'

export interface TellingController<T> {
  name: string
  workers: number
  /** Longer than what one run may send. */
  reconcileTimeoutMillis: number
  /** Whether there may be something to tell of it. */
  concerns(told: T): boolean
  reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | undefined>
  /** It is gone: nothing need be remembered of it. */
  forget(told: T): void
}

/** A controller that tells a receiver what happens to the objects of a store. */
export function tellingController<T extends KubeObject>(
  { forget, ...options }: TellingController<T>,
  { store, log, metrics }: { store: Store<T, string>; log: Logger; metrics: Pick<Metrics, 'controller'> },
): Controller {
  const hooks = metrics.controller(options.name)
  const controller = Controller.for(store, {
    ...options,
    log,
    isOutdated: isConflict,
    // A receiver that answers nobody takes all the time there is for each of its tries.
    queue: { failureMaxMillis: 30_000, leavesWorkersFree: true, observer: hooks.queue },
    observer: hooks.observer,
  })
  hooks.watchQueue(controller.queue)
  store.subscribe((event) => {
    if (event.type === 'deleted') forget(event.object)
  })
  return controller
}
