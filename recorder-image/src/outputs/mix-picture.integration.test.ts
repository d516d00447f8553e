import { execFile } from 'node:child_process'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { MakingOutput } from '@trtc-recorder/api'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Clip, makeClip } from '../media/testing/clip.ts'
import { machineProgram } from '../media/testing/machine-program.ts'
import { play } from '../media/testing/playback.ts'
import { send } from '../media/testing/sender.ts'
import { aJob } from '../recorder/testing.ts'
import { recorded } from './testing.ts'

const run = promisify(execFile)
const ffprobe = machineProgram('ffprobe')
const path = 'lessons/maths.mix.mp4'

let small: Clip
let large: Clip
beforeAll(async () => {
  ;[small, large] = await Promise.all([makeClip({ seconds: 3, fps: 10 }), makeClip({ seconds: 3, fps: 10, size: '320x192' })])
})

const video = ['video'] as ['video']

/** Alice is there twice, the second time with a larger picture; Bob comes later; Bob shares a screen at last. Each flashes at the seconds of their clip. */
const world = () =>
  recorded(
    aJob({ outputs: { mix: true, mixFormat: 'Mp4' } }),
    [
      { userId: 'alice', mode: '02', frames: send({ clip: small, from: 0, to: 2, atSeconds: 0 }) },
      { userId: 'alice', mode: '02', frames: send({ clip: large, from: 0, to: 1, atSeconds: 4 }) },
      { userId: 'bob', mode: '02', frames: send({ clip: small, from: 0, to: 3, atSeconds: 1.5 }) },
      { userId: 'bob', stream: 'aux', mode: '02', frames: send({ clip: large, from: 0, to: 2, atSeconds: 6, kinds: video }) },
    ],
    10,
  )

/** When a part of the picture becomes bright, in seconds. */
async function flashesAt(file: string, crop: string): Promise<number[]> {
  const lavfi = `movie=${file},crop=${crop},signalstats`
  const shown = [
    '-f',
    'lavfi',
    '-i',
    lavfi,
    '-show_entries',
    'frame=pts_time:frame_tags=lavfi.signalstats.YAVG',
    '-of',
    'csv=p=0',
  ]
  const { stdout } = await run(ffprobe, ['-v', 'error', ...shown])
  const frames = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(',').map(Number))
  return frames.flatMap(([at, light], n) => (light! > 180 && !((frames[n - 1]?.[1] ?? 0) > 180) ? [at!] : []))
}

function expectMoments(found: number[], expected: number[]): void {
  expect(found, `${found} against ${expected}`).toHaveLength(expected.length)
  // A picture of the mix is 67 ms, one of the clip 100 ms.
  found.forEach((at, n) => {
    expect(Math.abs(at - expected[n]!), `${found} against ${expected}`).toBeLessThan(0.12)
  })
}

