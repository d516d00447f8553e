import { limitsSchema, subscribeSchema } from '@trtc-recorder/api'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Ledger, type NoticedLoss } from '../ledger/ledger.ts'
import type { Handover } from '../media/media-file.ts'
import { SoundSeam } from '../media/sound-seam.ts'
import { belongsInFile } from '../media/split.ts'
import { VideoTrack } from '../media/video-track.ts'
import type { RoomEvent } from '../room/events.ts'
import { RepairHistory } from '../room/page/repair-counts.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { comesAsComplete, HoleWatch } from '../tap/hole-watch.ts'
import { KeyFrameRequests } from '../tap/key-frame-requests.ts'
import { AudioAxis } from '../timeline/audio-axis.ts'
import { Endings } from './endings.ts'
import { type SessionAction, Sessions } from './sessions.ts'
import { countsOf, type Loss, type Performance, type Plan, perform, type SentPicture } from './testing/simulated-sender.ts'

/**
 * A user who does at random what users, their encoders and their networks do: what is in the files and what is in the ledger amount to what was sent. Where the
 * ledger says `AtMost`, there are no more. Chromium, the page and the room are played; all that decides is the recorder's own.
 */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const epochMicros = 1_700_000_000_000_000
const stepMillis = 20
const silenceEachMillis = 400
/** After somebody stopped, just before their receivers go. */
const tellEndsAfterMillis = 950
const microsOf = (millis: number) => epochMicros + Math.round(millis * 1000)

interface SimulatedFile {
  openedMicros: number
  video: VideoTrack
  seam: SoundSeam
  audio: AudioAxis
}

class Recorder {
  readonly ledger = new Ledger()
  readonly inFiles = new Set<string>()
  soundInFiles = 0
  #nowMicros = 0
  readonly #sessions: Sessions
  readonly #endings = new Endings()
  readonly #files = new Map<number, SimulatedFile>()

  constructor(reconnectWindowSeconds: number) {
    const limits = limitsSchema.parse({ reconnectWindowSeconds })
    this.#sessions = new Sessions({ mode: '02', subscribe: subscribeSchema.parse({}), limits })
  }

  act(actions: SessionAction[]): void {
    for (const action of actions) this.#do(action)
  }

  event(event: RoomEvent): void {
    this.act(this.#sessions.event(event))
  }

  frame(frame: EncodedFrame): void {
    this.act(this.#sessions.frame(frame))
  }

  hole(counted: Parameters<VideoTrack['hole']>[0] & { slot: number }): void {
    const publication = this.#sessions.publicationOf(counted)
    if (publication !== undefined) this.#files.get(publication.id)?.video.hole(counted)
  }

  tick(nowMicros: number): void {
    this.#nowMicros = nowMicros
    this.act(this.#sessions.tick(nowMicros))
  }

  end(nowMicros: number): void {
    this.#nowMicros = nowMicros
    this.act(this.#sessions.closeAll())
  }

  #do(action: SessionAction): void {
    switch (action.type) {
      case 'open':
        this.#files.set(action.publication.id, this.#open(action.openedMicros))
        return
      case 'write': {
        const { publication, frame } = action
        this.#lose(this.#endings.arrived(publication, frame))
        let file = this.#files.get(publication.id)!
        if (!belongsInFile(frame, file.openedMicros, file.video.codec)) {
          const before = file
          file = this.#open(frame.receiveTimeMicros, { pictures: before.video.handOver(), sound: before.seam.latest })
          this.#files.set(publication.id, file)
          this.#close(before)
        }
        if (frame.kind === 'video') {
          file.video.push(frame)
          this.#takePictures(file)
        } else if (file.seam.push(frame)) file.audio.push({ ...frame, samples: 960 })
        return
      }
      case 'sends':
        this.#endings.sends(action.publication, action.kind, action.sends, action.timeMicros)
        if (action.kind === 'video') this.#files.get(action.publication.id)?.video.sends(action.sends, action.timeMicros)
        return
      case 'close':
        this.#lose(this.#endings.ended(action.publication, this.#nowMicros))
        this.#close(this.#files.get(action.publication.id)!)
        this.#files.delete(action.publication.id)
        return
      case 'lost':
        this.ledger.add(action.loss)
    }
  }

  #lose(losses: NoticedLoss[]): void {
    for (const loss of losses) this.ledger.add(loss)
  }

  #open(openedMicros: number, before?: Handover): SimulatedFile {
    const of = { userId: 'alice', stream: 'main', file: 'a', detail: '' } as const
    const video = new VideoTrack(
      ({ receiveTimeMicros: at }, reason) =>
        this.ledger.add({ ...of, medium: 'video', fromMicros: at, toMicros: at, frames: 1, bytes: null, reason }),
      ({ pictures, picturesAre, ...times }) => {
        const frames: Pick<NoticedLoss, 'frames' | 'framesAre'> = {
          frames: pictures,
          ...(picturesAre && { framesAre: picturesAre }),
        }
        this.ledger.add({ ...of, medium: 'video', ...times, ...frames, bytes: null, reason: 'LostInNetwork' })
      },
      before?.pictures,
    )
    return { openedMicros, video, seam: new SoundSeam(before?.sound), audio: new AudioAxis() }
  }

  #takePictures({ video }: SimulatedFile): void {
    for (const { ssrc, rtpTimestamp } of video.take()?.samples ?? []) this.inFiles.add(`${ssrc} ${rtpTimestamp}`)
  }

