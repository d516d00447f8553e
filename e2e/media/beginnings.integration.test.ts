import { globSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkClip } from '../../recorder-image/src/clips/check-clip.ts'
import { type CutFile, cutFile } from '../../recorder-image/src/clips/cut-file.ts'
import { Ledger } from '../../recorder-image/src/ledger/ledger.ts'
import { Packager } from '../../recorder-image/src/live/hls/packager.ts'
import { PictureFeed } from '../../recorder-image/src/live/picture-feed.ts'
import { StillDecoder } from '../../recorder-image/src/live/stills/still-decoder.ts'
import { decodePictures } from '../../recorder-image/src/media/check-decoding.ts'
import { findFfmpeg } from '../../recorder-image/src/media/ffmpeg.ts'
import { FinishedFile } from '../../recorder-image/src/media/finished-file.ts'
import { pictureReader } from '../../recorder-image/src/media/read-picture.ts'
import { checkedFile } from '../../recorder-image/src/media/testing/checked-file.ts'
import { makeClip } from '../../recorder-image/src/media/testing/clip.ts'
import { encodeH265 } from '../../recorder-image/src/media/testing/h265-clip.ts'
import { newDirectory } from '../../recorder-image/src/media/testing/new-directory.ts'
import { finishAndPlay, openFile, record } from '../../recorder-image/src/media/testing/recording.ts'
import { send } from '../../recorder-image/src/media/testing/sender.ts'
import { streamPictures } from '../../recorder-image/src/outputs/stream-pictures.ts'
import { recorded } from '../../recorder-image/src/outputs/testing.ts'
import { aJob } from '../../recorder-image/src/recorder/testing.ts'
import type { EncodedFrame } from '../../recorder-image/src/tap/frame.ts'
import { shownIn } from './numbered-pictures.ts'

const fps = 30
const seconds = 6
const usual = { seconds, fps, numbered: true }
const ffmpegPath = findFfmpeg()

/** Pictures in the order in which they are decoded and sent, a key frame each second. */
type Stream = readonly EncodedFrame[]
/** Which picture of the clip a frame is. */
const numberOf = ({ rtpTimestamp }: EncodedFrame) => Math.round((rtpTimestamp - 2000) / 3000)
const numbersOf = (stream: Stream) => stream.map(numberOf).toSorted((a, b) => a - b)
const keysOf = (stream: Stream) => [...stream.keys()].filter((at) => stream[at]!.key)

const h265 = async (parameters: string): Promise<Stream> => (await encodeH265(parameters, usual)).frames

async function h264(encoder: string[], shownAs: (at: number) => number): Promise<Stream> {
  const frames = send({ clip: await makeClip({ ...usual, encoder }), from: 0, to: seconds, atSeconds: 0, kinds: ['video'] })
  for (const [n, frame] of frames.entries()) {
    const at = n % fps
    frame.rtpTimestamp = 2000 + (n - at + shownAs(at)) * 3000
    frame.receiveTimeMicros += 66_667
  }
  return frames
}

/** I0 P3 B1 B2 P6 B4 B5 …, each second anew. */
const withTwoBetween = (at: number) => (at === 0 ? 0 : at % 3 === 1 ? Math.min(at + 2, fps - 1) : at - 1)
const x264 = 'aud=1:keyint_min=1:scenecut=0'

const kinds = {
  'H.265, pictures that lead a CRA picture and refer across it (RASL)': () => h265('bframes=4:b-adapt=0:open-gop=1'),
  'the same, some of which others refer to': () => h265('bframes=7:b-adapt=0:b-pyramid=1:ref=4:open-gop=1'),
  'H.265, pictures that lead an IDR picture (RADL)': () => h265('bframes=4:b-adapt=1:radl=2:min-keyint=30'),
  'H.265, IDR pictures that nothing leads': () => h265('bframes=4:b-adapt=0'),
  'H.264, B pictures': () =>
    h264(['-profile:v', 'main', '-bf', '2', '-x264-params', `${x264}:b-adapt=0:b-pyramid=none`], withTwoBetween),
  'H.264, recovery points instead of IDR pictures': async () => {
    const encoder = ['-x264-params', 'aud=1:intra-refresh=1:keyint=30:scenecut=0:repeat-headers=1', '-g', '30', '-bf', '0']
    // Somebody comes half a second too late for the only IDR picture.
    return (await h264(encoder, (at) => at)).slice(fps / 2)
  },
} as const

/** Those that a decoder which begins with a key frame cannot show, by what they say of themselves. */
function acrossKey(stream: Stream, key: number): number[] {
  const next = keysOf(stream).find((at) => at > key) ?? stream.length
  return stream.slice(key, next).flatMap((frame) => {
    const { leads } = pictureReader(frame.mimeType)!.read(frame.data, undefined)
    return leads === 'acrossKey' ? [numberOf(frame)] : []
  })
}

