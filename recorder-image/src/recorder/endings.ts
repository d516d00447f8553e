import type { NoticedLoss } from '../ledger/ledger.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { median } from '../timeline/clock.ts'
import type { Publication } from './publication.ts'

type Kind = EncodedFrame['kind']

/** One medium of a user, as it is subscribed to. */
type Wanted = Pick<Publication, 'userId' | 'stream'> & { kind: Kind }

/** What came with one SSRC of a publication. */
interface Flow {
  publication: Publication
  kind: Kind
  ssrc: number
  /** When the one that was sent last would have come on the line as it was at its best of late: repairs come later. */
  lastMicros: number
  /** RTP time of that, on a line that never wraps. */
  rtp: number
  /** Of the last that came. */
  rtpTimes: number[]
  /** The same of sound, for longer. */
  sequenceNumbers: number[]
  best: BestDelay
  /** The last packet of sound said that there is none, and the next one takes its time. */
  isSilent: boolean
  /** Since when its user does not send it, as far as is known. */
  stoppedMicros: number | undefined
}

/** From RTP time to arrival, at least, in this while and in the one before it. */
interface BestDelay {
  sinceMicros: number
  micros: number
  before: number
}

/** When an end was, and until when it is known, and may be, that something was sent. */
interface End {
  surelyMicros: number
  mostMicros: number
  /** Media came on after it. */
  wasOvertaken: boolean
}

/** So long what is on its way when its user stops is received. */
export const restMicros = 1_000_000
/** Signalling and media that were sent at once come so far apart. */
const apartMicros = 100_000
/** What came so long before its recorder stopped says nothing: the next was on its way. */
const onItsWayMicros = 200_000
const jitterMicros = 30_000
const rememberedFrames = 16
/** A second of sound. */
const rememberedPackets = 50
/** What came once need not come again sooner. */
const noRhythmMicros = 2_000_000
/** A clock drifts by 10 ms in it. */
const bestWithinMicros = 30_000_000
/** By then a path that is dead is known, and told of: what stayed away for so long through one that lives was not sent. */
const pathKnownMicros = 2_500_000
/** Nothing is held up for so long: the sender's clock was set. */
const setMicros = 5_000_000
const ticksPerMicro = { audio: 0.048, video: 0.09 }
/** Where sound pauses (DTX) a packet comes so often, and those that begin a pause hold nothing but their header (RFC 6716, 3.1). */
const silenceStepMicros = 400_000
const silenceBytes = 2

/**
 * Whether the end of what a user sent came. Packets are missed by those that follow them, so of the last ones nothing tells. What is known is when their user
 * stopped, by signalling and by the other medium that ended with it, and how often the like of them comes: where one more ought to have come the end is
 * unproven, and so where media came on after its user had stopped, for then nobody knows for how long. Pure; times in microseconds since 1970 by the recorder's clock.
 */
export class Endings {
  readonly #flows = new Map<string, Flow>()
  /** What is on its way when nobody wants it any more still comes. */
  readonly #unwanted = new Set<string>()

