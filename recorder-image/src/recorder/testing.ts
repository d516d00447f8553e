import { join } from 'node:path'
import { type RecorderJob, recorderJobSchema } from '@trtc-recorder/api'
import { pino } from 'pino'
import type { Ledger } from '../ledger/ledger.ts'
import type { MediaFile, MediaFileDeps, MediaFileIdentity, SalvagedMediaFile } from '../media/media-file.ts'
import type { RoomEvent } from '../room/events.ts'
import type { Room, RoomHandlers, RoomOptions } from '../room/room.ts'
import type { BegunPage } from '../room/room-page.ts'
import type { RoomEnd } from '../room/supervision.ts'
import { type ReadableStore, type StoredObject, StoreError, type Upload, type UploadSource } from '../store/upload.ts'
import type { EncodedFrame } from '../tap/frame.ts'

/** A job for tests; what a test is about goes into `spec`. */
export function aJob(spec: Record<string, unknown> = {}, more: Partial<RecorderJob> = {}): RecorderJob {
  return recorderJobSchema.parse({
    recording: { namespace: 'school', name: 'maths', uid: '' },
    attempt: 1,
    ...more,
    spec: {
      sdkAppId: 1400000001,
      roomId: 101,
      userId: 'recorder',
      userSigSecretRef: { name: 'trtc' },
      mode: '02',
      cos: {
        region: 'ap-guangzhou',
        bucket: 'lessons-1250000000',
        path: '/lessons',
        credentialsSecretRef: { name: 'cos' },
        endpoint: 'http://cos.example:1',
      },
      ...spec,
    },
  })
}

export const noLog = pino({ enabled: false })

/** What a room that is none has no use for. */
export class FakePage implements BegunPage {
  discarded = false
  take = () => {
    throw new Error('A room that is none takes no page')
  }
  discard = async () => {
    this.discarded = true
  }
}

type Timeless<E> = E extends { timeMicros: number } ? Omit<E, 'timeMicros'> : never

/** A room that says what a test tells it to. */
export class FakeRoom {
  readonly subscribed: string[] = []
  closed = false
  /** Nothing more of it is taken. */
  flushed = false
  /** What the page still has when it is asked to flush. */
  inPage: EncodedFrame[] = []
  #handlers: RoomHandlers | undefined

  readonly #over = Promise.withResolvers<RoomEnd>()

  readonly open = (_options: RoomOptions, handlers: RoomHandlers): Room => {
    this.#handlers = handlers
    queueMicrotask(() => this.onOpen(this))
    const flush = async () => {
      for (const frame of this.inPage.splice(0)) handlers.onFrame(frame)
      this.flushed = true
    }
    return {
      over: this.#over.promise,
      requestKeyFrame: () => {},
      resubscribe: () => {},
      unsubscribe: ({ userId, stream, kind }) => {
        this.onAsked()
        this.subscribed.splice(this.subscribed.indexOf(`${userId} ${stream} ${kind}`), 1)
      },
      subscribe: ({ userId, stream, kind }) => {
        this.onAsked()
        this.subscribed.push(`${userId} ${stream} ${kind}`)
      },
      flush,
      lastWord: flush,
      close: async () => {
        this.closed = true
      },
    }
  }

  /** Called when something is asked for, or not any more. */
  onAsked: () => void = () => {}

  /** Called when the page is ready; a room that lets everybody in unless a test says otherwise. */
  onOpen: (room: FakeRoom) => void = (room) => room.say({ type: 'entered' })

  ends(end: RoomEnd): void {
    this.#over.resolve(end)
  }

  say(event: Timeless<RoomEvent>): void {
    this.#handlers!.onEvent({ ...event, timeMicros: Date.now() * 1000 } as RoomEvent)
  }

  /** Enters, publishes a camera, and sends one frame in a slot of its own. */
  publishes(userId: string, slot: number): void {
    this.say({ type: 'anchorEntered', userId })
    this.say({ type: 'available', userId, stream: 'main', kind: 'video', available: true })
    this.say({ type: 'bound', slot, ssrc: slot, userId, stream: 'main', kind: 'video' })
    this.sends(slot, `${userId} `)
  }

  sends(slot: number, text: string): void {
    this.frame(aFrame(slot, text))
  }

  tapFailed(report: Omit<Parameters<RoomHandlers['onTapFailed']>[0], 'type'>): void {
    this.#handlers!.onTapFailed({ type: 'tapFailed', ...report })
  }

