import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkClip } from '../../recorder-image/src/clips/check-clip.ts'
import { cutFile, type ExactOptions } from '../../recorder-image/src/clips/cut-file.ts'
import { makeClip } from '../../recorder-image/src/media/testing/clip.ts'
import { machineProgram } from '../../recorder-image/src/media/testing/machine-program.ts'
import { play } from '../../recorder-image/src/media/testing/playback.ts'
import { finishAndPlay, openFile, type Recording } from '../../recorder-image/src/media/testing/recording.ts'
import { send } from '../../recorder-image/src/media/testing/sender.ts'
import type { EncodedFrame } from '../../recorder-image/src/tap/frame.ts'
import { ensureFfmpeg } from '../../sandbox/src/images/index.ts'
import { shownIn } from '../media/numbered-pictures.ts'
import { cutExactly, recordSource, type Source } from './exact-clip.ts'

const run = promisify(execFile)
const fps = 30
/** A key frame every three seconds; two sizes; with Opus. */
let seldom: Source
/** One every five. */
let rare: Source
let sizes: Source
let opus: Source
let reordered: Source
/** What users have, with OpenH264, and what is here, with x264. */
const ffmpegs = { image: '', machine: machineProgram('ffmpeg') }
let directory: string

beforeAll(async () => {
  ffmpegs.image = await ensureFfmpeg()
  directory = await mkdtemp(join(tmpdir(), 'exact-'))
  const usual = { toneHertz: 440, numbered: true, fps }
  const clip = await makeClip({ ...usual, seconds: 7, encoder: ['-g', '90'] })
  const large = await makeClip({ ...usual, seconds: 4, size: '320x192', encoder: ['-g', '90'] })
  seldom = await recorded(send({ clip, from: 0, to: 7, atSeconds: 0 }))
  const longer = await makeClip({ ...usual, seconds: 7, encoder: ['-g', '150'] })
  rare = await recorded(send({ clip: longer, from: 0, to: 7, atSeconds: 0 }))
  opus = await recorded(send({ clip, from: 0, to: 7, atSeconds: 0 }), { audioCodec: 'Opus' })
  sizes = await recorded(send({ clip, from: 0, to: 2, atSeconds: 0 }, { clip: large, from: 0, to: 4, atSeconds: 2 }))
  const between = ['-profile:v', 'main', '-bf', '2', '-x264-params', 'aud=1:keyint_min=1:scenecut=0:b-adapt=0:b-pyramid=none']
  const mixed = send({ clip: await makeClip({ ...usual, seconds: 4, encoder: between }), from: 0, to: 4, atSeconds: 0 })
  // I0 P3 B1 B2 P6 B4 B5 …, each second anew, sent when the last of those was captured.
  for (const [n, frame] of mixed.filter(({ kind }) => kind === 'video').entries()) {
    const at = n % fps
    const shownAs = at === 0 ? 0 : at % 3 === 1 ? Math.min(at + 2, fps - 1) : at - 1
    frame.rtpTimestamp = 2000 + (n - at + shownAs) * 3000
    frame.receiveTimeMicros += 66_667
  }
  reordered = await recorded(mixed)
}, 1_800_000)
afterAll(() => rm(directory, { recursive: true, force: true }))

const recorded = (frames: readonly EncodedFrame[], how: Recording = {}) => recordSource(directory, frames, how)

let count = 0
const cut = (source: Pick<Source, 'data'>, from: number, to: number, exact: Partial<ExactOptions> = {}) =>
  cutExactly(join(directory, `${count++}.mp4`), source, { from, to, checkedBy: ffmpegs.image, exact })
const ignoringEdits = ['-ignore_editlist', '1']

/** A player that heeds edit lists, and one that does not, show the pictures of that time, each at its time, and no other. */
async function expectExact(source: Source, from: number, to: number, ffmpegPath = ffmpegs.image) {
  const made = await cut(source, from, to, { ffmpegPath })
  const where = `${from} to ${to}`
  expect([made.file.exactness, made.problems], where).toEqual([{ is: 'Exact' }, []])
  const wanted = source.shown
    .filter(({ seconds }, at) => seconds < to - 1e-4 && (source.shown[at + 1]?.seconds ?? 99) > from + 1e-4)
    .map(({ number, seconds }) => ({ number, seconds: expect.closeTo(Math.max(0, seconds - from), 3) }))
  for (const input of [[], ignoringEdits]) {
    const { pictures, complaints } = await shownIn(made.path, input)
    expect([complaints, pictures], `${where} ${input}`).toEqual(['', wanted])
  }
  return made
}

