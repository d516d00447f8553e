import { type RecorderProgress, recorderProgressSchema } from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { getFromRecorder, recorderUrl } from '../recorder-http.ts'
import { namespaceOfKey } from '../runtime/objects.ts'
import { isHeeded } from './control.ts'
import { wasCalledNotReady } from './pod-state.ts'

/** A recorder that is reached, but slow, holds up nobody but one of those who ask. */
const timeoutMillis = 2_000
/** Recorders asked at the same time, half of them in one namespace. */
const mostAtOnce = 40
/** Of these, how many may be ones that let whoever asks wait the last time. */
const mostSlow = 5
/** After something has changed: at once, and again soon. */
const firstMillis = 3_000
const initialMillis = 15_000
const longestMillis = 300_000
/** Until there is a first file with something in it, for as long as a recording waits for somebody unless told otherwise; after that, less often. */
const firstFileMillis = 2_000
const mostForFirstFile = 150
/** So often each, before the pause doubles: a first file is news also in a room that was empty for long. */
const looksEach = 4
/** While a recorder does not do yet what it has been told: so often, for a kubelet may take a minute to hand it on, and then less often. */
const heedingMillis = 1_000
const mostHeeding = 90
/** While it is on its way into the room: the kubelet looks once a second, and only from then on when its container runs. */
const arrivingMillis = 150
const longestArrivingMillis = 2_000
/** So often; a recorder that takes longer is waited for by its probe. */
const mostArriving = 12
/** Whoever takes that long to say nothing is behind a wall, and each time keeps another from being asked. */
const slowMillis = 1_000

/** Gives the body of `GET url`, or throws. */
export type Get = (url: string, signal: AbortSignal) => Promise<unknown>

/** What is known of how a recorder is doing. */
export type Progress =
  /** Nobody has been asked yet. */
  | { is: 'not asked' }
  | { is: 'known'; said: RecorderProgress }
  /** It was asked and did not answer; `why` is for a person. `heardAt`: when it last did, if ever. */
  | { is: 'unknown'; why: string; heardAt?: Date }

export interface ProgressPollerOptions {
  get?: Get | undefined
  /** Called with the key of a Recording when there is something new to decide on. */
  onNews: (key: string) => void
  now?: () => Date
}

/** Those that answered at once the last time, or were not asked yet, and those that did not. */
interface Waiting {
  prompt: Set<string>
  slow: Set<string>
}

interface Followed {
  key: string
  pod: Pod
  /** Where the Pod is and what its recorder was told; when that changes it is asked at once. */
  state: string
  isArriving: boolean
  asked: number
  /** How long the last answer took. */
  tookMillis: number
  heardAt: Date | undefined
  progress: Progress
  timer: NodeJS.Timeout | undefined
}

/**
 * Asks recorders how they are doing, beside all reconciling: what is known is at hand, and who waits for a recorder's answer holds up nobody.
 *
 * Flow: `follow` a Pod whose recorder is in the room → it is asked at once, every 2 s until there is a file (after five minutes without one, every
 * 15 s, and less and less often), then after 3 s, after 15 s, and less and less often, up to every five minutes, and anew when its answer or its Pod changes → `onNews` →
 * `of` → `forget`. One that is on its way into the room is asked some times a second, for a short while; one on a node that was called not ready every 15 s.
 *
 * Guarantees: at most 40 are asked at once; one that cannot be reached is asked ever less often. Namespaces take turns, and one of them gets half of the places
 * that the others leave; so however many recorders of a namespace do not answer, those of another are asked at once, and those that answer are not held up by those
 * that did not the last time. It is a courtesy: where Pods cannot be reached (a NetworkPolicy, an operator outside the cluster) nothing changes but that the
 * status says so.
 */
export class ProgressPoller {
  readonly #get: Get
  readonly #onNews: ProgressPollerOptions['onNews']
  readonly #now: () => Date
  readonly #followed = new Map<string, Followed>()
  /** By namespace, in the order of their turns: UIDs of those that are to be asked. */
  readonly #waiting = new Map<string, Waiting>()
  /** How many are being asked: in all, by namespace, and of those that let whoever asks wait. */
  readonly #asking = { all: 0, in: new Map<string, number>(), slow: 0 }
  #stopped = false