describe('a mix with pictures', () => {
  test('has each in a place of their own while they are there, a shared screen large, and the sound of all', async () => {
    const { make, store, directory } = await world()
    const told: (MakingOutput | null)[] = []
    expect(await make(true, undefined, (making) => told.push(making))).toMatchObject([
      { kind: 'mix', status: 1, message: 'ok', path, durationSeconds: 10 },
    ])
    expect(told[0]).toEqual({ kind: 'mix', number: 1, of: 1, doneShare: null })
    expect(told.at(-2)!.doneShare).toBeGreaterThan(0.9)
    expect(told.at(-1)).toBeNull()
    const file = join(directory, 'mix.mp4')
    await writeFile(file, store.bodies.get(path)!)
    const [left, right, large, beside] = ['200:100:220:310', '200:100:860:310', '200:100:412:310', '60:30:1122:57']
    // What is sent a second after the recording began; the first picture of a clip is white.
    expectMoments(
      (await flashesAt(file, left!)).filter((at) => at < 7),
      [1.02, 2.02, 5.02],
    )
    expectMoments(
      (await flashesAt(file, right!)).filter((at) => at < 7),
      [2.52, 3.52, 4.52],
    )
    expectMoments(
      (await flashesAt(file, large!)).filter((at) => at > 6.9),
      [7.02, 8.02],
    )
    expect(await flashesAt(file, beside!)).toEqual([])
    const probe = ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', file]
    const { streams, format } = JSON.parse((await run(ffprobe, probe)).stdout)
    expect(streams).toMatchObject([
      { codec_name: 'h264', width: 1280, height: 720, r_frame_rate: '15/1' },
      { codec_name: 'aac', sample_rate: '48000' },
    ])
    expect(Number(format.duration)).toBeCloseTo(10, 1)
    expect(await readdir(join(directory, 'outputs'))).toEqual([])
  })

  test('has sixteen in sixteen places, each from when they came', async () => {
    const parts = Array.from({ length: 16 }, (_, n) => ({
      ...{ userId: `user${n}`, mode: '02' as const },
      frames: send({ clip: small, from: 0, to: 1, atSeconds: n / 8, kinds: video }),
    }))
    const { make, store, directory } = await recorded(aJob({ outputs: { mix: true, mixFormat: 'Mp4' } }), parts, 4)
    expect(await make()).toMatchObject([{ kind: 'mix', status: 1 }])
    const file = join(directory, 'sixteen.mp4')
    await writeFile(file, store.bodies.get(path)!)
    for (let n = 0; n < 16; n++) {
      const [x, y] = [(n % 4) * 320, Math.floor(n / 4) * 180]
      expectMoments(await flashesAt(file, `100:60:${x + 110}:${y + 60}`), [1.02 + n / 8])
    }
  })

  test('of seventeen has those who were there longest, says whom it does not show, and a shared screen is large beside them', async () => {
    const camera = (n: number) => ({
      ...{ userId: `user${n}`, mode: '02' as const },
      // The first is there for the shortest.
      frames: send({ clip: small, from: 0, to: n === 0 ? 1 : 3, atSeconds: 0, kinds: video }),
    })
    const screen = { userId: 'user1', stream: 'aux' as const, mode: '02' as const }
    const frames = send({ clip: large, from: 0, to: 2, atSeconds: 4, kinds: video })
    const parts = [...Array.from({ length: 17 }, (_, n) => camera(n)), { ...screen, frames }]
    const { make, store, directory } = await recorded(aJob({ outputs: { mix: true, mixFormat: 'Mp4' } }), parts, 7)
    expect(await make()).toMatchObject([
      {
        ...{ kind: 'mix', status: 1, missing: ['lessons/user0.mp4'] },
        message: 'made of what there is, without all of 1 file: of 17 cameras the 16 that were on longest are shown',
      },
    ])
    const file = join(directory, 'seventeen.mp4')
    await writeFile(file, store.bodies.get(path)!)
    for (const n of [0, 15]) {
      const [x, y] = [(n % 4) * 320, Math.floor(n / 4) * 180]
      const flashes = await flashesAt(file, `100:60:${x + 110}:${y + 60}`)
      expectMoments(
        flashes.filter((at) => at < 4.5),
        [1.02, 2.02, 3.02],
      )
    }
    expectMoments(
      (await flashesAt(file, '200:100:412:310')).filter((at) => at > 4.5),
      [5.02, 6.02],
    )
  })

  test('of one who was only heard is black, with their sound; of a screen alone it is large, without', async () => {
    const heard = await recorded(
      aJob({ outputs: { mix: true, mixFormat: 'Mp4' } }),
      [{ userId: 'alice', mode: '02', frames: send({ clip: small, from: 0, to: 2, atSeconds: 0, kinds: ['audio'] }) }],
      4,
    )
    expect(await heard.make()).toMatchObject([{ kind: 'mix', status: 1, message: 'ok', durationSeconds: 4 }])
    const voice = join(heard.directory, 'voice.mp4')
    await writeFile(voice, heard.store.bodies.get(path)!)
    const streamsOf = async (file: string) =>
      JSON.parse((await run(ffprobe, ['-v', 'error', '-show_streams', '-of', 'json', file])).stdout).streams
    expect(await streamsOf(voice)).toMatchObject([{ codec_name: 'h264' }, { codec_name: 'aac' }])
    expect(await flashesAt(voice, '1280:720:0:0')).toEqual([])
    expect((await play(voice)).beeps).toHaveLength(2)

    const shown = await recorded(
      aJob({ outputs: { mix: true, mixFormat: 'Mp4' } }),
      [{ userId: 'bob', stream: 'aux', mode: '02', frames: send({ clip: large, from: 0, to: 2, atSeconds: 0, kinds: video }) }],
      4,
    )
    expect(await shown.make()).toMatchObject([{ kind: 'mix', status: 1, message: 'ok', durationSeconds: 4 }])
    const screen = join(shown.directory, 'screen.mp4')
    await writeFile(screen, shown.store.bodies.get(path)!)
    expect(await streamsOf(screen)).toMatchObject([{ codec_name: 'h264' }])
    expect(await streamsOf(screen)).toHaveLength(1)
    expectMoments(await flashesAt(screen, '1100:300:90:100'), [1.02, 2.02])
  })

  test('without a file has everybody else, and says what is missing', async () => {
    const { make, store, directory } = await world()
    await rm(join(directory, 'bob-2.mp4.body'))
    await writeFile(join(directory, 'alice-2.mp4.head'), 'nothing that an index could be')
    const [mix] = await make()
    expect(mix).toMatchObject({
      kind: 'mix',
      status: 1,
      missing: ['lessons/alice-2.mp4', 'lessons/bob-2.mp4'],
      durationSeconds: 10,
    })
    expect(mix!.message).toContain('lessons/bob-2.mp4 is not on the volume any more')
    const file = join(directory, 'less.mp4')
    await writeFile(file, store.bodies.get(path)!)
    expectMoments(await flashesAt(file, '200:100:860:310'), [2.52, 3.52, 4.52])
    // Alice is there once, and no screen takes the cameras' place.
    expectMoments(await flashesAt(file, '200:100:220:310'), [1.02, 2.02])
    expect(await readdir(join(directory, 'outputs'))).toEqual([])
  })

  test('of which no file is left says why, and leaves nothing of it', async () => {
    const { make, manifest, directory } = await world()
    for (const { path } of manifest.files) await rm(join(directory, `${path.split('/').at(-1)}.body`))
    const [mix] = await make()
    expect(mix).toMatchObject({ kind: 'mix', status: 0, url: '', message: expect.stringContaining('nothing is left of 4 files') })
    expect(await readdir(join(directory, 'outputs'))).toEqual([])
  })

  test('is none of a recording to which nobody came', async () => {
    const { make } = await recorded(aJob({ outputs: { mix: true, mixFormat: 'Mp4' } }), [], 5)
    expect(await make()).toMatchObject([{ kind: 'mix', status: 0, message: 'nobody was seen or heard in this recording' }])
  })
})