  frame(frame: EncodedFrame): void {
    this.#handlers!.onFrame(frame)
  }
}

export const aFrame = (slot: number, text: string): EncodedFrame => ({
  slot,
  kind: 'video',
  ssrc: slot,
  key: true,
  rtpTimestamp: 0,
  sequenceNumber: null,
  receiveTimeMicros: Date.now() * 1000,
  mimeType: 'video/H264',
  data: Buffer.from(text),
})

/** Media files whose body is the text of their frames, and which a later attempt finds again. */
export class FakeMedia {
  readonly left: SalvagedMediaFile[] = []
  problem: string | undefined
  /** Until when the check of a file takes. */
  checked: Promise<void> = Promise.resolve()
  ledger: Ledger | undefined

  /** Whether what its files were given is on the volume. */
  safe: Promise<boolean> = Promise.resolve(true)

  seconds = 1
  /** What cannot be read, by a part of its name. */
  unreadable: string | undefined

  salvage(name: string): SalvagedMediaFile | undefined {
    if (this.unreadable !== undefined && name.includes(this.unreadable)) throw new Error('the index is torn')
    return this.left.find(({ identity }) => identity.name === name)
  }

  readonly open = (directory: string, identity: MediaFileIdentity, { ledger }: MediaFileDeps): MediaFile => {
    this.ledger = ledger
    let body = ''
    let endsSoon = false
    const media: MediaFile = {
      identity,
      handOver: () => ({ pictures: undefined, sound: new Map() }),
      bodyPath: join(directory, `${identity.name}.body`),
      get bodyBytes() {
        return body.length
      },
      get recordedBytes() {
        return body.length
      },
      problem: undefined,
      onGrowth: () => {},
      onBody: () => {},
      onWhole: () => {},
      takes: (frame) => !endsSoon && !Buffer.from(frame.data).toString().startsWith('next file'),
      write(frame) {
        body += Buffer.from(frame.data).toString()
        media.onGrowth(body.length)
        return true
      },
      sends: () => {},
      paused: () => {},
      release: async () => 0,
      endSoon: () => {
        endsSoon = true
      },
      hole: () => {},
      snapshot: async () => undefined,
      safe: () => this.safe,
      willFinish: () => {},
      finish: async () => {
        const whole = {
          head: { kind: 'inMemory' as const, data: Buffer.from(`${body}|`), bytes: body.length + 1 },
          bodyBytes: body.length,
        }
        media.onWhole(whole)
        await this.checked
        return {
          ...whole,
          startTime: new Date(identity.openedMicros / 1000),
          endTime: new Date(identity.openedMicros / 1000 + 1000 * this.seconds),
          ends: { video: new Date(identity.openedMicros / 1000 + 1000 * this.seconds) },
          durationSeconds: this.seconds,
          clockErrorMs: 0,
          times: [],
          video: { codec: 'avc1.42e01f', width: 640, height: 360 },
          events: [],
          check: null,
          ...(this.problem === undefined ? {} : { problem: this.problem }),
        }
      },
      discard: async () => {
        this.left.splice(this.left.indexOf(media), 1)
      },
    }
    this.left.push(media)
    return media
  }
}

/** A bucket in memory. */
export class FakeStore implements ReadableStore {
  readonly objects = new Map<string, string>()
  preflightError: StoreError | undefined
  trouble: StoreError | undefined
  /** Why uploads fail; undefined when they succeed. A promise that never settles: COS does not answer. */
  uploadError: StoreError | Promise<never> | undefined

  async preflight(): Promise<void> {
    if (this.preflightError) throw this.preflightError
  }

  async read(key: string): Promise<Buffer> {
    return Buffer.from(this.objects.get(key) ?? '')
  }

  open({ key }: UploadSource): Upload {
    return {
      onLost: () => {},
      damagedLog: undefined,
      releasable: () => undefined,
      grew: () => {},
      ended: () => {},
      uploadedBytes: 0,
      giveUp: async () => {},
      finish: async (head) => {
        if (this.uploadError instanceof StoreError) throw this.uploadError
        await this.uploadError
        return this.put(key, head)
      },
    }
  }

  async put(key: string, body: Uint8Array): Promise<StoredObject> {
    const text = Buffer.from(body).toString()
    this.objects.set(key, text)
    return { url: `http://cos/${key}`, bytes: text.length, crc64: '1' }
  }
}