  arrived(publication: Publication, frame: EncodedFrame): NoticedLoss[] {
    const { kind, ssrc, rtpTimestamp, sequenceNumber, receiveTimeMicros, data } = frame
    if (this.#unwanted.has(nameOf({ ...publication, kind }))) return []
    const key = `${publication.id} ${kind} ${ssrc}`
    let flow = this.#flows.get(key)
    const losses = flow === undefined ? this.#replaced(publication, kind, receiveTimeMicros) : []
    if (flow === undefined) {
      const best = { sinceMicros: receiveTimeMicros, micros: Number.POSITIVE_INFINITY, before: Number.POSITIVE_INFINITY }
      const fresh = { rtp: rtpTimestamp, rtpTimes: [], sequenceNumbers: [], best, isSilent: false, stoppedMicros: undefined }
      flow = { publication, kind, ssrc, lastMicros: receiveTimeMicros, ...fresh }
      this.#flows.set(key, flow)
    }
    if (receiveTimeMicros - (flow.stoppedMicros ?? receiveTimeMicros) > restMicros) flow.stoppedMicros = undefined
    const rtp = flow.rtp + ((rtpTimestamp - flow.rtp) | 0)
    const wasSet = noteDelay(flow.best, receiveTimeMicros, rtp / ticksPerMicro[kind])
    if (rtp >= flow.rtp || wasSet) {
      flow.rtp = rtp
      flow.lastMicros = Math.round(rtp / ticksPerMicro[kind] + Math.min(flow.best.micros, flow.best.before))
    }
    flow.rtpTimes.push(rtpTimestamp)
    if (flow.rtpTimes.length > rememberedFrames) flow.rtpTimes.shift()
    if (sequenceNumber !== null) flow.sequenceNumbers.push(sequenceNumber)
    if (flow.sequenceNumbers.length > rememberedPackets) flow.sequenceNumbers.shift()
    flow.isSilent = kind === 'audio' && data.length <= silenceBytes
    return losses
  }

  /** Its user mutes it, or not any more: then what follows tells of what is missing. */
  sends({ id }: Publication, kind: Kind, sends: boolean, atMicros: number): void {
    if (sends) return
    for (const flow of this.#of(id)) if (flow.kind === kind) flow.stoppedMicros ??= atMicros
  }

  /** Its user has ended it, or its recorder stops. */
  ended(publication: Publication, nowMicros: number): NoticedLoss[] {
    const { endedMicros } = publication
    const flows = this.#of(publication.id)
    const latestMicros = Math.max(...[...this.#flows.values()].map(({ lastMicros }) => lastMicros))
    const surelyMicros = Math.max(latestMicros - apartMicros, nowMicros - onItsWayMicros)
    for (const flow of flows) flow.stoppedMicros ??= endedMicros
    const losses = flows.flatMap((flow) => {
      const { stoppedMicros } = flow
      if (stoppedMicros === undefined) return unproven(flow, { surelyMicros, mostMicros: nowMicros, wasOvertaken: false })
      return unproven(flow, endOf(stoppedMicros, flows, nowMicros))
    })
    this.forget({ publication })
    return losses
  }

  /** Whether it is wanted from now on. */
  wants(wanted: Wanted, isWanted: boolean): void {
    if (isWanted) this.#unwanted.delete(nameOf(wanted))
    else {
      this.#unwanted.add(nameOf(wanted))
      this.forget(wanted)
    }
  }

  /** All that is missing of it is known otherwise; a field that is left out means all. */
  forget(which: { publication?: Publication; userId?: string; stream?: Publication['stream']; kind?: Kind } = {}): void {
    const { publication: { id } = {}, userId, stream, kind } = which
    for (const [key, flow] of this.#flows) {
      const { publication } = flow
      const isOther =
        (id !== undefined && id !== publication.id) ||
        (userId !== undefined && userId !== publication.userId) ||
        (stream !== undefined && stream !== publication.stream) ||
        (kind !== undefined && kind !== flow.kind)
      if (!isOther) this.#flows.delete(key)
    }
  }

  #of(id: number): Flow[] {
    return [...this.#flows.values()].filter((flow) => flow.publication.id === id)
  }

  /** Another subscription of the same goes on: that its user had stopped ended the one before. */
  #replaced(publication: Publication, kind: Kind, nowMicros: number): NoticedLoss[] {
    const all = this.#of(publication.id)
    return all.flatMap((flow) => {
      const { stoppedMicros, ssrc } = flow
      if (flow.kind !== kind || (stoppedMicros !== undefined && nowMicros - stoppedMicros < restMicros)) return []
      this.#flows.delete(`${publication.id} ${kind} ${ssrc}`)
      return stoppedMicros === undefined ? [] : unproven(flow, endOf(stoppedMicros, all, nowMicros))
    })
  }
}

const nameOf = ({ userId, stream, kind }: Wanted) => `${kind} ${stream} ${userId}`

/** Returns whether the sender's clock was set. */
function noteDelay(best: BestDelay, arrivalMicros: number, rtpMicros: number): boolean {
  const micros = arrivalMicros - rtpMicros
  const wasSet = Math.abs(micros - Math.min(best.micros, best.before)) > setMicros
  if (wasSet) Object.assign(best, { sinceMicros: arrivalMicros, micros, before: Number.POSITIVE_INFINITY })
  else if (arrivalMicros - best.sinceMicros > bestWithinMicros)
    Object.assign(best, { sinceMicros: arrivalMicros, micros, before: best.micros })
  else best.micros = Math.min(best.micros, micros)
  return wasSet && Number.isFinite(micros)
}

function endOf(stoppedMicros: number, flows: readonly Flow[], nowMicros: number): End {
  const isTogether = (one: Flow) => Math.abs((one.stoppedMicros ?? Number.POSITIVE_INFINITY) - stoppedMicros) <= apartMicros
  const lastMicros = Math.max(...flows.filter(isTogether).map((one) => one.lastMicros))
  const wasOvertaken = lastMicros > stoppedMicros + apartMicros
  // Of a line on which packets are missing the last ones may be, too.
  const apart = flows.some(misses) ? 0 : apartMicros
  const surelyMicros = Math.max(lastMicros, stoppedMicros - apart)
  const restUntilMicros = Math.min(nowMicros, stoppedMicros + restMicros)
  const mostMicros = Math.max(lastMicros, wasOvertaken ? restUntilMicros : stoppedMicros)
  return { surelyMicros, mostMicros, wasOvertaken }
}

function unproven(flow: Flow, { surelyMicros, mostMicros, wasOvertaken }: End): NoticedLoss[] {
  const { publication, kind, lastMicros } = flow
  const step = stepOf(flow)
  const patienceMicros = Number.isFinite(step) ? step + jitterMicros : noRhythmMicros
  const awayMicros = surelyMicros - lastMicros
  if (awayMicros >= pathKnownMicros || (!wasOvertaken && awayMicros <= patienceMicros)) return []
  const { userId, stream } = publication
  const frames = Number.isFinite(step) ? Math.ceil((mostMicros + apartMicros - lastMicros) / step) : null
  const about = { userId, stream, medium: kind, fromMicros: lastMicros, toMicros: mostMicros, bytes: null, file: null }
  const many = frames === null ? { frames } : { frames, framesAre: 'AtMost' as const }
  const detail = wasOvertaken ? 'it came on after its user had stopped' : 'nothing came any more before its user stopped'
  return [{ ...about, ...many, reason: 'EndUnproven', detail }]
}

/** Whether packets are missing between the last that came. */
function misses({ sequenceNumbers }: Flow): boolean {
  const [last = 0] = sequenceNumbers.slice(-1)
  const steps = new Set(sequenceNumbers.map((number) => ((number - last) << 16) >> 16))
  return Math.max(...steps) - Math.min(...steps) >= steps.size
}

/** From one to the next, as a rule; infinite where too few came to tell. */
function stepOf({ kind, rtpTimes, isSilent }: Flow): number {
  if (isSilent) return silenceStepMicros
  const last = rtpTimes.at(-1)!
  const times = [...new Set(rtpTimes.map((rtp) => (rtp - last) | 0))].sort((a, b) => a - b)
  if (times.length < 2) return Number.POSITIVE_INFINITY
  return median(times.slice(1).map((time, at) => time - times[at]!)) / ticksPerMicro[kind]
}
