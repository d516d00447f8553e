import { type RecorderProgress, recorderPort, recorderProgressSchema } from '@trtc-recorder/api'
import { request } from 'undici'
import type { Pod } from '../kube/types.ts'
import { progressMillis } from './live-pod.ts'

const timeoutMillis = 2_000

/** Gives the body of `GET url`, or throws. */
export type Get = (url: string, signal: AbortSignal) => Promise<unknown>

/**
 * Asks recorders how they are doing, each at most once in 15 s. It is a courtesy: where Pods cannot be reached (a NetworkPolicy, an operator
 * outside the cluster) there is no progress, and nothing else changes.
 */
export class ProgressReader {
  readonly #get: Get
  readonly #askedAt = new Map<string, number>()

  constructor(get: Get = getJson) {
    this.#get = get
  }

  async read(pod: Pod, now: Date): Promise<RecorderProgress | undefined> {
    const { uid } = pod.metadata
    const ip = pod.status?.podIP
    // A moment of grace, or a timer that fires a little early would be put off for a whole round.
    if (!ip || now.getTime() - (this.#askedAt.get(uid) ?? 0) < progressMillis - 500) return undefined
    this.#askedAt.set(uid, now.getTime())
    try {
      const host = ip.includes(':') ? `[${ip}]` : ip
      return recorderProgressSchema.parse(
        await this.#get(`http://${host}:${recorderPort}/status`, AbortSignal.timeout(timeoutMillis)),
      )
    } catch {
      return undefined
    }
  }

  forget(podUid: string): void {
    this.#askedAt.delete(podUid)
  }
}

async function getJson(url: string, signal: AbortSignal): Promise<unknown> {
  const { statusCode, body } = await request(url, { signal })
  if (statusCode === 200) return body.json()
  await body.dump()
  throw new Error(`GET ${url} was answered with ${statusCode}`)
}