const without = <T>(all: readonly T[], left: readonly T[]) => all.filter((one) => !left.includes(one))

async function shown(path: string, input: string[] = []) {
  const { pictures, complaints: all } = await shownIn(path, input)
  // Where pictures that lead a key frame are the first that are shown, ffmpeg looks for a key frame in front of them, says so, and shows them.
  const complaints = all.replace(/^.*edit list:? 1 (Missing key frame while|Cannot find an index entry).*\n/gm, '')
  return { numbers: pictures.map(({ number }) => number), pictures, complaints }
}

/** What was sent, recorded as a whole. */
interface Whole {
  stream: Stream
  data: Buffer
  shown: { number: number; seconds: number }[]
}

/** From a recovery point on nothing is shown until the picture is whole. */
const isRefreshed = ({ stream }: Whole) => !stream[0]!.key

async function cutClip({ data }: Whole, from: number, to: number, exact: boolean): Promise<{ path: string; cut: CutFile }> {
  const bodyPath = join(await newDirectory(), 'clip.body')
  const reader = { bytes: data.length, read: async (start: number, end: number) => data.subarray(start, end) }
  const options = { ffmpegPath, until: performance.now() + 60_000, whenLate: 'hide', onDone() {} } as const
  const where = { fromSeconds: from, toSeconds: to, startTime: new Date(0), bodyPath, ...(exact ? { exact: options } : {}) }
  const cut = await cutFile(reader, 'x.mp4', where)
  const path = bodyPath.replace('.body', '.mp4')
  await writeFile(path, Buffer.concat([cut!.head, await readFile(bodyPath)]))
  expect(await checkClip('x.mp4', cut!, bodyPath, ffmpegPath)).toEqual([])
  return { path, cut: cut! }
}

/** The pictures of that time, each at its time. */
const wantedOf = (whole: Whole, from: number, to: number) =>
  whole.shown
    .filter((picture, at) => picture.seconds < to - 1e-4 && (whole.shown[at + 1]?.seconds ?? 99) > from + 1e-4)
    .map((picture) => ({ number: picture.number, seconds: expect.closeTo(Math.max(0, picture.seconds - from), 2) }))

/** At a key frame, in front of it among what leads that, behind it, and in the middle. */
const froms = [1.51, 1.87, 1.94, 1.968, 2.0, 2.034, 3.0]

