import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Ledger } from '../ledger/ledger.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { comesAsComplete, HoleWatch } from '../tap/hole-watch.ts'
import { readMediaIndex } from './media-index.ts'
import { leftMediaFiles, salvageMediaFile } from './salvage.ts'
import { makeClip } from './testing/clip.ts'
import { newDirectory } from './testing/new-directory.ts'
import { finishAndPlay, silentLog } from './testing/recording.ts'
import { epochMicros, seeded, send } from './testing/sender.ts'
import { type VideoCodec, videoCodecs } from './video-codec.ts'

const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const random = seeded(seed)
const fps = 30
const pictureMicros = 1e6 / fps
/** The sender makes no pictures for this long in the middle of a second. */
const restPictures = 4
const restsAt = 40
const rtpStart = 2000

/** Number of a picture by its RTP time, as if there had been no rest. */
const numberOf = (rtpTimestamp: number) => Math.round((rtpTimestamp - rtpStart) / 3000)
/** Pictures that come late: those before the third key frame, the first of them last, and here and there one that is overtaken by some. */
const lateMicros = (codec: VideoCodec, number: number) => {
  // Pictures of H.265 have no numbers by which one could wait for another.
  if (codec === 'h265') return 0
  if (codec === 'h264') return number >= 55 && number < 60 ? (number === 55 ? 1_300_000 : 250_000) : 0
  return number % 13 === 7 ? 150_000 : 0
}

/** As they come from a bad line, on which the receiver never gets to say what is missing. */
async function frames(codec: VideoCodec): Promise<EncodedFrame[]> {
  const clip = await makeClip({ seconds: 6, codec })
  const sent = send({ clip, from: 0, to: 6, atSeconds: 0, rtpStart: { audio: 1000, video: rtpStart } })
  const moved = sent.map((frame): EncodedFrame => {
    if (frame.kind === 'audio') return random() < 0.1 ? later(frame, 60_000) : frame
    const number = numberOf(frame.rtpTimestamp)
    const rest = number >= restsAt ? restPictures : 0
    const rtpTimestamp = frame.rtpTimestamp + rest * 3000
    return later({ ...frame, rtpTimestamp }, rest * pictureMicros + lateMicros(codec, number))
  })
  const arrived = moved.sort((a, b) => a.receiveTimeMicros - b.receiveTimeMicros)
  const watch = new HoleWatch()
  return arrived.map((frame) => {
    if (frame.kind === 'audio') return frame
    const mayFollowHole = watch.before(frame, frame.key || comesAsComplete(frame.mimeType)) > 0
    return mayFollowHole ? { ...frame, mayFollowHole } : frame
  })
}

const later = (frame: EncodedFrame, micros: number) => ({
  ...frame,
  receiveTimeMicros: Math.round(frame.receiveTimeMicros + micros),
})

/** Records them at their pace until that moment, then kills the recorder. Returns up to when frames were given to it for certain. */
async function recordAndKill(
  directory: string,
  all: readonly EncodedFrame[],
  afterSeconds: number,
  mode: '00' | '02' = '02',
): Promise<number> {
  const path = join(await newDirectory(), 'frames.json')
  await writeFile(path, JSON.stringify(all.map((frame) => ({ ...frame, data: Buffer.from(frame.data).toString('base64') }))))
  const script = fileURLToPath(new URL('testing/recorder-process.ts', import.meta.url))
  const recorder = spawn(process.execPath, [script, directory, path, mode], { stdio: ['ignore', 'pipe', 'inherit'] })
  let wrote = 0
  let text = ''
  recorder.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    for (const match of text.matchAll(/wrote ([0-9.]+)\n/g)) wrote = Number(match[1])
    if (wrote >= afterSeconds) recorder.kill('SIGKILL')
  })
  await once(recorder, 'exit')
  expect(recorder.signalCode).toBe('SIGKILL')
  return wrote
}