  #close(file: SimulatedFile): void {
    file.audio.end()
    this.soundInFiles += file.audio.packets.laid
    const seams = file.seam
      .take(Number.POSITIVE_INFINITY)
      .map((loss) => ({ ...loss, reason: 'LostInNetwork' as const, bytes: null }))
    for (const { packets, reason, fromMicros, toMicros, bytes } of [...file.audio.takeLosses(true), ...seams]) {
      const of = { userId: 'alice', stream: 'main', file: 'a', detail: '' } as const
      this.ledger.add({ ...of, medium: 'audio', fromMicros, toMicros, frames: packets, bytes, reason })
    }
    file.video.end(Number.NEGATIVE_INFINITY)
    this.#takePictures(file)
  }
}

const startCode = Buffer.from([0, 0, 0, 1])
const units = (...all: Uint8Array[]) => Buffer.concat(all.flatMap((unit) => [startCode, unit]))

/** Exp-Golomb and plain bits, as in an SPS (H.264, 7.3.2.1). */
function bits(...fields: ([number, number] | number)[]): Buffer {
  const ue = (value: number) => {
    const binary = (value + 1).toString(2)
    return '0'.repeat(binary.length - 1) + binary
  }
  const text = fields
    .map((field) => (typeof field === 'number' ? ue(field) : field[0].toString(2).padStart(field[1], '0')))
    .join('')
  const padded = `${text}1`.padEnd(Math.ceil((text.length + 1) / 8) * 8, '0')
  return Buffer.from(padded.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)))
}
const sps = (width: number) =>
  Buffer.concat([
    Buffer.from([0x67, 0x42, 0xc0, 10]),
    bits(0, 0, 2, 1, [0, 1], width / 16 - 1, 0, [1, 1], [1, 1], [0, 1], [0, 1]),
  ])
const pps = Buffer.from('68ce3c80', 'hex')
const slice = (nal: number, number: number) => Buffer.from([nal, 0xe1 | ((number % 16) << 1), 0x80, 0x80])

function dataOf({ codec, key, width, number }: SentPicture): Buffer {
  if (codec === 'video/H264') return key ? units(sps(width), pps, slice(0x65, 0)) : units(slice(0x41, number))
  return key ? Buffer.from([0x10, 2, 0, 0x9d, 1, 0x2a, width, 0, 16, 0, 0, 0]) : Buffer.from('310100', 'hex')
}

interface Watch {
  holes: HoleWatch
  keyFrames: KeyFrameRequests
  last: SentPicture
  lastMillis: number
  toldMillis: number
}

