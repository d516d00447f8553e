/**
 * What a Chromium looks like to the recorder, without one: `node browser.ts ALIVE_MILLIS HANGS_AT LIVES`. Answers on the debugging pipe, connects to the tap as the
 * page's worker does, says `alive` for so long, and sends frames for as long as it runs. What it hangs at it never does; with `-` it does all of it.
 * When it says `alive` it makes the file LIVES.
 */
import { createReadStream, createWriteStream, writeFileSync } from 'node:fs'
import { WebSocket } from 'ws'
import { BatchWriter } from '../../tap/wire.ts'
import type { PageCommand, PageReport } from '../protocol.ts'

const aliveMillis = Number(process.argv[2])
const hangsAt = process.argv[3]!
const lives = process.argv[4]!
const out = createWriteStream('', { fd: 4 })
let origin = ''
let rest = ''
createReadStream('', { fd: 3, encoding: 'utf8' })
  .on('data', (text) => {
    const messages = (rest + text).split('\0')
    rest = messages.pop()!
    for (const message of messages) answer(JSON.parse(message))
  })
  .on('end', () => process.exit())

function answer({ id, method, params }: { id: number; method: string; params: { url?: string; expression?: string } }): void {
  if (method === hangsAt) return
  if (method === 'Page.navigate') origin = params.url!
  if (method === 'Runtime.evaluate') connect(/\/tap\/[\w-]+/.exec(params.expression!)![0])
  out.write(`${JSON.stringify({ id, result: { targetId: 'target', sessionId: 'session' } })}\0`)
}

function connect(tapPath: string): void {
  const socket = new WebSocket(new URL(tapPath, origin.replace('http', 'ws')))
  const batch = new BatchWriter()
  const report = (report: PageReport) => {
    batch.report(report)
    socket.send(batch.take())
  }
  socket.on('open', () => {
    if (hangsAt === 'ready') return
    report({ type: 'ready' })
    const alive = setInterval(() => {
      report({ type: 'alive' })
      writeFileSync(lives, '')
    }, 500)
    setTimeout(() => clearInterval(alive), aliveMillis)
    setInterval(() => {
      batch.frame(aFrame(), Buffer.from('media'))
      socket.send(batch.take())
    }, 100)
  })
  socket.on('message', (data) => {
    const command = JSON.parse(String(data)) as PageCommand
    if (command.type === 'clock') report({ type: 'clock', pageMicros: Date.now() * 1000 })
  })
  socket.on('error', () => process.exit())
}

const aFrame = () => ({
  slot: 0,
  kind: 'audio' as const,
  ssrc: 1,
  key: true,
  rtpTimestamp: 0,
  sequenceNumber: null,
  receiveTimeMicros: Date.now() * 1000,
  mimeType: 'audio/opus',
})