describe.each(['image', 'machine'] as const)('with the ffmpeg of the %s, an exact clip that', (name) => {
  test.each([
    ['begins in the middle of a group', 1.51, 4.3, ['avc3', 'avc3']],
    ['ends before the next key frame', 3.4, 3.9, ['avc1']],
    ['is one picture', 3.4, 3.41, ['avc1']],
    ['begins with the last picture of a group', 2.98, 6.5, ['avc3', 'avc3']],
    ['begins behind the last key frame', 6.2, 6.8, ['avc1']],
    ['ends behind the end', 6.2, 20, ['avc1']],
  ])('%s has its pictures and no other, whether a player heeds edit lists or not', async (_, from, to, entries) => {
    const made = await expectExact(seldom, from, to, ffmpegs[name])
    expect(made.entries).toEqual(entries)
  })
})

test('at a key frame nothing is encoded, and the pictures are those that were sent', async () => {
  for (const from of [0, 3]) {
    const { entries, file } = await expectExact(seldom, from, from + 1.2, '/no/ffmpeg')
    expect([file.exactness, entries, file.tracks[0]!.edit.mediaTime]).toEqual([{ is: 'Exact' }, ['avc1'], 0])
  }
})

test.each([
  // The last picture of a group, alone; and with 120 in front of it, behind which the encoder begins another group.
  ['one picture', () => seldom, 2.98],
  ['one picture, of the other number', () => seldom, 5.98],
  ['a whole group and one picture', () => rare, 0.97],
] as const)('of two IDR pictures in a row none has the number of the other, where %s is encoded', async (_, source, from) => {
  const inARow: [number, number][] = []
  for (const ffmpegPath of Object.values(ffmpegs)) {
    const { path } = await expectExact(source(), from, 6.5, ffmpegPath)
    const numbers = await idrNumbers(path)
    for (const [at, number] of numbers.entries()) {
      const before = numbers[at - 1]
      if (number !== undefined && before !== undefined) inARow.push([before, number])
    }
    // Where nothing but what is in them parts pictures, none is taken for the one before it.
    const stream = `${path}.h264`
    const copy = ['-map', '0:v', '-c', 'copy', '-bsf:v', 'h264_mp4toannexb,filter_units=remove_types=9', stream]
    await run(ffmpegs.machine, ['-v', 'error', '-i', path, ...copy])
    expect((await shownIn(stream)).pictures.map(({ number }) => number)).toEqual(
      (await shownIn(path)).pictures.map(({ number }) => number),
    )
  }
  expect(inARow.length).toBeGreaterThan(0)
  for (const [encoded, sent] of inARow) expect(encoded).not.toBe(sent)
})

/** Of each picture in the order of decoding its `idr_pic_id`, as ffmpeg reads it; undefined of one that is no IDR picture. */
async function idrNumbers(path: string): Promise<(number | undefined)[]> {
  const { stderr } = await run(
    ffmpegs.machine,
    ['-i', path, '-map', '0:v', '-c', 'copy', '-bsf:v', 'trace_headers', '-f', 'null', '-'],
    { maxBuffer: 2 ** 28 },
  )
  const packets = stderr.split(/^.*\bPacket: \d+ bytes.*$/m).slice(1)
  return packets.map((packet) => {
    const found = /\bidr_pic_id\s+[01]+ = (\d+)/.exec(packet)?.[1]
    return found === undefined ? undefined : Number(found)
  })
}

test('any stretch of time', async () => {
  const moment = fc.integer({ min: 0, max: 6990 })
  const seed = Number(process.env.SEED)
  await fc.assert(
    fc.asyncProperty(moment, fc.integer({ min: 20, max: 5000 }), async (from, length) => {
      await expectExact(seldom, from / 1000, (from + length) / 1000)
    }),
    { numRuns: 8, seed, endOnFailure: true },
  )
})

test('a change of size at the seam, and behind it', async () => {
  for (const [from, to, kinds] of [
    [1.2, 5.5, ['avc3', 'avc3']],
    [1.2, 1.9, ['avc1']],
    [2.5, 5.5, ['avc3', 'avc3']],
  ] as const) {
    const { entries } = await expectExact(sizes, from, to)
    expect(entries, `${from} to ${to}`).toEqual(kinds)
  }
})

