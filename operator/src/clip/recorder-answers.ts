import { type ClipAnswer, recorderProgressSchema } from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { getFromRecorder, recorderUrl } from '../recorder-http.ts'
import type { Get } from '../recording/progress.ts'

const timeoutMillis = 1000
/** Clips of one recorder share an answer of this age. */
const freshMillis = 200
/** Whoever takes that long to say nothing is behind a wall, and holds up a worker each time. */
const slowMillis = 500
const wallMillis = 5000

/** What is heard of a clip; `why` nothing is, for a person. */
export type Heard = ClipAnswer | { is: 'silent'; why: string }

type Said = { clips: ClipAnswer[] } | { why: string }

/**
 * What recorders say of the clips that they are asked for, and since when they do not.
 *
 * Flow: `times` when a clip is about to be asked for → `of` as often as there may be an answer → `forgetClip`, `forgetPod`.
 *
 * Guarantees: never throws; one request at a time for a Pod, however many clips wait for it; one that cannot be reached holds a worker for a second in six.
 * An operator that has just begun counts from then.
 */
export class RecorderAnswers {
  readonly #get: Get
  readonly #said = new Map<string, { answer: Promise<Said>; until: number }>()
  readonly #clips = new Map<string, { podUid: string; since: Date; heard: Date | undefined }>()

  constructor(get: Get = getFromRecorder) {
    this.#get = get
  }

  /** Since when a Pod is, or could be, asked for a clip, and when it last said something of it. */
  times({ metadata }: Pod, clipUid: string, now: Date): { since: Date; heard: Date | undefined } {
    const known = this.#clips.get(clipUid)
    if (known?.podUid === metadata.uid) return known
    const first = { podUid: metadata.uid, since: now, heard: undefined }
    this.#clips.set(clipUid, first)
    return first
  }

  async of(pod: Pod, clipUid: string, now: Date): Promise<Heard> {
    const said = await this.#ask(pod)
    if ('why' in said) return { is: 'silent', why: said.why }
    const answer = said.clips.find(({ uid }) => uid === clipUid)
    if (answer === undefined) return { is: 'silent', why: 'it does not speak of the clip' }
    this.#clips.set(clipUid, { podUid: pod.metadata.uid, since: this.times(pod, clipUid, now).since, heard: now })
    return answer
  }

  forgetClip(uid: string): void {
    this.#clips.delete(uid)
  }

  forgetPod(uid: string): void {
    this.#said.delete(uid)
  }

  #ask({ metadata, status }: Pod): Promise<Said> {
    const { uid } = metadata
    const known = this.#said.get(uid)
    if (known !== undefined && performance.now() < known.until) return known.answer
    const asked = performance.now()
    // Until there is an answer, nobody else asks.
    const entry = { answer: this.#answer(status?.podIP), until: Number.POSITIVE_INFINITY }
    this.#said.set(uid, entry)
    void entry.answer.then((said) => {
      const isWall = 'why' in said && performance.now() - asked > slowMillis
      entry.until = performance.now() + (isWall ? wallMillis : freshMillis)
    })
    return entry.answer
  }

  async #answer(ip: string | undefined): Promise<Said> {
    if (!ip) return { why: 'the Pod has no address' }
    try {
      const answer = await this.#get(recorderUrl(ip, '/status'), AbortSignal.timeout(timeoutMillis))
      const { data } = recorderProgressSchema.safeParse(answer)
      return data ?? { why: 'its answer is not one that this operator knows' }
    } catch {
      // Not the message itself: it differs each time, and a status would be written each time.
      return { why: 'it cannot be reached' }
    }
  }
}
