/**
 * In place of Chromium and the room page: answers the debugger's pipe (descriptors 3 and 4), connects to the tap and sends one anchor's media.
 * Its clock is that of the media, so that an hour has passed when an hour was sent.
 */
import { createReadStream, createWriteStream, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'
import type { PageEvent } from '../../recorder-image/src/room/events.ts'
import type { PageCommand, PageReport } from '../../recorder-image/src/room/protocol.ts'
import { BatchWriter } from '../../recorder-image/src/tap/wire.ts'
import type { Replay } from './script.ts'

const replay: Replay = JSON.parse(process.argv[2]!)
const clip: { pictures: { data: string; key: boolean }[]; packets: { data: string }[] } = JSON.parse(
  readFileSync(replay.clip, 'utf8'),
)
const pictures = clip.pictures.map(({ data, key }) => ({ data: Buffer.from(data, 'base64'), key }))
const packets = clip.packets.map(({ data }) => Buffer.from(data, 'base64'))
const userId = 'anchor1'
const stream = 'main'
const slots = { audio: 0, video: 1 } as const
const framesPerSecond = 30
const packetsPerSecond = 50
const batchMillis = 500
/**
 * How much faster than a clock the beginning goes: slower than sound is encoded, two at once on two slow processors. An encoder that is ten minutes behind
 * counts as dead, and what it left would be encoded after the stop, as no recording at the pace of a clock has it: `stopToStored` refuses such a run.
 */
const speed = 25
/** What may wait for the recorder: it reads when it has dealt with what it has. */
const mostWaitingBytes = 4 * 1024 * 1024

const startedMicros = Date.now() * 1000 - replay.recordedSeconds * 1e6
/** Of media that were sent. */
let sentMillis = 0
const nowMicros = () => Math.round(startedMicros + sentMillis * 1000)
/** The next of each. */
let picture = 0
let packet = 0
const batch = new BatchWriter()
const asked = new Set<string>()
let socket: WebSocket
let url = ''

/** The debugger's pipe: what Chromium is told, each answered with what the recorder waits for. */
let rest = ''
createReadStream('', { fd: 3 }).on('data', (chunk) => {
  const messages = (rest + String(chunk)).split('\0')
  rest = messages.pop() ?? ''
  for (const message of messages) answer(JSON.parse(message))
})
const out = createWriteStream('', { fd: 4 })

function answer({ id, method, params }: { id: number; method: string; params: Record<string, string> }): void {
  if (method === 'Page.navigate') url = params.url!
  const path = /"(\/tap\/[^"]+)"/.exec(params.expression ?? '')?.[1]
  if (path !== undefined) connect(path)
  const result = { targetId: 'page', sessionId: 'page', result: {} }
  out.write(`${JSON.stringify({ id, result })}\0`)
}

function connect(path: string): void {
  socket = new WebSocket(new URL(path, url.replace('http', 'ws')))
  socket.on('open', () => report({ type: 'ready' }))
  socket.on('message', (text) => obey(JSON.parse(String(text))))
  socket.on('close', () => process.exit(0))
  setInterval(() => report({ type: 'alive' }), 500)
}

function obey(command: PageCommand): void {
  switch (command.type) {
    case 'enter':
      event({ type: 'entered' })
      event({ type: 'anchorEntered', userId })
      event({ type: 'published', userId, stream, published: true })
      event({ type: 'available', userId, stream, kind: 'audio', available: true })
      event({ type: 'available', userId, stream, kind: 'video', available: true })
      return
    case 'subscribe':
      asked.add(command.kind)
      event({ type: 'bound', slot: slots[command.kind], ssrc: slots[command.kind] + 1, kind: command.kind, userId, stream })
      if (asked.size === 2) void send()
      return
    case 'flush':
    case 'lastWord':
      report({ type: 'flushed', id: command.id })
      return
    case 'leave':
      report({ type: 'left' })
      return
    case 'clock':
      report({ type: 'clock', pageMicros: nowMicros() })
      return
    case 'look':
      report({ type: 'path', packets: packet, responses: 0 })
      return
    case 'resubscribe':
    case 'rebuildMedia':
      throw new Error(`The recorder found the replay wanting: ${command.type}`)
    // A key frame comes each second.
    case 'requestKeyFrame':
    case 'unsubscribe':
      return
    default:
      command satisfies never
  }
}

type WithoutTime<E> = E extends { timeMicros: number } ? Omit<E, 'timeMicros'> : never
const event = (event: WithoutTime<PageEvent>) =>
  report({ type: 'room', event: { ...event, timeMicros: nowMicros() } as PageEvent })

function report(report: PageReport): void {
  batch.report(report)
  flush()
}

function flush(): void {
  if (socket.readyState === WebSocket.OPEN && batch.byteLength > 0) socket.send(Buffer.from(batch.take()))
}

/** Half a second of media at a time, first quickly, then as a clock goes. */
async function send(): Promise<void> {
  const fastMillis = replay.recordedSeconds * 1000
  const started = performance.now()
  for (;;) {
    const isFast = sentMillis < fastMillis
    const dueAt = isFast ? sentMillis / speed : fastMillis / speed + (sentMillis - fastMillis)
    await sleep(Math.max(0, dueAt - (performance.now() - started)))
    while (socket.bufferedAmount > mostWaitingBytes) await sleep(2)
    const end = sentMillis + batchMillis
    // In the order they would have come.
    for (; (packet * 1000) / packetsPerSecond < end; packet++) {
      const millis = (packet * 1000) / packetsPerSecond
      for (; (picture * 1000) / framesPerSecond <= millis; picture++) {
        const { data, key } = pictures[picture % pictures.length]!
        frame('video', key, picture, framesPerSecond, data)
      }
      frame('audio', true, packet, packetsPerSecond, packets[packet % packets.length]!)
    }
    sentMillis = end
    flush()
    if (isFast && sentMillis >= fastMillis) writeFileSync(replay.marker, '')
  }
}

/** The n-th of so many a second. */
function frame(kind: 'audio' | 'video', key: boolean, n: number, perSecond: number, data: Uint8Array): void {
  const isVideo = kind === 'video'
  batch.frame(
    {
      slot: slots[kind],
      ssrc: slots[kind] + 1,
      kind,
      key,
      rtpTimestamp: (n * ((isVideo ? 90_000 : 48_000) / perSecond)) >>> 0,
      sequenceNumber: isVideo ? null : n & 0xffff,
      receiveTimeMicros: Math.round(startedMicros + (n * 1e6) / perSecond),
      mimeType: isVideo ? 'video/H264' : 'audio/opus',
      ...(isVideo && key ? { width: 1280, height: 720 } : {}),
    },
    data,
  )
}
