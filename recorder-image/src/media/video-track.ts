import { crc32 } from 'node:zlib'
import type { LossReason } from '@trtc-recorder/api'
import type { EncodedFrame } from '../tap/frame.ts'
import type { DecodingPlace } from '../timeline/decoding-order.ts'
import { LatePictures, type NumberedPicture, type Released } from '../timeline/late-pictures.ts'
import { PictureClock, type PictureTime } from '../timeline/picture-clock.ts'
import { type CountedHole, PictureGaps, type PictureLoss } from '../timeline/picture-gaps.ts'
import { UnprovenPictures } from '../timeline/unproven-pictures.ts'
import { UnreadableError } from './bit-reader.ts'
import { asBeginning } from './h265-units.ts'
import { firstOf, type HeadlessHandover, HeadlessPictures } from './headless-pictures.ts'
import type { BatchPicture, PictureBatch } from './index-records.ts'
import type { VideoSample } from './media-columns.ts'
import { pictureReader } from './read-picture.ts'
import { isSameConfig, type Picture, type StoredVideoConfig, type VideoCodec, type VideoConfig } from './video-codec.ts'

/** Pictures in order. */
export interface VideoFrames {
  configs: StoredVideoConfig[]
  chunks: Uint8Array[]
  samples: VideoSample[]
}

/** What goes to the volume together: pictures in order, and those of which it is not known yet where they belong. */
export interface VideoBatch extends PictureBatch {
  configs: StoredVideoConfig[]
  chunks: Uint8Array[]
  pictures: BatchPicture[]
  /** Numbers of those that wait, of earlier batches too: which would follow, in this order, if nothing more came. */
  wouldFollow: number[]
}

/** Told of every picture that does not go into the file. */
export type OnLostPicture = (frame: EncodedFrame, reason: LossReason, detail: string) => void

/** What was sent in front of the first key frame of a subscription may still come for so long after it. */
const frontMicros = 2_000_000
/** Of how many key frames the times are kept, for pictures that come late. */
const rememberedChanges = 16
/** What is sent twice is so within so many pictures. */
const rememberedPictures = 64
/** Sizes and profiles that one file may have: each is a sample entry of it, and is checked by a decoder of its own. A window that is shared and resized has as many within seconds. */
export const maxConfigs = 64

/** A picture on its way into the file. */
interface ReadPicture extends NumberedPicture {
  rtpTimestamp: number
  mayFollowHole: boolean
  frame: EncodedFrame
  parameterSets: Uint8Array
  data: Uint8Array
  config: StoredVideoConfig
  /** Its number, once it is in the body while it waits. */
  waitsAs: number | undefined
}

/** A picture that came, and what is known of where it belongs. */
interface Arriving {
  frame: EncodedFrame
  /** Of the subscription. */
  clock: PictureClock
  time: PictureTime
  chain: Chain | undefined
  /** What the pictures in front of it need to be decoded. */
  before: StoredVideoConfig | undefined
  picture: Picture
  codec: VideoCodec
  /** It came before the key frame from which it goes on. */
  cameBeforeKey: boolean
}

/** What the next file of a publication has to know of a subscription to tell what is missing between the two. */
interface HandedOver {
  clock: PictureClock
  gaps: PictureGaps
  came: Chain['came']
  codec: VideoCodec | undefined
}
export interface PicturesHandover {
  begun: Map<number, HandedOver>
  headless: HeadlessHandover
}

/** What came in front of the first key frame of a subscription, until nothing of that comes any more. */
interface Front {
  key: Pick<EncodedFrame, 'mimeType' | 'receiveTimeMicros'>
  /** What the numbers of pictures in front of it are read by. */
  config: StoredVideoConfig
  /** Which was sent first. */
  first: EncodedFrame | undefined
}

/** Pictures of one subscription, from a key frame on. */
interface Chain {
  clock: PictureClock
  firstRtp: number
  front: Front | undefined
  /** What pictures from an RTP time on need to be decoded, of each key frame, in the order of these times. */
  changes: { rtp: number; config: StoredVideoConfig }[]
  /** Checksums of the pictures that came of late, by their RTP times. */
  came: Map<number, number>
  gaps: PictureGaps
  late: LatePictures<ReadPicture>
  unproven: UnprovenPictures<ReadPicture>
}

