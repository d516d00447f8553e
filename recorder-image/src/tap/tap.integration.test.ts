import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterEach, describe, expect, test } from 'vitest'
import { bundlePage } from '../../build.ts'
import { pictureReader } from '../media/read-picture.ts'
import { type Chromium, findChromium, launchChromium } from '../room/chromium.ts'
import type { PageCommand, PageReport } from '../room/protocol.ts'
import type { EncodedFrame } from './frame.ts'
import { startTapServer, type TapServer } from './server.ts'
import type { TapRecord } from './wire.ts'

let chromium: Chromium
let server: TapServer
afterEach(async () => {
  await chromium.kill()
  await server.close()
})

/** Frames as they come from receivers in a page, until `enough` says so. */
async function tapped(
  codec: string,
  enough: (frames: EncodedFrame[]) => boolean,
  { beforeWorker = '', onRecord = () => {} }: { beforeWorker?: string; onRecord?: (record: TapRecord) => void } = {},
) {
  const page = await build({
    entryPoints: [fileURLToPath(new URL('./testing/loopback-page.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'iife',
  })
  const frames: EncodedFrame[] = []
  const said: string[] = []
  const failed: Extract<PageReport, { type: 'tapFailed' }>[] = []
  const done = Promise.withResolvers<void>()
  const files = { html: Buffer.from('<script src="/page.js"></script>'), page: Buffer.from(page.outputFiles[0]!.contents) }
  server = await startTapServer(
    { ...files, worker: Buffer.concat([Buffer.from(beforeWorker), (await bundlePage()).worker]) },
    {
      onRecord(record) {
        onRecord(record)
        if (record.type === 'frame') frames.push(record.frame)
        else if (isTapFailed(record.report)) failed.push(record.report)
        else said.push((record.report as Extract<PageReport, { type: 'warning' }>).message)
        if (enough(frames)) done.resolve()
      },
      onClosed: () => done.reject(new Error(`The page is gone; it said: ${said}`)),
      onError: done.reject,
    },
  )
  chromium = await launchChromium(findChromium(process.env), [])
  await chromium.open(`${server.url}#${codec}`, { function: 'startRecorder', argument: server.socketPath })
  await done.promise
  return { frames, said, failed }
}

const isTapFailed = (report: unknown): report is Extract<PageReport, { type: 'tapFailed' }> =>
  (report as PageReport).type === 'tapFailed'

const startCode = Buffer.from([0, 0, 0, 1])

describe('the tap in Chromium', () => {
  test.each(['H264', 'VP8', 'VP9', 'AV1'])(
    'gives the decoder a stand-in for every %s picture, and asks for no key frame',
    async (codec) => {
      const { frames, said } = await tapped(codec, (frames) => frames.filter(({ kind }) => kind === 'video').length >= 140)
      const video = frames.filter(({ kind }) => kind === 'video')
      expect(video[0]).toMatchObject({ mimeType: `video/${codec}` })
      // Chromium does not tell the size of AV1; the pictures do.
      const { read } = pictureReader(`video/${codec}`)!
      const sizes = video.filter(({ key }) => key).map(({ data }) => read(data, undefined).config!)
      expect(new Set(sizes.map(({ width, height }) => `${width}x${height}`))).toContain('320x180')
      const statistics = JSON.parse(said.findLast((text) => text.startsWith('{'))!)
      expect(statistics).toMatchObject({ keyFramesAskedFor: 0 })
      // Where a key frame waits for the decoder too, Chromium goes on with that one.
      const { framesReceived, framesDecoded, framesDropped } = statistics
      expect(framesDecoded + framesDropped).toBeGreaterThan(60)
      expect(framesReceived - framesDecoded - framesDropped).toBeLessThanOrEqual(2)
    },
  )

  test('takes what comes after a frame that it could not take, and counts that one as lost', async () => {
    const failsAtTwenty = `
      const { getMetadata } = RTCEncodedVideoFrame.prototype
      let frames = 0
      RTCEncodedVideoFrame.prototype.getMetadata = function () {
        if (++frames === 20) throw new Error('a defect')
        return getMetadata.call(this)
      };`
    const pictures = (frames: EncodedFrame[]) => frames.filter(({ kind }) => kind === 'video')
    const { frames, failed } = await tapped('VP8', (frames) => pictures(frames).length >= 40, {
      beforeWorker: failsAtTwenty,
    })
    const [{ ssrc }] = pictures(frames) as [EncodedFrame]
    expect(failed).toMatchObject([{ slot: 1, kind: 'video', ssrc, frames: 1, ended: false, message: 'Error: a defect' }])
    expect(failed[0]!.bytes).toBeGreaterThan(0)
  })

  test('has been handed all that was received until a flush was asked for when it answers', async () => {
    let askedMicros = Number.NEGATIVE_INFINITY
    let reported = Promise.withResolvers<PageReport>()
    let isAnswered = false
    const late: number[] = []
    await tapped('H264', (frames) => frames.length >= 60, {
      onRecord(record) {
        if (record.type === 'report') reported.resolve(record.report as PageReport)
        else if (isAnswered && record.frame.receiveTimeMicros < askedMicros)
          late.push(askedMicros - record.frame.receiveTimeMicros)
      },
    })
    const answerTo = async (command: PageCommand) => {
      for (reported = Promise.withResolvers(), server.send(command); ; reported = Promise.withResolvers()) {
        const report = await reported.promise
        if (report.type === 'clock' || report.type === 'flushed') return report
      }
    }
    for (let id = 1; id <= 40; id++) {
      // At any moment between two pictures.
      await sleep((id * 7) % 50)
      const asked = await answerTo({ type: 'clock' })
      isAnswered = false
      askedMicros = asked.type === 'clock' ? asked.pageMicros : 0
      await answerTo({ type: 'flush', id })
      isAnswered = true
    }
    await sleep(700)
    expect(late).toEqual([])
  })

  test('carries every frame of every receiver to Node, whole and with its time', async () => {
    const startedAt = Date.now() * 1000
    const { frames, said } = await tapped('H264', (frames) => frames.filter(({ kind }) => kind === 'video').length >= 60)
    const video = frames.filter(({ kind }) => kind === 'video')
    const audio = frames.filter(({ kind }) => kind === 'audio')
    const subscriptions = said.filter((text) => text.startsWith('new'))
    expect(subscriptions.sort()).toEqual(['new audio subscription in slot 0', 'new video subscription in slot 1'])

    expect(video[0]).toMatchObject({ slot: 1, key: true, mimeType: 'video/H264', width: 320, height: 240 })
    for (const { data } of video) expect(Buffer.from(data.subarray(0, 4))).toEqual(startCode)
    expect(new Set(video.map(({ ssrc }) => ssrc)).size).toBe(1)

    expect(audio[0]).toMatchObject({ slot: 0, key: true, mimeType: 'audio/opus' })
    const steps = audio.slice(1).map(({ rtpTimestamp }, i) => (rtpTimestamp - audio[i]!.rtpTimestamp) >>> 0)
    expect(new Set(steps)).toEqual(new Set([960]))

    for (const { receiveTimeMicros } of frames) {
      expect(receiveTimeMicros).toBeGreaterThan(startedAt - 1_000_000)
      expect(receiveTimeMicros).toBeLessThan(Date.now() * 1000 + 1_000_000)
    }
  })
})