  constructor({ get = getFromRecorder, onNews, now = () => new Date() }: ProgressPollerOptions) {
    this.#get = get
    this.#onNews = onNews
    this.#now = now
  }

  /** What is known of the recorder in a Pod, who is asked from now on if he was not. */
  follow(key: string, pod: Pod, state: string, { isArriving = false } = {}): Progress {
    const { uid } = pod.metadata
    const known = this.#followed.get(uid)
    if (known === undefined) {
      const progress: Progress = { is: 'not asked' }
      this.#followed.set(uid, {
        ...{ key, pod, state, isArriving, asked: 0, tookMillis: 0, heardAt: undefined, progress, timer: undefined },
      })
      this.#queue(uid)
      return progress
    }
    known.pod = pod
    known.isArriving = isArriving
    if (known.state !== state) {
      known.state = state
      known.asked = 0
      // What it said before says nothing of now.
      if (known.progress.is === 'known') known.progress = { is: 'not asked' }
      this.#queue(uid)
    }
    return known.progress
  }

  /** Recorders in the room that were asked and did not answer, or not in words that are known. One on its way there need not answer yet. */
  unknown(): number {
    return [...this.#followed.values()].filter(({ progress, isArriving }) => progress.is === 'unknown' && !isArriving).length
  }

  forget(podUid: string): void {
    const followed = this.#followed.get(podUid)
    if (followed === undefined) return
    clearTimeout(followed.timer)
    this.#followed.delete(podUid)
    const waiting = this.#waiting.get(namespaceOfKey(followed.key))
    waiting?.prompt.delete(podUid)
    waiting?.slow.delete(podUid)
    if (waiting?.prompt.size === 0 && waiting.slow.size === 0) this.#waiting.delete(namespaceOfKey(followed.key))
  }

  stop(): void {
    this.#stopped = true
    for (const uid of [...this.#followed.keys()]) this.forget(uid)
  }

  #queue(uid: string): void {
    const followed = this.#followed.get(uid)
    if (this.#stopped || followed === undefined) return
    clearTimeout(followed.timer)
    const namespace = namespaceOfKey(followed.key)
    const waiting = this.#waiting.get(namespace) ?? { prompt: new Set(), slow: new Set() }
    waiting[isSlow(followed) ? 'slow' : 'prompt'].add(uid)
    this.#waiting.set(namespace, waiting)
    this.#askMore()
  }

  #askMore(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) void this.#ask(next)
  }

  /** Takes the first whose turn it is, if there is a place for one. */
  #next(): { uid: string; namespace: string; slow: 0 | 1 } | undefined {
    for (const [namespace, { prompt, slow }] of this.#waiting) {
      const own = this.#asking.in.get(namespace) ?? 0
      // Rounded up: who has none gets the last place.
      if (own >= Math.ceil((mostAtOnce - (this.#asking.all - own)) / 2)) continue
      const uids = prompt.size > 0 ? prompt : this.#asking.slow < mostSlow ? slow : undefined
      const [uid] = uids ?? []
      if (uids === undefined || uid === undefined) continue
      uids.delete(uid)
      this.#waiting.delete(namespace)
      if (prompt.size + slow.size > 0) this.#waiting.set(namespace, { prompt, slow })
      return { uid, namespace, slow: uids === slow ? 1 : 0 }
    }
    return undefined
  }

  async #ask({ uid, namespace, slow }: { uid: string; namespace: string; slow: 0 | 1 }): Promise<void> {
    const followed = this.#followed.get(uid)
    if (followed === undefined) return
    const count = (by: 1 | -1) => {
      this.#asking.all += by
      this.#asking.slow += by * slow
      const own = (this.#asking.in.get(namespace) ?? 0) + by
      if (own > 0) this.#asking.in.set(namespace, own)
      else this.#asking.in.delete(namespace)
    }
    count(1)
    const state = followed.state
    const before = followed.progress
    followed.asked += 1
    const began = performance.now()
    const answer = await this.#answer(followed.pod)
    if (answer.is === 'known') followed.heardAt = this.#now()
    const { heardAt } = followed
    const progress = answer.is === 'unknown' && heardAt !== undefined ? { ...answer, heardAt } : answer
    count(-1)
    followed.tookMillis = performance.now() - began
    if (this.#followed.get(uid) === followed) {
      followed.progress = progress
      const isNews = tells(progress) !== tells(before)
      // Who has just come into the room has its first files soon.
      if (isThere(progress) && !isThere(before)) followed.asked = 1
      // Who has something new to say, beyond that bytes have grown, will soon have more.
      if (progress.is === 'known' && shape(progress) !== shape(before)) followed.asked = Math.min(followed.asked, 2)
      if (state === followed.state) this.#askAgain(uid, followed)
      if (isNews) this.#onNews(followed.key)
    }
    this.#askMore()
  }

  #askAgain(uid: string, followed: Followed): void {
    followed.timer = setTimeout(() => this.#queue(uid), restMillis(followed)).unref()
  }

  async #answer(pod: Pod): Promise<Progress> {
    const ip = pod.status?.podIP
    if (!ip) return { is: 'unknown', why: 'the Pod has no address yet' }
    try {
      const answer = await this.#get(recorderUrl(ip, '/status'), AbortSignal.timeout(timeoutMillis))
      return { is: 'known', said: recorderProgressSchema.parse(answer) }
    } catch (error) {
      // Not the message itself: it differs each time, and a status would be written each time.
      const why = (error as Error).name === 'ZodError' ? 'its answer is not one that this operator knows' : 'it cannot be reached'
      return { is: 'unknown', why }
    }
  }
}

/** How long until a recorder is asked again, of which that was the `asked`-th time since something changed. */
export function restMillis(followed: Pick<Followed, 'asked' | 'progress' | 'pod' | 'isArriving' | 'tookMillis'>): number {
  const { asked, progress, pod, isArriving, tookMillis } = followed
  if (isArriving && !isThere(progress) && asked <= mostArriving && tookMillis < slowMillis) {
    return Math.min(longestArrivingMillis, arrivingMillis * 1.4 ** (asked - 1))
  }
  if (progress.is === 'known' && !isHeeded(pod, progress.said.state)) return doubled(heedingMillis, asked - mostHeeding)
  if (progress.is === 'known' && awaitsFirstFile(progress.said)) {
    if (asked <= mostForFirstFile) return firstFileMillis
    return doubled(initialMillis, Math.floor((asked - mostForFirstFile - 1) / looksEach))
  }
  if (asked <= 1 && progress.is === 'known') return firstMillis
  const times = progress.is === 'known' ? asked - 2 : asked - 1
  // Of a node that has once been called not ready nobody else may tell that it has fallen silent since.
  return wasCalledNotReady(pod) ? initialMillis : doubled(initialMillis, times)
}

const isSlow = ({ tookMillis }: Followed) => tookMillis >= slowMillis
const doubled = (millis: number, times: number) => Math.min(longestMillis, millis * 2 ** Math.max(0, times))

export const isInTheRoom = ({ state }: RecorderProgress) => state === 'recording' || state === 'paused'
const isThere = (progress: Progress) => progress.is === 'known' && isInTheRoom(progress.said)
const awaitsFirstFile = ({ state, files, recordedBytes }: RecorderProgress) =>
  state === 'recording' && (files.length === 0 || recordedBytes === 0)

/** Two answers that tell the same are no news. */
const tells = (progress: Progress) => JSON.stringify(progress)

function shape(progress: Progress): string {
  if (progress.is !== 'known') return progress.is
  const { state, participants, files, storage, controlProblem, volume, userSigExpiresAt } = progress.said
  const filesNow = files.map((file) => [file.path, file.state])
  return JSON.stringify([state, participants, filesNow, storage, controlProblem, volume?.isLow, userSigExpiresAt])
}
