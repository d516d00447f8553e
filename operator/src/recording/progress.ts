import { type RecorderProgress, recorderPort, recorderProgressSchema } from '@trtc-recorder/api'
import { request } from 'undici'
import type { Pod } from '../kube/types.ts'
import { isHeeded } from './control.ts'
import { heedingMillis, progressMillis } from './live-pod.ts'

const timeoutMillis = 2_000

/** Gives the body of `GET url`, or throws. */
export type Get = (url: string, signal: AbortSignal) => Promise<unknown>

/**
 * Asks recorders how they are doing, each at most once in 15 s, or once a second while it does not do yet what it has been told. It is a courtesy: where Pods cannot be reached (a NetworkPolicy, an operator
 * outside the cluster) there is no progress, and nothing else changes.
 */
export class ProgressReader {
  readonly #get: Get
  readonly #asked = new Map<string, { at: number; state: string; said?: RecorderProgress['state'] }>()

  constructor(get: Get = getJson) {
    this.#get = get
  }

  /** `state`: where the Pod is; when that changes the recorder is asked at once. */
  async read(pod: Pod, now: Date, state: string): Promise<RecorderProgress | undefined> {
    const { uid } = pod.metadata
    const ip = pod.status?.podIP
    const last = this.#asked.get(uid)
    const restMillis = last?.said === undefined || isHeeded(pod, last.said) ? progressMillis : heedingMillis
    // A moment of grace, or a timer that fires a little early would be put off for a whole round.
    if (!ip || (last?.state === state && now.getTime() - last.at < restMillis - 500)) return undefined
    const asked: { at: number; state: string; said?: RecorderProgress['state'] } = { at: now.getTime(), state }
    this.#asked.set(uid, asked)
    try {
      const host = ip.includes(':') ? `[${ip}]` : ip
      const answer = await this.#get(`http://${host}:${recorderPort}/status`, AbortSignal.timeout(timeoutMillis))
      const progress = recorderProgressSchema.parse(answer)
      asked.said = progress.state
      return progress
    } catch {
      return undefined
    }
  }

  forget(podUid: string): void {
    this.#asked.delete(podUid)
  }
}

async function getJson(url: string, signal: AbortSignal): Promise<unknown> {
  const { statusCode, body } = await request(url, { signal })
  if (statusCode === 200) return body.json()
  await body.dump()
  throw new Error(`GET ${url} was answered with ${statusCode}`)
}