/** The page: what it taps, and what it asks the receiver. */
async function record(
  { pictures, sound, said, countedAnew, untilMillis }: Performance,
  reconnectWindowSeconds: number,
): Promise<Recorder> {
  const recorder = new Recorder(reconnectWindowSeconds)
  const beganMillis = performance.now()
  const now = () => performance.now() - beganMillis
  const packetsOf = new Map(
    [...Map.groupBy(pictures, ({ ssrc }) => ssrc)].map(([ssrc, of]) => [ssrc, of.flatMap(({ packets }) => packets)]),
  )
  const repairs = new RepairHistory(async () => {
    const counts = new Map<number, ReturnType<typeof countsOf>>()
    for (const [ssrc, packets] of packetsOf) {
      const since = countedAnew.get(ssrc)?.findLast((millis) => millis <= now()) ?? Number.NEGATIVE_INFINITY
      const count = countsOf(packets, now(), since)
      if (count.received > 0) counts.set(ssrc, count)
    }
    return counts
  })
  repairs.start()
  const watches = new Map<number, Watch>()
  const tapped = [
    ...pictures.map((picture) => ({ atMillis: picture.handedOutMillis, run: () => take(picture) })),
    ...sound.map(({ ssrc, rtpTimestamp, sequence, arrivalMillis: atMillis }) => ({
      atMillis,
      run: () =>
        recorder.frame({
          ...{ slot: 1, kind: 'audio', ssrc, key: true, rtpTimestamp, sequenceNumber: sequence & 0xffff },
          ...{ receiveTimeMicros: microsOf(atMillis), mimeType: 'audio/opus', data: new Uint8Array(3) },
        }),
    })),
    ...said.map(({ atMillis, ...event }) => {
      const about = { userId: 'alice', stream: 'main', slot: event.type === 'bound' && event.kind === 'audio' ? 1 : 2 }
      return { atMillis, run: () => recorder.event({ ...about, ...event, timeMicros: microsOf(atMillis) } as RoomEvent) }
    }),
    ...said
      .filter((event) => event.type === 'available' && event.kind === 'video' && !event.available)
      .map(({ atMillis }) => ({ atMillis: atMillis + tellEndsAfterMillis, run: tellEnds })),
  ]
    .filter(({ atMillis }) => atMillis < untilMillis)
    .sort((a, b) => a.atMillis - b.atMillis)

  function take(picture: SentPicture): void {
    const { ssrc, rtpTimestamp, key, codec: mimeType, handedOutMillis } = picture
    const fresh = { holes: new HoleWatch(), keyFrames: new KeyFrameRequests(), last: picture, lastMillis: 0, toldMillis: 0 }
    const watch = watches.get(ssrc) ?? fresh
    const sinceLast = handedOutMillis - (watch.lastMillis || handedOutMillis)
    watches.set(ssrc, watch)
    const receiveTimeMicros = microsOf(handedOutMillis)
    const hole = watch.holes.before({ rtpTimestamp, receiveTimeMicros }, key || comesAsComplete(mimeType))
    watch.keyFrames.frameArrived(handedOutMillis, key)
    Object.assign(watch, { last: picture, lastMillis: handedOutMillis, toldMillis: Number.NEGATIVE_INFINITY })
    recorder.frame({
      ...{ slot: 2, kind: 'video', ssrc, key, rtpTimestamp, sequenceNumber: null, receiveTimeMicros, mimeType },
      ...{ data: dataOf(picture), ...(hole > 0 ? { mayFollowHole: true } : {}) },
    })
    if (hole > 0)
      repairs.since(ssrc, Math.max(hole / 90, sinceLast) + 500).then(
        (repair) => recorder.hole({ slot: 2, ssrc, rtpTimestamp, ...repair }),
        () => {},
      )
  }

  function tellEnd(watch: Watch): void {
    watch.toldMillis = now()
    const { ssrc, rtpTimestamp } = watch.last
    repairs
      .untilNow(ssrc, now() - watch.lastMillis + 500)
      .then(({ lost, quietMillis }) =>
        recorder.hole({ slot: 2, ssrc, rtpTimestamp, lost, openMicros: microsOf(now()), quietMicros: quietMillis * 1000 }),
      )
      .catch(() => {})
  }
  function tellEnds(): void {
    for (const watch of watches.values()) tellEnd(watch)
  }

  let next = 0
  while (now() < untilMillis) {
    for (; next < tapped.length && tapped[next]!.atMillis <= now(); next++) tapped[next]!.run()
    for (const watch of watches.values()) {
      const { keyFrames, toldMillis } = watch
      const isDue = keyFrames.isDue(now())
      if (keyFrames.isInGap && (isDue || keyFrames.isWatching) && now() - toldMillis >= silenceEachMillis) tellEnd(watch)
    }
    recorder.tick(microsOf(now()))
    await vi.advanceTimersByTimeAsync(stepMillis)
  }
  for (; next < tapped.length; next++) tapped[next]!.run()
  tellEnds()
  await repairs.end()
  recorder.end(microsOf(now()))
  return recorder
}

