import { execFile } from 'node:child_process'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Clip, makeClip } from '../media/testing/clip.ts'
import { machineProgram } from '../media/testing/machine-program.ts'
import { send } from '../media/testing/sender.ts'
import { aJob } from '../recorder/testing.ts'
import { recorded } from './testing.ts'

const run = promisify(execFile)
const folder = 'lessons/maths.paella'
let small: Clip
let large: Clip
beforeAll(async () => {
  ;[small, large] = await Promise.all([makeClip({ seconds: 4, fps: 10 }), makeClip({ seconds: 4, fps: 10, size: '320x192' })])
})

const sent = (clip: Clip, to: number, atSeconds: number) => send({ clip, from: 0, to, atSeconds })

/** Alice leaves and comes back with a larger picture; Bob has a hole that is cut out; Carol is a voice alone. */
const world = (outputs: object) =>
  recorded(
    aJob({ outputs }),
    [
      { userId: 'alice', mode: '02', frames: sent(small, 2, 0) },
      { userId: 'alice', mode: '02', frames: sent(large, 2, 6) },
      {
        userId: 'bob',
        mode: '02',
        frames: send({ clip: small, from: 0, to: 4, atSeconds: 3, lost: ({ seconds }) => seconds >= 1 && seconds < 3 }),
      },
      { userId: 'carol', mode: '00', frames: sent(small, 2, 4) },
    ],
    11,
  )

/** When a white picture appears, by what an MP4 says, in seconds; and how long all of it is. */
async function flashesIn(path: string): Promise<{ flashes: number[]; seconds: number; tracks: string[] }> {
  const ffprobe = machineProgram('ffprobe')
  const frames = [
    '-f',
    'lavfi',
    '-i',
    `movie=${path},signalstats`,
    '-show_entries',
    'frame=pts_time:frame_tags=lavfi.signalstats.YAVG',
  ]
  const { stdout } = await run(ffprobe, ['-v', 'error', ...frames, '-of', 'csv=p=0'])
  const shown = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(',').map(Number))
  const flashes = shown.flatMap(([at, light], n) => (light! > 200 && !((shown[n - 1]?.[1] ?? 0) > 200) ? [at!] : []))
  const format = ['-v', 'error', '-show_entries', 'format=duration:stream=codec_type', '-of', 'json', path]
  const probed = JSON.parse((await run(ffprobe, format)).stdout)
  return {
    flashes,
    seconds: Number(probed.format.duration),
    tracks: probed.streams.map(({ codec_type }: { codec_type: string }) => codec_type),
  }
}

