/**
 * Takes every encoded frame between the network and the decoder, and carries it to Node together with what the page reports.
 * Runs in a dedicated worker, so the page's main thread never sees media.
 */
import { DecoderDelay } from '../../tap/decoder-delay.ts'
import { Drops } from '../../tap/drops.ts'
import { comesAsComplete, HoleWatch } from '../../tap/hole-watch.ts'
import { KeyFrameRequests } from '../../tap/key-frame-requests.ts'
import { TapFailures } from '../../tap/tap-failures.ts'
import { BatchWriter } from '../../tap/wire.ts'
import type { PageCommand, PageReport } from '../protocol.ts'
import type { TapOptions, ToPage, ToWorker } from './messages.ts'
import { standInPicture } from './stand-in.ts'

/**
 * Few large messages cost a fraction of many small ones. With what the recorder waits before it writes, a frame is on the volume 0.75 s after it
 * arrived; a second is what may be lost. Where somebody listens meanwhile, `enter` says less.
 */
let batchMillis = 500
/** How much may wait for Node. Beyond it video waits for the next key frame; audio is given up at twice as much. */
const maxWaitingBytes = 16 * 1024 * 1024

/**
 * What was received until now the taps have been handed by then, unless it waits for a repair: each frame passes through several threads. Measured on two cores, an
 * answer at once overtook a frame of 1 to 9 ms before it in 7 of 40 cases.
 */
const handedOutMillis = 200

/** While pictures stay away it is looked so often whether anything of them comes at all. */
const silenceEachMillis = 400

/** Members of the frame metadata that lib.dom does not know yet. */
interface Metadata {
  rtpTimestamp?: number
  /** Of sound only. */
  sequenceNumber?: number
  /** Milliseconds since the worker's time origin. */
  receiveTime?: number
  mimeType?: string
  synchronizationSource?: number
  width?: number
  height?: number
}
interface Frame {
  data: ArrayBuffer
  timestamp: number
  type?: 'key' | 'delta' | 'empty'
  getMetadata(): Metadata
}
interface Transformer {
  readable: ReadableStream<Frame>
  writable: WritableStream<Frame>
  options: TapOptions
  sendKeyFrameRequest(): Promise<void>
}

const scope = globalThis as unknown as {
  onrtctransform: (event: { transformer: Transformer }) => void
  onmessage: (event: MessageEvent<ToWorker>) => void
  postMessage(message: ToPage): void
}
const batch = new BatchWriter()
/** What flows of one camera or screen. */
interface VideoTap {
  transformer: Transformer
  writer: WritableStreamDefaultWriter<Frame>
  keyFrames: KeyFrameRequests
  delay: DecoderDelay<Frame>
  holes: HoleWatch
  /** The picture that came last. */
  last: { ssrc: number; rtpTimestamp: number; millis: number; toldMillis: number } | undefined
}
const videoTaps = new Set<VideoTap>()
/** What was thrown away in each slot. */
const dropsOf = new Map<number, Drops>()
/** What failed in each slot. */
const failuresOf = new Map<number, { kind: TapOptions['kind']; failures: TapFailures }>()
let socket: WebSocket | undefined
let timer: ReturnType<typeof setTimeout> | undefined

scope.onmessage = ({ data }) => {
  if (data.type === 'connect') connect(data.url)
  else if (data.type === 'tellEnds') tellEnds()
  else {
    report(data.report)
    flush()
  }
}

scope.onrtctransform = ({ transformer }) => {
  let ssrc = 0
  tap(transformer, (of) => {
    ssrc = of
  }).catch((error) =>
    report({ type: 'tapFailed', ...transformer.options, ssrc, frames: 0, bytes: 0, ended: true, message: String(error) }),
  )
}

function connect(url: string): void {
  socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => scope.postMessage({ type: 'connected' })
  socket.onmessage = (message) => {
    const command = JSON.parse(message.data) as PageCommand
    if (command.type === 'clock') {
      report({ type: 'clock', pageMicros: Math.round((performance.timeOrigin + performance.now()) * 1000) })
      flush()
    } else if (command.type === 'flush') {
      flush()
      setTimeout(() => {
        tellDrops()
        report({ type: 'flushed', id: command.id })
        flush()
      }, handedOutMillis)
    } else if (command.type === 'lastWord') {
      flush()
      tellEnds()
      scope.postMessage({ type: 'command', command })
    } else if (command.type === 'requestKeyFrame') {
      for (const tap of videoTaps) if (tap.transformer.options.slot === command.slot) tap.keyFrames.need()
      flush()
    } else {
      if (command.type === 'enter') batchMillis = command.batchMillis ?? batchMillis
      scope.postMessage({ type: 'command', command })
    }
  }
}