const millis = (min: number, max: number) => fc.integer({ min, max })
const act = fc.oneof(
  fc.record({ type: fc.constant('nothing' as const) }),
  fc.record({ type: fc.constant('cameraRests' as const), forMillis: millis(1200, 4000) }),
  fc.record({ type: fc.constant('muteVideo' as const), forMillis: millis(300, 3000) }),
  fc.record({ type: fc.constant('size' as const), restMillis: millis(0, 1500) }),
  fc.record({ type: fc.constant('codec' as const), restMillis: millis(0, 1500) }),
  fc.record({ type: fc.constant('leave' as const), forMillis: millis(40, 3000) }),
  fc.record({ type: fc.constant('republish' as const), forMillis: millis(40, 1000) }),
  fc.record({ type: fc.constant('reconnect' as const), forMillis: millis(200, 1500) }),
  fc.record({ type: fc.constant('clockJumps' as const), seconds: fc.constantFrom(3600, -3600, 20) }),
  fc.record({ type: fc.constant('countersBeginAgain' as const) }),
)
const loss: fc.Arbitrary<Loss> = fc.record({
  fromMillis: millis(2000, 30_000),
  forMillis: millis(100, 2500),
  percent: fc.constantFrom(2, 5, 20, 60, 100),
  repairMillis: fc.constantFrom(undefined, undefined, 60, 300, 1500),
})
const plan: fc.Arbitrary<Plan> = fc.record({
  seed: fc.nat(),
  firstCodec: fc.constantFrom('video/H264' as const, 'video/VP8' as const),
  acts: fc.array(fc.record({ afterMillis: millis(200, 5000), act }), { maxLength: 6 }),
  losses: fc.array(loss, { maxLength: 4 }),
})

/** What of the ledger is of one medium: how many are surely missing, and how many more may be. */
function toldOf({ losses }: Ledger, medium: 'audio' | 'video') {
  const of = losses.filter((loss) => loss.medium === medium)
  const sum = (isAtMost: boolean) =>
    of.filter(({ framesAre }) => (framesAre === 'AtMost') === isAtMost).reduce((frames, loss) => frames + (loss.frames ?? 0), 0)
  return { exactly: sum(false), atMost: sum(true) }
}

test(`what is in the files and in the ledger is what was sent (seed ${process.env.SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(plan, fc.constantFrom(0, 0, 3), async (plan, reconnectWindowSeconds) => {
      const performance = perform(plan)
      const { ledger, inFiles, soundInFiles } = await record(performance, reconnectWindowSeconds)
      const pictures = toldOf(ledger, 'video')
      const missing = performance.pictures.filter(({ ssrc, rtpTimestamp }) => !inFiles.has(`${ssrc} ${rtpTimestamp}`)).length
      expect({ ...pictures, missing, isNoMore: missing >= pictures.exactly }).toMatchObject({ isNoMore: true })
      expect({ ...pictures, missing, isNoLess: missing <= pictures.exactly + pictures.atMost }).toMatchObject({
        isNoLess: true,
      })
      const sound = toldOf(ledger, 'audio')
      const missingSound = performance.sound.length - soundInFiles
      expect({ ...sound, missingSound, isNoMore: missingSound >= sound.exactly }).toMatchObject({ isNoMore: true })
      expect({ ...sound, missingSound, isNoLess: missingSound <= sound.exactly + sound.atMost }).toMatchObject({
        isNoLess: true,
      })
    }),
    { numRuns: 60 },
  )
}, 120_000)
