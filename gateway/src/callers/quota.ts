import type { KubeClient } from '@trtc-recorder/kube'
import { RefusedRequest } from '../errors.ts'
import { listRecordings } from '../recordings/find.ts'
import type { Caller } from './caller.ts'

/** A count is good for this long; what this replica starts meanwhile is added. */
const freshMillis = 2000

interface Count {
  active: number
  atMillis: number
}

/**
 * How many recordings of a caller may be under way. Counted by asking, every two seconds at most, so that several replicas may let a few more in
 * within that time; a ResourceQuota (`count/recordings.trtc-recorder.dev`) is exact.
 */
export function activeQuota(client: KubeClient, nowMillis: () => number = () => performance.now()) {
  const counts = new Map<string, Promise<Count>>()

  async function count(caller: Caller): Promise<Count> {
    let active = 0
    for await (const { status } of listRecordings(client, caller)) if (status?.completionTime === undefined) active += 1
    return { active, atMillis: nowMillis() }
  }

  async function counted(caller: Caller): Promise<Count> {
    const former = counts.get(caller.name)
    const known = await former
    if (known !== undefined && nowMillis() - known.atMillis < freshMillis) return known
    // Whoever comes while it is being counted waits for the same answer.
    if (counts.get(caller.name) === former) {
      const counting = count(caller)
      counts.set(caller.name, counting)
      counting.catch(() => counts.delete(caller.name))
    }
    return counts.get(caller.name)!
  }

  return {
    /** Counts one more in, or throws QuotaExceeded. */
    async admit(caller: Caller): Promise<void> {
      const most = caller.limits.activeRecordings
      if (most === undefined) return
      const known = await counted(caller)
      if (known.active >= most) {
        throw new RefusedRequest('QuotaExceeded', `${caller.name} has ${most} recordings under way, and may not have more`, {
          retryAfterSeconds: 30,
        })
      }
      known.active += 1
    },
  }
}