async function tap(transformer: Transformer, onSsrc: (ssrc: number) => void): Promise<void> {
  const { slot, kind } = transformer.options
  const reader = transformer.readable.getReader()
  const writer = transformer.writable.getWriter()
  const video: VideoTap | undefined =
    kind === 'video'
      ? {
          ...{ transformer, writer, keyFrames: new KeyFrameRequests(), delay: new DecoderDelay<Frame>() },
          ...{ holes: new HoleWatch(), last: undefined },
        }
      : undefined
  if (video) videoTaps.add(video)
  let ssrc: number | undefined
  const drops = dropsOf.get(slot) ?? new Drops()
  dropsOf.set(slot, drops)
  const { failures } = failuresOf.get(slot) ?? { failures: new TapFailures() }
  failuresOf.set(slot, { kind, failures })
  let isTaken = false
  function tapped(frame: Frame): void {
    isTaken = false
    const metadata = frame.getMetadata()
    if (metadata.synchronizationSource !== undefined && metadata.synchronizationSource !== ssrc) {
      ssrc = metadata.synchronizationSource
      onSsrc(ssrc)
      if (video) video.holes = new HoleWatch()
      scope.postMessage({ type: 'newSubscription', slot, kind, ssrc })
    }
    const lastMillis = video?.last?.millis ?? performance.now()
    const hole = video === undefined || frame.data.byteLength === 0 ? 0 : holeBefore(video, frame, metadata)
    isTaken = take(frame, metadata, transformer.options, { ssrc: ssrc ?? 0, mayFollowHole: hole > 0 }, drops)
    // Audio goes no further; nobody listens.
    if (video === undefined) return
    video.keyFrames.frameArrived(performance.now(), frame.type === 'key')
    if (frame.data.byteLength > 0) {
      const toldMillis = Number.NEGATIVE_INFINITY
      video.last = { ssrc: ssrc ?? 0, rtpTimestamp: rtpOf(frame, metadata), millis: performance.now(), toldMillis }
    }
    if (!isTaken) video.keyFrames.need()
    if (hole > 0) {
      // The picture behind the hole may have come late itself.
      const millis = Math.max(hole / 90, performance.now() - lastMillis)
      scope.postMessage({ type: 'hole', slot, ssrc: ssrc ?? 0, rtpTimestamp: rtpOf(frame, metadata), millis })
    }
    passOn(video, frame, ssrc ?? 0, metadata.mimeType)
  }
  try {
    for (;;) {
      const { value: frame, done } = await reader.read()
      if (done) return
      try {
        tapped(frame)
      } catch (error) {
        // One frame that cannot be taken is no reason to take none of those after it.
        const lost = isTaken ? { frames: 0, bytes: 0 } : { frames: 1, bytes: frame.data.byteLength }
        failures.add({ ssrc: ssrc ?? 0, ...lost }, error)
        if (!isTaken) video?.keyFrames.need()
        schedule()
      }
    }
  } finally {
    if (video) videoTaps.delete(video)
  }
}

const rtpOf = (frame: Frame, { rtpTimestamp }: Metadata) => (rtpTimestamp ?? frame.timestamp) >>> 0

const receiveTimeMicros = ({ receiveTime }: Metadata) =>
  Math.round((performance.timeOrigin + (receiveTime ?? performance.now())) * 1000)

/** In ticks; 0 where there is none. */
function holeBefore({ holes }: VideoTap, frame: Frame, metadata: Metadata): number {
  const picture = { rtpTimestamp: rtpOf(frame, metadata), receiveTimeMicros: receiveTimeMicros(metadata) }
  return holes.before(picture, frame.type === 'key' || comesAsComplete(metadata.mimeType ?? ''))
}