/** All that begins in the middle of what was sent, or gives a decoder a key frame at another place than it was sent at. */
const beginnings: Record<string, (whole: Whole) => Promise<void>> = {
  'a file': async ({ stream }) => {
    const from = keysOf(stream)[1] ?? 20
    const left = acrossKey(stream, from)
    const ledger = new Ledger()
    const { finished, path } = await record('01', stream.slice(from), { ledger })
    expect([finished.problem, finished.check?.result]).toEqual([undefined, 'Passed'])
    const made = await shown(path)
    expect(made.complaints).toBe('')
    const wanted = without(numbersOf(stream.slice(from)), left)
    // Of pictures that are refreshed bit by bit the first second is not whole.
    expect(made.numbers.slice(-100)).toEqual(wanted.slice(-100))
    if (keysOf(stream).length > 1) expect(made.numbers).toEqual(wanted)
    const lost = ledger.losses.filter(({ reason }) => reason === 'NoKeyFrame').reduce((sum, { frames }) => sum + (frames ?? 0), 0)
    if (keysOf(stream).length > 1) expect(lost).toBe(left.length)
  },

  'a file in which the same comes again, by another subscription': async (whole) => {
    const { stream } = whole
    const [, second = 20, third = 60] = keysOf(stream)
    const again = stream.slice(second).map((frame) => ({ ...frame, ssrc: 7, receiveTimeMicros: frame.receiveTimeMicros + 3e6 }))
    const { finished, path } = await record('01', [...stream.slice(0, third), ...again])
    expect([finished.problem, finished.check?.result, finished.check?.detail]).toEqual([undefined, 'Passed', ''])
    const { numbers, complaints } = await shown(path)
    expect(complaints).toBe('')
    const wanted = [...numbersOf(stream.slice(0, third)), ...without(numbersOf(again), acrossKey(stream, second))]
    expect(numbers.slice(-90)).toEqual(wanted.slice(-90))
    if (!isRefreshed(whole)) expect(numbers).toEqual(wanted)
  },

  'a picture that is held until the camera comes': async (whole) => {
    const { stream } = whole
    const sound = send({ clip: await makeClip({ seconds: 2 }), from: 0, to: 2, atSeconds: -1.5, kinds: ['audio'] })
    const from = keysOf(stream)[1] ?? 20
    const pictures = stream.slice(from).map((frame) => ({ ...frame }))
    const frames = [...sound, ...pictures].toSorted((a, b) => a.receiveTimeMicros - b.receiveTimeMicros)
    const { finished, path } = await record('02', frames)
    expect([finished.problem, finished.check?.result]).toEqual([undefined, 'Passed'])
    const { numbers, complaints } = await shown(path)
    expect(complaints).toBe('')
    const [first, ...rest] = without(numbersOf(pictures), acrossKey(stream, from))
    expect(numbers.slice(-90)).toEqual(rest.slice(-90))
    if (!isRefreshed(whole)) expect([...new Set(numbers)]).toEqual([...new Set([numberOf(pictures[0]!), first, ...rest])])
  },

  'a clip': async (whole) => {
    for (const from of froms) {
      const { path } = await cutClip(whole, from, from + 1.6, false)
      const { pictures, complaints } = await shown(path)
      expect([complaints, pictures], `from ${from}`).toEqual(['', wantedOf(whole, from, from + 1.6)])
    }
  },

  'an exact clip': async (whole) => {
    for (const from of froms) {
      const { path, cut } = await cutClip(whole, from, from + 1.6, true)
      const { pictures, complaints } = await shown(path)
      const wanted = wantedOf(whole, from, from + 1.6)
      expect([complaints, pictures], `from ${from}`).toEqual(['', wanted])
      const isAtKey = Number.isInteger(from) && whole.stream.some((frame) => frame.key && numberOf(frame) === from * fps)
      if (isAtKey) expect(cut.exactness).toEqual({ is: 'Exact' })
      if (cut.exactness?.is !== 'Exact') continue
      // One or two may be behind its end, which those in front of them refer to.
      const unedited = (await shown(path, ['-ignore_editlist', '1'])).pictures
      expect([unedited.slice(0, wanted.length), unedited.length <= wanted.length + 2]).toEqual([wanted, true])
    }
  },

  'a stretch that is decoded to check a long file': async ({ stream }) => {
    const media = await checkedFile(stream)
    const [video] = media.tracks
    const keys = Array.from(video!.keys!)
    const track = { ...video!, keys: Uint32Array.from(keys.filter((_, at) => at % 3 === 0)) }
    const file = await FinishedFile.open(media.head, media.bodyPath, media.bodyBytes)
    try {
      const options = { durationSeconds: 61, ffmpegPath, deadline: performance.now() + 30_000 }
      const { problems, unchecked, frames } = await decodePictures(file, track, media.configs, options)
      expect([problems, unchecked]).toEqual([[], []])
      expect(frames).toBeGreaterThan(20)
    } finally {
      await file.close()
    }
  },

  'a still': async (whole) => {
    const late: number[] = []
    const feed = new PictureFeed((micros) => late.push(micros))
    const pictures = whole.stream.flatMap((frame) => feed.push(frame))
    expect(late).toEqual([])
    const keys = pictures.filter(({ key }) => key)
    const numbers: number[] = []
    const decoder = new StillDecoder(ffmpegPath)
    for (const { config, data } of keys) {
      const path = join(await newDirectory(), 'still.jpeg')
      await writeFile(path, await decoder.decode({ config, sample: data }))
      numbers.push(...(await shown(path)).numbers)
    }
    decoder.end()
    // What begins at a recovery point is not whole there, and no still is made of it.
    expect(numbers).toEqual(isRefreshed(whole) ? [] : keysOf(whole.stream).map((at) => numberOf(whole.stream[at]!)))
  },

  'a segment of HLS': async (whole) => {
    const feed = new PictureFeed(() => {})
    const packager = new Packager({ targetSeconds: 1, mostSeconds: 3 })
    const pictures = whole.stream.flatMap((frame) => feed.push(frame))
    // Those of other codecs are not in HLS; the ledger has them.
    if (pictures[0]!.config.codec !== 'h264') return
    const taken = pictures.map((picture) => packager.picture(picture))
    const objects = [...taken.flatMap((one) => one.objects), ...packager.cut()]
    expect(taken.some(({ isTaken }) => isTaken)).toBe(!isRefreshed(whole))
    const init = objects.find(({ is }) => is === 'init')
    const numbers: number[] = []
    for (const segment of objects.filter(({ is }) => is === 'segment')) {
      const path = join(await newDirectory(), 'segment.mp4')
      await writeFile(path, Buffer.concat([init!.data, segment.data]))
      const made = await shown(path)
      expect(made.complaints).toBe('')
      numbers.push(...made.numbers)
    }
    expect(numbers).toEqual(isRefreshed(whole) ? [] : numbersOf(whole.stream))
  },

  'the second file of a split': async (whole) => {
    const { stream } = whole
    const file = openFile('01', await newDirectory())
    const splitAt = stream.findIndex((frame, at) => {
      if (at === 50) file.endSoon()
      if (!file.takes(frame)) return true
      file.write(frame)
      return false
    })
    const { check } = await file.finish()
    expect(check?.result).toBe('Passed')
    // What could not be decoded in the second one would be lost: as long as there may be a better one it does not begin.
    const isLed = keysOf(stream).some((key) => acrossKey(stream, key).length > 0)
    const isOneKey = keysOf(stream).length < 2
    expect(splitAt === -1).toBe(isLed || isOneKey)
    if (splitAt === -1) return
    const { path } = await record('01', stream.slice(splitAt))
    const { numbers, complaints } = await shown(path)
    expect([complaints, numbers]).toEqual(['', numbersOf(stream.slice(splitAt))])
  },

  'a picture of a mix, or of a pair': async (whole) => {
    const { stream } = whole
    const [, , third = 60] = keysOf(stream)
    const parts = [stream.slice(0, third), stream.slice(third)].map((frames) => ({
      userId: 'alice',
      mode: '01' as const,
      frames,
    }))
    const { manifest, directory } = await recorded(aJob({ mode: '01' }), parts, 9)
    const options = {
      mediaDirectory: directory,
      joinedPath: join(directory, 'joined'),
      startTime: manifest.startTime!,
      seconds: 9,
    }
    const made = await streamPictures(manifest.files, options)
    const path = join(directory, 'pictures.mp4')
    await writeFile(path, Buffer.concat([made.head, (await readFile(made.bodyPath)).subarray(0, made.bodyBytes)]))
    const { numbers, complaints } = await shown(path)
    expect(complaints).toBe('')
    const [first, ...rest] = [
      ...numbersOf(stream.slice(0, third)),
      ...without(numbersOf(stream.slice(third)), acrossKey(stream, third)),
    ]
    // The first is held until it is its time.
    if (!isRefreshed(whole)) expect(numbers).toEqual([first, first, ...rest])
    else expect(numbers.slice(-60)).toEqual(rest.slice(-60))
  },
}