describe(`a recorder that is killed on a bad line (TEST_SEED=${seed})`, () => {
  it.each(videoCodecs.flatMap((codec) => [codec, codec]))(
    'has all that came of %s up to a second before, in its order, decided or not',
    { timeout: 60_000 },
    async (codec) => {
      const all = await frames(codec)
      const directory = await newDirectory()
      const wrote = await recordAndKill(directory, all, 2 + 2.5 * random())
      const ledger = new Ledger()
      const [name] = await leftMediaFiles(directory)
      const file = (await salvageMediaFile(directory, name!, { log: silentLog, ledger }))!
      const { finished, playback } = await finishAndPlay(file)
      expect(finished.problem).toBeUndefined()
      expect(playback.complaints).toBe('')

      const origin = all[0]!.receiveTimeMicros
      const came = (seconds: number) =>
        all.filter(({ kind, receiveTimeMicros }) => kind === 'video' && receiveTimeMicros - origin <= seconds * 1e6)
      const isLate = ({ rtpTimestamp }: EncodedFrame) => lateMicros(codec, numberOf(rtpTimestamp) - restPictures) > 0
      // What a picture refers to that came in the last second may be lost with it, and then never came, as far as anybody can tell.
      const first = all.find(
        (frame) =>
          frame.kind === 'video' && codec === 'h264' && isLate(frame) && numberOf(frame.rtpTimestamp) - restPictures === 55,
      )
      const lacksFirst = first !== undefined && !came(wrote - 1).includes(first)
      const must = came(wrote - 1).filter((frame) => !(lacksFirst && isLate(frame)))
      const index = await readMediaIndex(join(directory, `${name}.index`))
      const there = Array.from(index.video.rtpTimestamps.values)
      expect(
        must.filter(({ rtpTimestamp }) => !there.includes(rtpTimestamp)).map(({ rtpTimestamp }) => numberOf(rtpTimestamp)),
      ).toEqual([])
      expect(new Set(there).size).toBe(there.length)
      // Each second begins with a white picture: each is where it belongs, and those around it are dark.
      const whites = playback.pictures.flatMap(({ brightness }, at) => (brightness > 180 ? [at] : []))
      expect(playback.pictures).toHaveLength(there.length)
      const shown = there.toSorted((a, b) => a - b).map((rtp) => numberOf(rtp) - (numberOf(rtp) >= restsAt ? restPictures : 0))
      expect(whites).toEqual(shown.flatMap((number, at) => (number % fps === 0 ? [at] : [])))
      expect(playback.beeps.length).toBeGreaterThanOrEqual(Math.floor(wrote - 1))
      for (const { reason, from } of ledger.losses) {
        // Nobody had told what is missing: of these, what is shown may be disturbed.
        const isUnprovable = codec === 'vp8' || codec === 'vp9'
        expect(isUnprovable ? ['LostInNetwork', 'Unproven'] : ['LostInNetwork']).toContain(reason)
        expect(Date.parse(from) * 1000).toBeGreaterThan(epochMicros)
      }
    },
  )
})

describe('a recorder that is killed', () => {
  it.each([
    ['02', 1.7],
    ['02', 3.1],
    ['00', 2.6],
  ] as const)('in mode %s after %d s loses less than a second', async (mode, afterSeconds) => {
    const directory = await newDirectory()
    const clip = await makeClip({ seconds: 6 })
    const wrote = await recordAndKill(directory, send({ clip, from: 0, to: 6, atSeconds: 0 }), afterSeconds, mode)
    const [name, ...others] = await leftMediaFiles(directory)
    expect(others).toEqual([])
    const file = (await salvageMediaFile(directory, name!, { log: silentLog, ledger: new Ledger() }))!
    expect(file.identity).toMatchObject({ userId: 'alice', mode })
    const { finished, playback } = await finishAndPlay(file)
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expect(finished.durationSeconds).toBeGreaterThan(wrote - 1)
    expect(playback.sound.length / 48_000).toBeGreaterThan(wrote - 1)
    if (mode === '02') expect(playback.pictures.length).toBeGreaterThan((wrote - 1) * 30)
    playback.beeps.forEach((beep, n) => {
      expect(Math.abs(beep - n)).toBeLessThan(0.001)
    })
    expect(playback.beeps.length).toBeGreaterThanOrEqual(Math.ceil(wrote - 1))
  })
})