function passOn({ writer, delay }: VideoTap, frame: Frame, ssrc: number, mimeType: string | undefined): void {
  const standIn = frame.data.byteLength > 0 ? standInPicture(mimeType) : undefined
  if (standIn !== undefined) {
    const taken = frame.data
    frame.data = standIn
    // Its memory is given back now. Left to the collector, pictures of ten anchors held 75 MB of Chromium's 341 at any time.
    taken.transfer(0)
  }
  for (const next of delay.push(frame, { ssrc, key: frame.type === 'key' }, performance.now())) writer.write(next).catch(() => {})
  schedule()
}

function take(
  frame: Frame,
  metadata: Metadata,
  options: TapOptions,
  { ssrc, mayFollowHole }: { ssrc: number; mayFollowHole: boolean },
  drops: Drops,
): boolean {
  const { slot, kind } = options
  // Padding that a sender probes its bandwidth with arrives as a frame without content.
  if (frame.data.byteLength === 0) return true
  const key = kind === 'audio' || frame.type === 'key'
  const waiting = (socket?.bufferedAmount ?? 0) + batch.byteLength
  const limit = kind === 'audio' ? 2 * maxWaitingBytes : maxWaitingBytes
  // What is told of it goes with the batch that follows.
  schedule()
  if (!drops.takes({ key, ssrc, bytes: frame.data.byteLength }, waiting <= limit)) return false
  const hasSize = kind === 'video' && key && metadata.width !== undefined && metadata.height !== undefined
  batch.frame(
    {
      slot,
      kind,
      ssrc,
      key,
      rtpTimestamp: rtpOf(frame, metadata),
      sequenceNumber: metadata.sequenceNumber ?? null,
      receiveTimeMicros: receiveTimeMicros(metadata),
      mimeType: metadata.mimeType ?? (kind === 'audio' ? 'audio/opus' : 'video/H264'),
      ...(hasSize ? { width: metadata.width!, height: metadata.height! } : {}),
      ...(mayFollowHole ? { mayFollowHole } : {}),
    },
    frame.data,
  )
  return true
}

function tellDrops(): void {
  for (const [slot, drops] of dropsOf)
    for (const { ssrc, frames, bytes } of drops.tell())
      batch.report({ type: 'overflow', slot, ssrc, droppedFrames: frames, droppedBytes: bytes } satisfies PageReport)
  for (const [slot, { kind, failures }] of failuresOf)
    for (const failure of failures.tell())
      batch.report({ type: 'tapFailed', slot, kind, ...failure, ended: false } satisfies PageReport)
}

function report(report: PageReport): void {
  batch.report(report)
  schedule()
}

/** One timer while there is something to send or to watch; an idle one would cost more than the sending. */
function schedule(): void {
  timer ??= setTimeout(flush, batchMillis)
}

function flush(): void {
  clearTimeout(timer)
  timer = undefined
  tellDrops()
  if (socket?.readyState === WebSocket.OPEN && batch.byteLength > 0) socket.send(batch.take())
  else if (batch.byteLength > 0) schedule()
  const now = performance.now()
  for (const tap of videoTaps) {
    const { transformer, writer, keyFrames, delay } = tap
    for (const frame of delay.due(now)) writer.write(frame).catch(() => {})
    if (keyFrames.isDue(now)) {
      transformer.sendKeyFrameRequest().catch(() => {})
      tellSilence(tap, now)
    } else if (keyFrames.isWatching) tellSilence(tap, now)
    if (delay.isHolding || keyFrames.isWatching) schedule()
  }
}

/** Whatever the stream ends with: what is missing behind its last picture nothing else would tell of. */
function tellSilence(tap: VideoTap, now: number): void {
  const { keyFrames, last } = tap
  if (last !== undefined && keyFrames.isInGap && now - last.toldMillis >= silenceEachMillis) tellEnd(tap, now)
}

/** Pictures behind a hole are here and held back: none of them may be handed out any more. */
function tellEnds(): void {
  const now = performance.now()
  for (const tap of videoTaps) tellEnd(tap, now)
}

function tellEnd({ transformer, last }: VideoTap, now: number): void {
  if (last === undefined) return
  last.toldMillis = now
  const { ssrc, rtpTimestamp, millis } = last
  scope.postMessage({ type: 'silence', slot: transformer.options.slot, ssrc, rtpTimestamp, millis: now - millis })
}