test('pictures that are not decoded in the order in which they are shown', async () => {
  for (const [from, to] of [
    [0.37, 3],
    [1.34, 1.9],
    [1, 2],
  ] as const) {
    await expectExact(reordered, from, to)
  }
})

test.each(['AAC', 'Opus'] as const)(
  '%s begins within a frame where edit lists are not heeded, and with the very sample where they are',
  async (codec) => {
    for (const from of [1.503, 1.51, 1.519, 3]) {
      const { path } = await cut(codec === 'AAC' ? seldom : opus, from, 5.7)
      const [heeding, ignoring] = [await play(path), await play(path, ignoringEdits)]
      expect(heeding.complaints + ignoring.complaints).toBe('')
      // A beep and a flash at each full second.
      const wanted = [2, 3, 4, 5].map((second) => second - from).filter((second) => second > 0.05)
      const beeps = ({ beeps }: Pick<typeof heeding, 'beeps'>) => beeps.filter((second) => second > 0.05)
      const frame = codec === 'AAC' ? 1024 / 48_000 : 0.02
      for (const [at, second] of wanted.entries()) {
        expect(Math.abs(beeps(heeding)[at]! - second), `${from}`).toBeLessThan(0.003)
        expect(beeps(ignoring)[at]! - second, `${from}`).toBeGreaterThan(-0.003)
        expect(beeps(ignoring)[at]! - second, `${from}`).toBeLessThan(frame + 0.003)
      }
    }
  },
)

test('MP3 begins within a frame where its Info frame is not heeded, but for what its decoder is late, and with the very sample where it is', async () => {
  const clip = await makeClip({ seconds: 7, toneHertz: 440 })
  const file = openFile('00', await mkdtemp(join(directory, 'source-')), {})
  for (const frame of send({ clip, from: 0, to: 7, atSeconds: 0 })) file.write(frame)
  const { path: whole } = await finishAndPlay(file)
  const data = await readFile(whole)
  const { beeps: recorded } = await play(whole)
  const reader = { bytes: data.length, read: async (start: number, end: number) => data.subarray(start, end) }
  for (const from of [0, 0.7, 1.5, 1.503, 1.51, 1.519, 3.0167]) {
    const path = join(directory, `${from}.mp3`)
    const bodyPath = `${path}.body`
    const exact: ExactOptions = { ffmpegPath: '/no/ffmpeg', until: 0, whenLate: 'hide', onDone() {} }
    const made = (await cutFile(reader, 'x.mp3', { fromSeconds: from, toSeconds: 5.7, startTime: new Date(0), bodyPath, exact }))!
    expect(made.exactness).toEqual({ is: 'Exact' })
    const body = await readFile(bodyPath)
    await writeFile(path, Buffer.concat([made.head, body]))
    await writeFile(`${bodyPath}.mp3`, body)
    expect(await checkClip('x.mp3', made, bodyPath, ffmpegs.image)).toEqual([])
    const [heeding, ignoring] = [await play(path), await play(`${bodyPath}.mp3`)]
    expect(heeding.complaints).toBe('')
    expect(heeding.sound.length / 48_000, `${from}`).toBeCloseTo(5.7 - from, 2)
    const wanted = recorded.filter((second) => second > from + 0.1 && second < 5.6).map((second) => second - from)
    const behindFade = ({ beeps }: Pick<typeof heeding, 'beeps'>) => beeps.filter((second) => second > 0.08)
    const [decoderLate, frame] = [529 / 48_000, 1152 / 48_000]
    expect(behindFade(heeding), `${from}`).toHaveLength(wanted.length)
    for (const [at, second] of wanted.entries()) {
      expect(Math.abs(behindFade(heeding)[at]! - second), `${from}`).toBeLessThan(0.003)
      const early = behindFade(ignoring)[at]! - second - decoderLate
      expect(early, `${from}`).toBeGreaterThan(-0.003)
      expect(early, `${from}`).toBeLessThan(frame + 0.003)
    }
  }
})