/** The pictures of one file as they go to the body: each subscription from a key frame on, in order of arrival, all in the codec of the first. */
export class VideoTrack {
  /** Frames that came without a key frame before them, in the file or in their subscription. */
  undecodable = 0
  /** Frames that held parameter sets or less, and no picture, or one that had come already. */
  withoutPicture = 0
  readonly #onLost: OnLostPicture
  readonly #onMissing: (loss: PictureLoss) => void
  #codec: VideoCodec | undefined
  /** When the first picture of another codec came, which the file does not take. */
  #otherSinceMicros = Number.POSITIVE_INFINITY
  readonly #chains = new Map<number, Chain>()
  /** Subscriptions of the file before that have not gone on yet. */
  readonly #handedOver: PicturesHandover['begun']
  readonly #headless: HeadlessPictures
  /** The user does not send pictures since then, as far as is known. */
  #pausedMicros: number | undefined
  /** By what they are. */
  readonly #configs = new Map<string, StoredVideoConfig>()
  #config: StoredVideoConfig | undefined
  #pending: { configs: StoredVideoConfig[]; pictures: (ReadPicture | Exclude<BatchPicture, { sample: VideoSample }>)[] } = {
    configs: [],
    pictures: [],
  }
  /** Of pictures that were given to `take`: how many are in order, and how many waited. */
  #taken = { inOrder: 0, waiting: 0 }

  /** `onMissing` is told of pictures that never came, also of those between the file before and this one. */
  constructor(onLost: OnLostPicture, onMissing: (loss: PictureLoss) => void, before?: PicturesHandover) {
    this.#onLost = onLost
    this.#onMissing = onMissing
    this.#handedOver = before?.begun ?? new Map()
    this.#headless = new HeadlessPictures((frame) => this.#loseWithoutKey(frame), before?.headless)
  }

  /** Of the pictures so far; undefined where none came. */
  get codec(): VideoCodec | undefined {
    return this.#codec
  }

  /** Whether there is no room for another size or profile. */
  get isFull(): boolean {
    return this.#configs.size >= maxConfigs
  }

  /** Pictures that wait for their key frame, and are lost where nothing more comes. */
  get held(): number {
    return this.#headless.held
  }

  /** Whether it is a key frame that pictures have overtaken which go on from a later one: no file can begin with it. */
  isOvertaken(frame: EncodedFrame): boolean {
    const chain = frame.key ? this.#chains.get(frame.ssrc) : undefined
    if (chain === undefined || pictureReader(frame.mimeType)?.codec !== this.#codec) return false
    return chain.gaps.isBehind(chain.clock.look(frame).rtp)
  }

  /** Returns false for a picture that is no use before the next key frame. */
  push(frame: EncodedFrame): boolean {
    this.#headless.expire(frame.receiveTimeMicros)
    return this.#push(frame, false)
  }

  #push(frame: EncodedFrame, cameBeforeKey: boolean): boolean {
    const reader = pictureReader(frame.mimeType)
    if (reader === undefined) {
      this.#onLost(frame, 'UnsupportedCodec', frame.mimeType)
      return true
    }
    if ((this.#codec ?? reader.codec) !== reader.codec) {
      // Its key frame, with which the next file begins, did not come: nobody but who asks for another would get one.
      this.#otherSinceMicros = Math.min(this.#otherSinceMicros, frame.receiveTimeMicros)
      this.#leaveOut(frame)
      this.#onLost(frame, 'NoKeyFrame', `${frame.mimeType}, in a file of ${this.#codec}`)
      return false
    }
    const chain = this.#chains.get(frame.ssrc)
    if (chain !== undefined) this.#tellBeheaded(chain, frame.receiveTimeMicros - frontMicros)
    const { clock = new PictureClock(), came } = this.#subscriptionOf(frame) ?? {}
    const time = clock.place(frame)
    if (came?.has(time.rtp) && came.get(time.rtp) === crc32(frame.data)) {
      this.withoutPicture++
      return true
    }
    const before = chain === undefined ? this.#config : configAt(chain, time.rtp)
    const arriving = { frame, clock, time, chain, codec: reader.codec, cameBeforeKey }
    try {
      const picture = reader.read(frame.data, before)
      const after = picture.leads === undefined || chain === undefined ? before : configOfLeading(chain, time.rtp)
      if (after === before) return this.#take({ ...arriving, before, picture })
      return this.#take({ ...arriving, before: after, picture: reader.read(frame.data, after) })
    } catch (error) {
      if (!isUnreadable(error)) throw error
      // What refers to it cannot be decoded either.
      if (chain !== undefined) this.#end(frame.ssrc, chain)
      this.#leaveOut(frame)
      this.#onLost(frame, 'Unreadable', error.message)
      return false
    }
  }

  /** One had to be left out, which is told elsewhere: from now on nothing decodes until the next key frame. */
  interrupt(frame: EncodedFrame): void {
    this.#headless.end()
    for (const [ssrc, chain] of [...this.#chains]) this.#end(ssrc, chain)
    this.#headless.leftOut(frame)
    this.#leaveOut(frame)
  }

  /** Whether the user sends pictures from now on: what is missing while they do not is not lost. */
  sends(sends: boolean, atMicros: number): void {
    this.#pausedMicros = sends ? undefined : atMicros
    for (const { gaps } of [...this.#chains.values(), ...this.#handedOver.values()]) gaps.sends(sends, atMicros)
  }

  /** What the receiver counted around a hole. */
  hole(counted: CountedHole): void {
    const chain = this.#chains.get(counted.ssrc)
    this.#subscriptionOf(counted)?.gaps.counted(counted)
    if (chain !== undefined) this.#settle(chain.unproven.counted(counted))
  }

  /** Nothing more comes: what is missing is lost. `untilMicros`: until when something of the user did. */
  end(untilMicros = Number.NEGATIVE_INFINITY): void {
    this.#headless.end()
    const until = Math.min(untilMicros, this.#otherSinceMicros)
    for (const [ssrc, chain] of [...this.#chains]) this.#end(ssrc, chain, until)
    for (const { gaps } of this.#handedOver.values()) for (const loss of gaps.end(until)) this.#onMissing(loss)
    this.#handedOver.clear()
  }

  /** The next file goes on from here: what turns out to be missing from now on, that tells. */
  handOver(): PicturesHandover {
    const headless = this.#headless.handOver()
    const begun = new Map(this.#handedOver)
    this.#handedOver.clear()
    for (const [ssrc, chain] of this.#chains) {
      begun.set(ssrc, { clock: chain.clock, gaps: chain.gaps, came: chain.came, codec: this.#codec })
      chain.gaps = new PictureGaps()
    }
    return { begun, headless }
  }

  /** What is new, and in order, since the last time; for whoever never asks for batches. */
  take(): VideoFrames | undefined {
    const batch = this.#batch()
    if (batch.pictures.length === 0) return undefined
    return { ...batch, samples: batch.pictures.flatMap((picture) => ('sample' in picture ? [picture.sample] : [])) }
  }

  /** What is new since the last time. What waits is given at once, and where it belongs is told when it is known: it is not to be lost meanwhile. */
  takeBatch(): VideoBatch | undefined {
    const batch = this.#batch()
    const waiting = [...this.#chains.values()].flatMap(({ late, unproven }) => [late, unproven])
    for (const picture of waiting.flatMap((one) => one.waiting)) {
      if (picture.waitsAs !== undefined) continue
      picture.waitsAs = this.#taken.waiting++
      add(batch, 'waits', picture)
    }
    if (batch.pictures.length === 0) return undefined
    batch.wouldFollow.push(...waiting.flatMap((one) => one.wouldFollow().map(({ waitsAs }) => waitsAs!)))
    return batch
  }

  #batch(): VideoBatch {
    const { configs, pictures } = this.#pending
    this.#pending = { configs: [], pictures: [] }
    const batch: VideoBatch = {
      ...{ configs, chunks: [], pictures: [], wouldFollow: [] },
      ...{ picturesBefore: this.#taken.inOrder, firstWaiting: this.#taken.waiting },
    }
    for (const one of pictures) {
      if (!('kind' in one)) add(batch, 'inOrder', one)
      else batch.pictures.push(one)
      if (!('kind' in one) || one.kind === 'waited') this.#taken.inOrder++
    }
    return batch
  }

  #take({ frame, clock, time, chain, before, picture, codec, cameBeforeKey }: Arriving): boolean {
    const config = picture.config === undefined ? before : this.#known(picture.config)
    const key = picture.key || (chain === undefined && picture.recoveryPoint)
    if (chain === undefined && (!key || config === undefined)) {
      if (this.#headless.hold(frame)) return false
      this.#handedOver.get(frame.ssrc)?.gaps.leftOut(time.rtp)
      this.#loseWithoutKey(frame)
      return false
    }
    if (config === undefined) throw new Error('a picture goes on where none began')
    if (picture.data.length === 0) {
      this.withoutPicture++
      return true
    }
    const { rtp } = time
    const beganAnew = chain === undefined && (this.#handedOver.get(frame.ssrc)?.codec ?? codec) !== codec
    const head = chain === undefined ? this.#headless.begin(frame) : undefined
    const { mimeType, receiveTimeMicros } = frame
    const front = head && { key: { mimeType, receiveTimeMicros }, config, first: head.first }
    const goingOn = chain ?? this.#begin(frame, { clock, firstRtp: rtp, front })
    const { changes, firstRtp, late, unproven, gaps } = goingOn
    noteCame(goingOn, rtp, frame)
    if (!key && rtp < firstRtp && picture.leads !== 'fromKey') {
      const detail = picture.leads === undefined ? 'came later than the key frame after it' : 'refers to what is in front of it'
      if (picture.leads === undefined && goingOn.front !== undefined) goingOn.front.first = firstOf(goingOn.front.first, frame)
      gaps.leftOut(rtp)
      this.#onLost(frame, 'NoKeyFrame', detail)
      return true
    }
    // One that comes late says nothing of what is behind those that overtook it.
    if (key || config !== before) {
      changes.splice(changes.findLastIndex((change) => change.rtp <= rtp) + 1, 0, { rtp, config })
      if (changes.length > rememberedChanges) changes.shift()
    }
    const isOfSize = (one: StoredVideoConfig) => config.width === one.width && config.height === one.height
    const encoderBeganAnew = beganAnew || (before !== undefined && !isOfSize(before))
    this.#config = config
    this.#codec = codec
    const { parameterSets, data, number, leads } = picture
    const { rtpTimestamp, mayFollowHole = false } = frame
    const about = { rtpTimestamp, receiveTimeMicros, key, mayFollowHole }
    for (const loss of gaps.push({ ...about, ...time, encoderBeganAnew })) this.#onMissing(loss)
    const one: ReadPicture = { ...about, ...time, frame, parameterSets, data, config, number, leads, waitsAs: undefined }
    const { taken, lost, beginsAnew } = late.push(one, cameBeforeKey)
    if (beginsAnew && codec === 'h265') one.data = asBeginning(data)
    this.#settle({ taken: [], lost })
    for (const next of taken) this.#settle(next.number === undefined ? unproven.push(next) : { taken: [next], lost: [] })
    if (head?.goesOn === false) {
      this.#end(frame.ssrc, goingOn)
      return false
    }
    for (const held of head?.followers ?? []) this.#push(held, true)
    const isOfUse = !unproven.isBroken && (taken.includes(one) || !late.isBroken)
    return isOfUse && (head === undefined || late.waiting.length === 0)
  }

  #subscriptionOf({ ssrc }: { ssrc: number }): Omit<HandedOver, 'codec'> | undefined {
    return this.#chains.get(ssrc) ?? this.#handedOver.get(ssrc)
  }

  #loseWithoutKey(frame: EncodedFrame): void {
    this.undecodable++
    this.#onLost(frame, 'NoKeyFrame', '')
  }

  /**
   * Chromium may give up the first key frame of a subscription, where its packets change places (one of it came before the parameter sets), and hand out what
   * follows it. H.264 counts its pictures from the key frame on: from nowhere else it is known that there was one. The room may have sent none of it. It is told
   * when what was sent sooner, and came later, is here.
   */
  #tellBeheaded(chain: Chain, begunByMicros: number): void {
    if (chain.front === undefined || chain.front.key.receiveTimeMicros > begunByMicros) return
    const { first, key, config } = chain.front
    chain.front = undefined
    if (first?.mimeType !== key.mimeType) return
    const number = numberOf(first, config)
    if (number?.type !== 'counted' || number.value === 0) return
    const at = { fromMicros: first.receiveTimeMicros, toMicros: first.receiveTimeMicros }
    this.#onMissing({ ...at, pictures: number.value, picturesAre: 'AtMost' })
  }

  #leaveOut(frame: EncodedFrame): void {
    const known = this.#subscriptionOf(frame)
    known?.gaps.leftOut(known.clock.place(frame).rtp)
  }

  #end(ssrc: number, chain: Chain, untilMicros?: number): void {
    const { late, unproven, gaps } = chain
    this.#tellBeheaded(chain, Number.POSITIVE_INFINITY)
    const rest = late.end()
    this.#settle({ taken: rest.taken, lost: [...rest.lost, ...unproven.end()] })
    for (const loss of gaps.end(untilMicros)) this.#onMissing(loss)
    this.#chains.delete(ssrc)
  }

  #settle({ taken, lost }: Released<ReadPicture>): void {
    for (const { frame, waitsAs } of lost) {
      if (waitsAs !== undefined) this.#pending.pictures.push({ kind: 'givenUp', number: waitsAs })
      // They came, and what they refer to never did.
      this.#onLost(frame, 'LostInNetwork', 'the picture it refers to')
    }
    for (const one of taken) {
      this.#pending.pictures.push(one.waitsAs === undefined ? one : { kind: 'waited', number: one.waitsAs })
    }
  }

  /** The same thing again has the same number. */
  #known(config: VideoConfig): StoredVideoConfig {
    if (this.#config !== undefined && isSameConfig(config, this.#config)) return this.#config
    const identity = `${config.width}x${config.height} ${Buffer.concat(config.units).toString('latin1')}`
    const known = this.#configs.get(identity)
    if (known !== undefined) return known
    const number = this.#configs.size
    if (number >= maxConfigs) throw new UnreadableError(`it is the ${maxConfigs + 1}th size or profile of one file`)
    // Frame data are views into batches that are not kept.
    const stored = { ...config, units: config.units.map((unit) => Uint8Array.from(unit)), number }
    this.#configs.set(identity, stored)
    this.#pending.configs.push(stored)
    return stored
  }

  #begin({ ssrc, receiveTimeMicros }: EncodedFrame, begins: Pick<Chain, 'clock' | 'firstRtp' | 'front'>): Chain {
    const { gaps, came = new Map() } = this.#handedOver.get(ssrc) ?? {}
    this.#handedOver.delete(ssrc)
    for (const other of [...this.#chains.values(), ...this.#handedOver.values()]) other.gaps.replaced(receiveTimeMicros)
    const chain: Chain = {
      ...{ ...begins, changes: [], came, gaps: gaps ?? new PictureGaps() },
      ...{ late: new LatePictures(), unproven: new UnprovenPictures() },
    }
    if (gaps === undefined && this.#pausedMicros !== undefined) chain.gaps.sends(false, this.#pausedMicros)
    this.#chains.set(ssrc, chain)
    return chain
  }
}

function noteCame({ came }: Chain, rtp: number, { data }: EncodedFrame): void {
  came.set(rtp, crc32(data))
  if (came.size > rememberedPictures) came.delete(came.keys().next().value!)
}

function add({ chunks, pictures }: VideoBatch, kind: 'inOrder' | 'waits', picture: ReadPicture): void {
  const { frame, key, leads, parameterSets, data, config } = picture
  if (parameterSets.length > 0) chunks.push(parameterSets)
  chunks.push(data)
  const sample = {
    bytes: parameterSets.length + data.length,
    setBytes: parameterSets.length,
    config: config.number,
    ssrc: frame.ssrc,
    rtpTimestamp: frame.rtpTimestamp,
    receiveTimeMicros: frame.receiveTimeMicros,
    key,
    leads: leads !== undefined,
  }
  pictures.push({ kind, sample })
}

const isUnreadable = (error: unknown): error is Error => error instanceof UnreadableError || error instanceof RangeError

/** As its front tells it. Undefined too of what cannot be read: that costs the picture itself, and no other. */
function numberOf({ mimeType, data }: EncodedFrame, config: StoredVideoConfig): DecodingPlace | undefined {
  try {
    return pictureReader(mimeType)!.read(data, config).number
  } catch (error) {
    if (isUnreadable(error)) return undefined
    throw error
  }
}

/** A picture that comes late is decoded by what held before the key frame that overtook it. */
const configAt = ({ changes }: Chain, at: number): StoredVideoConfig | undefined =>
  (changes.findLast(({ rtp }) => rtp <= at) ?? changes[0])?.config

/** What leads a key frame is decoded by what that brought. */
const configOfLeading = (chain: Chain, at: number): StoredVideoConfig | undefined =>
  chain.changes.find(({ rtp }) => rtp > at)?.config ?? configAt(chain, at)
