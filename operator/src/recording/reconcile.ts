import type { Recording } from '@trtc-recorder/api'
import type { ReconcileContext, ReconcileResult } from '../runtime/controller.ts'
import type { Admission } from './admission.ts'
import { decide } from './decide.ts'
import { type ExecuteDependencies, execute } from './execute.ts'
import { type ObserveDependencies, observe } from './observe.ts'
import type { SecondTries } from './second-tries.ts'

export type ReconcileDependencies = ObserveDependencies &
  ExecuteDependencies & { admission: Admission; secondTries: SecondTries<Recording> }

/** One look at one Recording: observe → decide → execute. Gives when to look again. */
export async function reconcileRecording(
  cached: Recording,
  dependencies: ReconcileDependencies,
  context: ReconcileContext,
): Promise<ReconcileResult | undefined> {
  const { admission, secondTries } = dependencies
  // One moment for all of it: what was not due yet when it was observed, and is when it is decided on, would be looked at by nobody again.
  const now = dependencies.now()
  try {
    const seen = await observe(cached, dependencies, now, context.signal)
    // Asked, decided and claimed without a pause between, so that no two are let in for one.
    const observed = { ...seen, ...admission.ask(seen.recording), ...secondTries.ask(seen.recording) }
    const plan = decide(observed, now)
    admission.answered(seen.recording, plan)
    const result = await execute(observed, plan, { ...dependencies, now: () => now }, context)
    admission.settle(seen.recording)
    return result
  } catch (error) {
    admission.failed(cached, error)
    throw error
  } finally {
    secondTries.settle(cached)
  }
}