describe('what Paella Player opens', () => {
  test('has each stream’s pictures on the clock of all, the sound of everybody, and names what is stored', async () => {
    const { make, store, directory } = await world({ paella: true })
    const outputs = await make()
    expect(outputs.map(({ kind, path, status, message }) => [kind, path, status, message])).toEqual(
      ['YWxpY2U.main.mp4', 'Ym9i.main.mp4', 'sound.mp3', 'preview.svg', 'data.json'].map((name) => [
        ...['paella', `${folder}/${name}`, 1, 'ok'],
      ]),
    )
    const data = JSON.parse(store.objects.get(`${folder}/data.json`)!)
    const picture = (content: string, src: string, w: number, h: number) => ({
      ...{ content, canvas: ['video'], sources: { mp4: [{ src, mimetype: 'video/mp4', res: { w, h } }] } },
    })
    expect(data).toEqual({
      metadata: { title: 'maths', duration: 11, preview: 'preview.svg' },
      streams: [
        picture('presenter', 'YWxpY2U.main.mp4', 320, 192),
        picture('presenter-2', 'Ym9i.main.mp4', 160, 96),
        {
          ...{ content: 'sound', canvas: ['video'], role: 'mainAudio' },
          sources: { html: [{ src: 'sound.mp3', mimetype: 'audio/mpeg' }] },
        },
      ],
    })
    // A second after the recording began everything is sent; 20 ms are on the way.
    const expected = { 'YWxpY2U.main.mp4': [1.02, 2.02, 7.02, 8.02], 'Ym9i.main.mp4': [4.02, 7.02] }
    for (const [name, moments] of Object.entries(expected)) {
      await writeFile(join(directory, name), store.bodies.get(`${folder}/${name}`)!)
      const { flashes, seconds, tracks } = await flashesIn(join(directory, name))
      // The first picture, a white one, is held from zero on.
      const [held, ...later] = flashes
      expect(held).toBe(0)
      expect(later.map((at) => at.toFixed(1))).toEqual(moments.slice(1).map((at) => at.toFixed(1)))
      expect(seconds).toBeCloseTo(11, 2)
      expect(tracks).toEqual(['video'])
    }
    expect(await readdir(join(directory, 'outputs'))).toEqual([])
  })

  test('shares the mix that is made anyhow, shows and lets hear what there is, and says what is missing', async () => {
    const { make, store, directory } = await world({ paella: true, mix: true })
    await rm(join(directory, 'alice-2.mp4.body'))
    await rm(join(directory, 'bob.mp4.body'))
    const why = (name: string) => `lessons/${name} is not on the volume any more`
    const outputs = await make()
    expect(outputs).toMatchObject([
      { kind: 'mix', status: 1, missing: ['lessons/alice-2.mp4', 'lessons/bob.mp4'] },
      { path: `${folder}/YWxpY2U.main.mp4`, userId: 'alice', status: 1, missing: ['lessons/alice-2.mp4'] },
      { path: `${folder}/Ym9i.main.mp4`, userId: 'bob', status: 0, message: why('bob.mp4') },
      { path: `${folder}/preview.svg`, status: 1, message: 'ok' },
      { path: `${folder}/data.json`, status: 1, missing: ['lessons/alice-2.mp4', 'lessons/bob.mp4'] },
    ])
    expect(outputs[1]!.message).toContain(why('alice-2.mp4'))
    expect(outputs.at(-1)!.message).toContain(why('bob.mp4'))
    const { streams } = JSON.parse(store.objects.get(`${folder}/data.json`)!)
    expect(streams).toMatchObject([
      { content: 'presenter', sources: { mp4: [{ src: 'YWxpY2U.main.mp4' }] } },
      { content: 'sound', role: 'mainAudio', sources: { html: [{ src: '../maths.mix.mp3' }] } },
    ])
    await writeFile(join(directory, 'alice.mp4'), store.bodies.get(`${folder}/YWxpY2U.main.mp4`)!)
    const { flashes, seconds } = await flashesIn(join(directory, 'alice.mp4'))
    expect(flashes.filter((at) => at > 3)).toEqual([])
    expect(seconds).toBeCloseTo(11, 2)
  })

  test('names what lies beside it as an address, also of a user whose name in files has a + in it', async () => {
    const frames = send({ clip: small, from: 0, to: 1, atSeconds: 0, kinds: ['video'] })
    const job = aJob({ outputs: { paella: true }, fileNaming: 'TRTC' })
    const { make, store } = await recorded(job, [{ userId: '>>>', mode: '02', frames }], 3)
    const [pictures] = await make()
    expect(pictures).toMatchObject({ status: 1, path: `${folder}/Pj4+.main.mp4` })
    const { streams } = JSON.parse(store.objects.get(`${folder}/data.json`)!)
    expect(streams).toMatchObject([{ sources: { mp4: [{ src: 'Pj4%2B.main.mp4' }] } }])
  })

  test('is nothing where nobody came', async () => {
    const { make } = await recorded(aJob({ outputs: { paella: true } }), [], 5)
    expect(await make()).toMatchObject([
      { path: `${folder}/preview.svg`, status: 1 },
      { path: `${folder}/data.json`, status: 0, message: 'nothing that it could show or let hear was stored' },
    ])
  })
})