/** What gives pictures to a decoder, or makes a file or a segment of them, and where in this table that is tried. Whoever adds to the one adds to the other. */
const makers: Record<string, readonly (keyof typeof beginnings)[]> = {
  'clips/cut-file.ts': ['a clip', 'an exact clip'],
  'clips/encode-lead.ts': ['an exact clip'],
  'live/hls/packager.ts': ['a segment of HLS'],
  'live/stills/decode-still.ts': ['a still'],
  'live/stills/lasting-decoder.ts': ['a still'],
  'media/check-decoding.ts': ['a stretch that is decoded to check a long file'],
  'media/finish-media.ts': ['a file', 'the second file of a split', 'a picture that is held until the camera comes'],
  'outputs/stream-pictures.ts': ['a picture of a mix, or of a pair'],
}

test('everything that is made of pictures is in the table', async () => {
  const source = fileURLToPath(new URL('../../recorder-image/src', import.meta.url))
  const all = globSync('**/*.ts', { cwd: source }).filter((path) => !/\btesting\b|\.test\.ts$/.test(path))
  const found: string[] = []
  for (const path of all) {
    const code = await readFile(join(source, path), 'utf8')
    if (/(?<!function )\b(rawVideo|buildMp4Head|buildFragment|annexBOf)\(/.test(code)) found.push(path)
  }
  // How raw video is made; and the head of a file that has nothing yet.
  expect(without(found.toSorted(), ['media/raw-video.ts', 'media/unfinished-media.ts'])).toEqual(Object.keys(makers))
  for (const name of Object.values(makers).flat()) expect(Object.keys(beginnings)).toContain(name)
})

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'beginnings-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

describe.each(Object.entries(kinds))('of %s', (_, streamOf) => {
  let whole: Whole
  beforeAll(async () => {
    const stream = await streamOf()
    const file = openFile('01', await mkdtemp(join(directory, 'whole-')))
    for (const frame of stream) file.write(frame)
    const { path, finished } = await finishAndPlay(file)
    expect([finished.problem, finished.check?.result]).toEqual([undefined, 'Passed'])
    const { pictures, complaints } = await shown(path)
    expect(complaints).toBe('')
    whole = { stream, data: await readFile(path), shown: pictures }
  })

  test.each(Object.entries(beginnings))('%s begins as it should', (_, check) => check(whole))
})
