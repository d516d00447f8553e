import type { Recording } from '@trtc-recorder/api'
import type { KubeClient } from '@trtc-recorder/kube'
import { RefusedRequest } from '../errors.ts'
import { Fresh } from '../fresh.ts'
import { listRecordings } from '../recordings/find.ts'
import type { Caller } from './caller.ts'

/**
 * How many recordings of somebody are under way. Counted by asking, every two seconds at most, and what this replica starts meanwhile is added; so
 * several replicas may let a few more in within that time. A ResourceQuota (`count/recordings.trtc-recorder.dev`) is exact.
 */
export class ActiveCounts {
  readonly #counts: Fresh<{ active: number }>

  constructor(nowMillis?: () => number) {
    this.#counts = new Fresh(nowMillis)
  }

  /** Counts one more in; false where there are `most` already. `list`: all that there are of `whose`. */
  async take(whose: string, most: number, list: () => AsyncIterable<Recording>): Promise<boolean> {
    const known = await this.#counts.get(whose, () => count(list()))
    if (known.active >= most) return false
    known.active += 1
    return true
  }
}

async function count(recordings: AsyncIterable<Recording>): Promise<{ active: number }> {
  let active = 0
  for await (const { status } of recordings) if (status?.completionTime === undefined) active += 1
  return { active }
}

/** How many recordings of a caller may be under way. */
export function activeQuota(client: KubeClient, nowMillis?: () => number) {
  const counts = new ActiveCounts(nowMillis)
  return {
    /** Counts one more in, or throws QuotaExceeded. */
    async admit(caller: Caller): Promise<void> {
      const most = caller.limits.activeRecordings
      if (most === undefined || (await counts.take(caller.name, most, () => listRecordings(client, caller)))) return
      throw new RefusedRequest('QuotaExceeded', `${caller.name} has ${most} recordings under way, and may not have more`, {
        retryAfterSeconds: 30,
      })
    },
  }
}