test('of the file no more is read than without, but for what a key frame begins with', async () => {
  const exactly = await cut(seldom, 4.4, 6.9)
  const reader = { bytes: seldom.data.length, readBytes: 0, read: async (a: number, b: number) => seldom.data.subarray(a, b) }
  const bodyPath = join(directory, 'usual.body')
  const usual = (await cutFile(reader, 'x.mp4', { fromSeconds: 4.4, toSeconds: 6.9, startTime: new Date(0), bodyPath }))!
  const headBytes = seldom.data.indexOf('mdat') + 4
  expect(exactly.readBytes).toBeLessThan(headBytes + usual.bodyBytes * 1.1 + 2 * 4096)
  // Nothing from before is in it.
  expect(exactly.file.tracks[0]!.sizes).toHaveLength(75)
})

test.each([
  ['vp8', 'VP8'],
  ['vp9', 'VP9'],
  ['av1', 'AV1'],
  ['h265', 'H.265'],
] as const)(
  'pictures in %s are hidden by an edit list after all, and it is said why, unless there are none to hide',
  async (codec, name) => {
    const clip = await makeClip({ seconds: 3, numbered: true, codec })
    const source = await recorded(send({ clip, from: 0, to: 3, atSeconds: 0 }))
    const { file, path, problems } = await cut(source, 1.51, 2.5)
    expect([file.exactness, problems]).toEqual([
      { is: 'CodecNotEncoded', why: `its pictures are ${name}, which are not encoded anew` },
      [],
    ])
    const numbers = async (path: string, input: string[] = []) => {
      const { complaints, pictures } = await shownIn(path, input)
      expect(complaints).toBe('')
      // This ffmpeg gives what an edit list hides of AV1, too, each a millisecond before the clip begins.
      return pictures.filter(({ seconds }) => seconds >= 0).map(({ number }) => number)
    }
    const wanted = (from: number, end: number) => Array.from({ length: end - from }, (_, at) => from + at)
    expect(await numbers(path)).toEqual(wanted(45, 75))
    expect(await numbers(path, ignoringEdits)).toEqual(wanted(30, 75))
    const atKey = await cut(source, 1, 2)
    expect([atKey.file.exactness, atKey.problems]).toEqual([{ is: 'Exact' }, []])
    for (const input of [[], ignoringEdits]) expect(await numbers(atKey.path, input)).toEqual(wanted(30, 60))
  },
)

/** A program that says which encoders it has, and does what else it is told. */
async function ffmpegThat(says: string, does: string): Promise<string> {
  const path = join(directory, `ffmpeg-${count++}`)
  await writeFile(path, `#!/bin/sh\ncase "$*" in *-encoders*) echo ' V..... ${says}' ;; *) ${does} ;; esac\n`)
  await chmod(path, 0o755)
  return path
}

test('what cannot be encoded is hidden by an edit list after all, and it is said why', async () => {
  const { image } = ffmpegs
  for (const [how, is, why] of [
    [{ ffmpegPath: await ffmpegThat('mpeg4', 'exit 1') }, 'NoEncoder', /has no encoder of H\.264/],
    [{ ffmpegPath: await ffmpegThat('libopenh264', 'echo no memory >&2; exit 1') }, 'EncodingFailed', /no memory/],
    [
      { ffmpegPath: await ffmpegThat('libopenh264', `exec ${image} $(echo "$@" | sed s/start_pts=/start_pts=1/)`) },
      'EncodingFailed',
      /./,
    ],
    [{ ffmpegPath: '/no/ffmpeg' }, 'EncodingFailed', /ffmpeg cannot be run/],
    [
      { ffmpegPath: await ffmpegThat('libopenh264', 'exec sleep 100'), until: performance.now() + 300 },
      'TookTooLong',
      /no time left to encode/,
    ],
    [{ until: 0 }, 'TookTooLong', /no time left to encode/],
  ] as const) {
    const { file, path, problems } = await cut(seldom, 1.51, 4, how)
    expect(file.exactness).toEqual({ is, why: expect.stringMatching(why) })
    expect(problems).toEqual([])
    expect((await shownIn(path)).pictures[0]).toEqual({ number: 45, seconds: 0 })
  }
})

test('where it is wanted later rather than so, it is not cut when there is too little time', async () => {
  await expect(cut(seldom, 1.51, 4, { until: 0, whenLate: 'reject' })).rejects.toThrow(/no time left to encode/)
  const over = AbortSignal.timeout(200)
  const ffmpegPath = await ffmpegThat('libopenh264', 'exec sleep 100')
  await expect(cut(seldom, 1.51, 4, { ffmpegPath, signal: over, whenLate: 'reject' })).rejects.toThrow(/no time left/)
})
