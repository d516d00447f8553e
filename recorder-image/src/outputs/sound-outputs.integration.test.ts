import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Clip, makeClip } from '../media/testing/clip.ts'
import { machineProgram } from '../media/testing/machine-program.ts'
import { send } from '../media/testing/sender.ts'
import { aJob } from '../recorder/testing.ts'
import { beepsIn, recorded, samplesOf } from './testing.ts'

const run = promisify(execFile)
let clip: Clip
beforeAll(async () => {
  clip = await makeClip({ seconds: 7, fps: 10 })
})

const sent = (from: number, to: number, atSeconds: number) => ({ clip, from, to, atSeconds })

/** Alice in MP4 with a hole that was cut out, Bob in MP3, Carol in MP4 with Opus; each beeps at the seconds of their clip. */
const world = (outputs: object) =>
  recorded(
    aJob({ outputs }),
    [
      { userId: 'alice', mode: '02', frames: send({ ...sent(0, 7, 0), lost: ({ seconds }) => seconds >= 1.5 && seconds < 4.5 }) },
      { userId: 'bob', mode: '00', frames: send(sent(0, 3, 2.5)) },
      { userId: 'carol', mode: '02', audioCodec: 'Opus', frames: send(sent(0, 2, 5.5)) },
    ],
    10,
  )

/** On one clock with the first of Alice's: the way through the codecs is the same for all. */
function expectBeeps(beeps: number[], expected: number[], within = 0.001): void {
  expect(beeps.length, `${beeps} against ${expected}`).toBe(expected.length)
  beeps.forEach((beep, n) => {
    expect(Math.abs(beep - expected[n]!), `${beeps} against ${expected}`).toBeLessThanOrEqual(within)
  })
}

describe('what is made of sound', () => {
  test('everybody has a WAV of 16 kHz, all as long as the recording, and a millisecond apart at most', async () => {
    const { make, store, manifest } = await world({ audio16k: true })
    const outputs = await make()
    expect(outputs).toMatchObject(
      ['alice', 'bob', 'carol'].map((userId) => ({
        ...{ kind: 'audio16k', userId, status: 1, message: 'ok', startTime: manifest.startTime, durationSeconds: 10 },
        path: `lessons/maths.${Buffer.from(userId).toString('base64url')}.16k.wav`,
        bytes: 44 + 10 * 16_000 * 2,
      })),
    )
    const [alice, bob, carol] = outputs.map(({ path }) => samplesOf(store.bodies.get(path)!))
    expect([alice, bob, carol].map((samples) => samples!.length)).toEqual([160_000, 160_000, 160_000])
    const first = beepsIn(alice!, 16_000)[0]!
    expect(Math.abs(first - 1.02)).toBeLessThan(0.01)
    expectBeeps(
      beepsIn(alice!, 16_000),
      [0, 1, 5, 6].map((at) => first + at),
    )
    expectBeeps(
      beepsIn(bob!, 16_000),
      [2.5, 3.5, 4.5].map((at) => first + at),
    )
    expectBeeps(
      beepsIn(carol!, 16_000),
      [5.5, 6.5].map((at) => first + at),
    )
    expect(bob!.subarray(0, 3.4 * 16_000).every((sample) => sample === 0)).toBe(true)
  })

  test('as FLAC it has the same samples, and says how many and what MD5 they have', async () => {
    const flac = await world({ audio16k: true, audio16kFormat: 'Flac' })
    const [alice] = await flac.make()
    expect(alice).toMatchObject({
      ...{ kind: 'audio16k', userId: 'alice', status: 1, durationSeconds: 10, startTime: flac.manifest.startTime },
      path: 'lessons/maths.YWxpY2U.16k.flac',
    })
    const inWav = await recorded(aJob({ outputs: { audio16k: true } }), flac.parts, 10)
    await inWav.make()
    const pcm = inWav.store.bodies.get('lessons/maths.YWxpY2U.16k.wav')!.subarray(44)
    const path = join(flac.directory, 'alice.flac')
    const body = flac.store.bodies.get(alice!.path)!
    await writeFile(path, body)
    const decode = ['-v', 'error', '-xerror', '-i', path, '-f', 's16le', '-']
    const { stdout } = await run(machineProgram('ffmpeg'), decode, { encoding: 'buffer', maxBuffer: 2 ** 24 })
    expect(stdout.equals(pcm)).toBe(true)
    const probe = ['-v', 'error', '-show_streams', '-of', 'json', path]
    const { streams } = JSON.parse((await run(machineProgram('ffprobe'), probe)).stdout)
    expect(streams).toMatchObject([{ codec_name: 'flac', sample_rate: '16000', channels: 1, duration: '10.000000' }])
    expect(body.toString('hex', 26, 42)).toBe(createHash('md5').update(pcm).digest('hex'))
    expect(await readdir(join(flac.directory, 'outputs'))).toEqual([])
  })

  test('a pair has each side on its channel, and ffmpeg reads it as stereo of 8 kHz', async () => {
    const { make, store, directory } = await world({ pair: { left: ['alice'], right: ['b.*$', 'carol'] } })
    const [pair] = await make()
    expect(pair).toMatchObject({ kind: 'pair', status: 1, path: 'lessons/maths.pair.wav' })
    const wav = store.bodies.get(pair!.path)!
    const [first = 0, ...left] = beepsIn(samplesOf(wav, 0, 2), 8000)
    expectBeeps(
      left,
      [1, 5, 6].map((at) => first + at),
      0.0011,
    )
    expectBeeps(
      beepsIn(samplesOf(wav, 1, 2), 8000),
      [2.5, 3.5, 4.5, 5.5, 6.5].map((at) => first + at),
      0.0011,
    )
    await writeFile(join(directory, 'pair.wav'), wav)
    const probe = ['-v', 'error', '-show_streams', '-of', 'json', join(directory, 'pair.wav')]
    const { streams } = JSON.parse((await run(machineProgram('ffprobe'), probe)).stdout)
    expect(streams).toMatchObject([{ codec_name: 'pcm_s16le', sample_rate: '8000', channels: 2, duration: '10.000000' }])
  })

  test('who speaks is found in each user’s own sound, to 100 ms', async () => {
    const { make, store } = await world({ speech: true })
    expect(await make()).toMatchObject([
      { kind: 'speech', status: 1, path: 'lessons/maths.speech.vtt' },
      { kind: 'speech', status: 1, path: 'lessons/maths.speech.rttm' },
    ])
    const lines = store.objects
      .get('lessons/maths.speech.rttm')!
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
    const name = (userId: string) => Buffer.from(userId).toString('base64url')
    const expected = [
      ...[0, 1, 5, 6].map((at) => [name('alice'), at] as const),
      ...[2.5, 3.5, 4.5].map((at) => [name('bob'), at] as const),
      ...[5.5, 6.5].map((at) => [name('carol'), at] as const),
    ].sort((a, b) => a[1] - b[1])
    expect(lines.map(([, , , , , , , speaker]) => speaker)).toEqual(expected.map(([speaker]) => speaker))
    lines.forEach(([, , , onset, duration], n) => {
      expect(Math.abs(Number(onset) - 1.02 - expected[n]![1])).toBeLessThanOrEqual(0.1)
      expect(Math.abs(Number(duration) - 0.1)).toBeLessThanOrEqual(0.1)
    })
    expect(store.objects.get('lessons/maths.speech.vtt')!.match(/<v (alice|bob|carol)>/g)).toHaveLength(9)
  })

  test('a mix is one MP3 with everybody in it, as long as all others, and a millisecond apart at most', async () => {
    const { make, store, directory } = await world({ mix: true, audio16k: true })
    const [mix, alice] = await make()
    expect(mix).toMatchObject({ kind: 'mix', status: 1, path: 'lessons/maths.mix.mp3', durationSeconds: 10 })
    const path = join(directory, 'mix.mp3')
    await writeFile(path, store.bodies.get(mix!.path)!)
    const decode = ['-v', 'error', '-i', path, '-f', 's16le', '-']
    const { stdout } = await run(machineProgram('ffmpeg'), decode, { encoding: 'buffer', maxBuffer: 2 ** 24 })
    const samples = samplesOf(Buffer.concat([Buffer.from('data0000'), stdout]))
    expect(samples).toHaveLength(10 * 48_000)
    const first = beepsIn(samplesOf(store.bodies.get(alice!.path)!), 16_000)[0]!
    expectBeeps(
      beepsIn(samples, 48_000),
      [0, 1, 2.5, 3.5, 4.5, 5, 5.5, 6, 6.5].map((at) => first + at),
    )
    const probe = ['-v', 'error', '-show_format', '-of', 'json', path]
    const { format } = JSON.parse((await run(machineProgram('ffprobe'), probe)).stdout)
    expect(Number(format.duration)).toBeCloseTo(10, 1)
    expect(await readdir(join(directory, 'outputs'))).toEqual([])
  })

  test('of which a file is missing, is made of the others, silent in its place, and says so', async () => {
    const pair = { left: ['bob', 'carol'], right: ['alice'] }
    const { make, store, directory } = await world({ audio16k: true, pair, speech: true, mix: true, vcon: true })
    await rm(join(directory, 'bob.mp3.body'))
    const why = 'lessons/bob.mp3 is not on the volume any more'
    const without = { status: 1, missing: ['lessons/bob.mp3'], message: `made of what there is, without all of 1 file: ${why}` }
    const outputs = await make()
    expect(outputs).toMatchObject([
      { kind: 'pair', ...without, durationSeconds: 10 },
      { kind: 'speech', path: 'lessons/maths.speech.vtt', ...without },
      { kind: 'speech', path: 'lessons/maths.speech.rttm', ...without },
      { kind: 'vcon', ...without },
      { kind: 'mix', ...without, durationSeconds: 10 },
      { userId: 'alice', status: 1, message: 'ok' },
      { userId: 'bob', status: 0, url: '', message: why },
      { userId: 'carol', status: 1, message: 'ok' },
    ])
    expect(outputs.filter(({ message }) => message === 'ok' || message === why).every((one) => !('missing' in one))).toBe(true)
    const [left, right] = [0, 1].map((side) => beepsIn(samplesOf(store.bodies.get('lessons/maths.pair.wav')!, side, 2), 8000))
    expect(right).toHaveLength(4)
    expectBeeps(
      left!,
      [5.5, 6.5].map((at) => right![0]! + at),
      0.0011,
    )
    const vtt = store.objects.get('lessons/maths.speech.vtt')!
    expect(vtt.match(/^NOTE missing: bob from 2.*$/m)![0]).toContain(why)
    expect(vtt.match(/<v (alice|bob|carol)>/g)).toHaveLength(6)
    const { dialog } = JSON.parse(store.objects.get('lessons/maths.vcon')!)
    expect(dialog.map((one: object) => 'content_hash' in one)).toEqual([false, true, false, true])
    expect(await readdir(join(directory, 'outputs'))).toEqual([])
  })

  test('of one user has what their other file has', async () => {
    const { make, store, directory } = await recorded(
      aJob({ outputs: { audio16k: true } }),
      [
        { userId: 'alice', mode: '00', frames: send(sent(0, 2, 0)) },
        { userId: 'alice', mode: '00', frames: send(sent(0, 2, 5)) },
      ],
      10,
    )
    await writeFile(join(directory, 'alice.mp3.body'), 'cut short')
    const [alice] = await make()
    expect(alice).toMatchObject({
      ...{ status: 1, missing: ['lessons/alice.mp3'], message: expect.stringContaining('the volume has not got all of') },
    })
    expect(beepsIn(samplesOf(store.bodies.get(alice!.path)!), 16_000).every((beep) => beep > 5.9)).toBe(true)
  })

  test.each([
    [{ left: ['alice'], right: ['customer_.*$'] }, 'right', 'means nobody whose sound was recorded and who is not on the left'],
    [{ left: ['agent_.*$'], right: ['al.*$'] }, 'left', 'means nobody whose sound was recorded'],
    // Whoever both sides mean is on the left.
    [{ left: ['alice'], right: ['alice'] }, 'right', 'means nobody whose sound was recorded and who is not on the left'],
  ] as const)('a pair %j of which a side means nobody is silent there, and says so', async (pair, side, why) => {
    const { make, store, directory } = await world({ pair })
    const [made] = await make()
    const field = `spec.outputs.pair.${side}`
    expect(made).toMatchObject({
      ...{ kind: 'pair', status: 1, durationSeconds: 10, missing: [field], bytes: 44 + 10 * 8000 * 4 },
      message: `made of what there is: ${field} ${why}, so the ${side} side is silent`,
    })
    const wav = store.bodies.get(made!.path)!
    const [silent, heard] = side === 'left' ? [0, 1] : [1, 0]
    expect(samplesOf(wav, silent, 2).every((sample) => sample === 0)).toBe(true)
    expect(beepsIn(samplesOf(wav, heard, 2), 8000)).toHaveLength(4)
    const path = join(directory, 'pair.wav')
    await writeFile(path, wav)
    const probe = ['-v', 'error', '-show_streams', '-of', 'json', path]
    const { streams } = JSON.parse((await run(machineProgram('ffprobe'), probe)).stdout)
    expect(streams).toMatchObject([{ codec_name: 'pcm_s16le', channels: 2, duration: '10.000000' }])
  })

  test('a pair of which a side means nobody, and the other lacks a file, says both', async () => {
    const { make, store, directory } = await world({ pair: { left: ['nobody'], right: ['bob', 'carol'] } })
    await rm(join(directory, 'bob.mp3.body'))
    const [made] = await make()
    expect(made).toMatchObject({ status: 1, missing: ['spec.outputs.pair.left', 'lessons/bob.mp3'] })
    expect(made!.message).toMatch(
      /^made of what there is, without all of 1 file: spec\.outputs\.pair\.left means nobody.*; lessons\/bob\.mp3 is not/,
    )
    expect(beepsIn(samplesOf(store.bodies.get(made!.path)!, 1, 2), 8000)).toHaveLength(2)
  })

  test('a pair of which no file of one side is left is silent there, and names it', async () => {
    const { make, store, directory } = await world({ pair: { left: ['bob'], right: ['alice'] } })
    await rm(join(directory, 'bob.mp3.body'))
    const [made] = await make()
    expect(made).toMatchObject({ status: 1, missing: ['lessons/bob.mp3'] })
    const wav = store.bodies.get(made!.path)!
    expect(samplesOf(wav, 0, 2).every((sample) => sample === 0)).toBe(true)
    expect(beepsIn(samplesOf(wav, 1, 2), 8000)).toHaveLength(4)
  })

  test('a pair that means nobody at all is not made, and says so', async () => {
    const { make } = await world({ pair: { left: ['agent_.*$'], right: ['customer_.*$'] } })
    expect(await make()).toMatchObject([
      { kind: 'pair', status: 0, url: '', message: 'spec.outputs.pair means nobody whose sound was recorded' },
    ])
  })

  test('of which nothing is left says why it is not there', async () => {
    const { make, manifest, directory } = await world({
      pair: { left: ['nobody'], right: ['bob'] },
      speech: true,
      mix: true,
      vcon: true,
    })
    for (const { path } of manifest.files) await rm(join(directory, `${path.split('/').at(-1)}.body`))
    const why = 'nothing is left of 3 files: lessons/alice.mp4 is not on the volume any more'
    expect(await make()).toMatchObject([
      { kind: 'pair', status: 0, url: '', message: 'lessons/bob.mp3 is not on the volume any more' },
      ...['speech', 'speech', 'vcon', 'mix'].map((kind) => ({ kind, status: 0, url: '', message: why })),
    ])
    expect(await readdir(join(directory, 'outputs'))).toEqual([])
  })

  test('of one who was only seen, beside one of whom nothing came, has what can be shown, and says of the rest that nobody was heard', async () => {
    const outputs = {
      pair: { left: ['alice'], right: ['.*$'] },
      speech: true,
      vcon: true,
      mix: true,
      paella: true,
      audio16k: true,
    }
    const { make, store } = await recorded(
      aJob({ outputs }),
      [
        { userId: 'alice', mode: '02', frames: send({ ...sent(0, 2, 0), kinds: ['video'] }) },
        { userId: 'bob', mode: '02', frames: [] },
      ],
      5,
    )
    const nobody = 'nobody was heard in this recording'
    const made = (await make()).map(({ kind, path, status, message }) => [kind, path.split('/').at(-1), status, message])
    expect(made).toEqual([
      ['pair', 'maths.pair.wav', 0, nobody],
      ['speech', 'maths.speech.vtt', 1, 'ok'],
      ['speech', 'maths.speech.rttm', 1, 'ok'],
      ['vcon', 'maths.vcon', 1, expect.stringContaining('lessons/bob.mp4')],
      ['mix', 'maths.mix.mp3', 0, nobody],
      ['paella', 'YWxpY2U.main.mp4', 1, 'ok'],
      ['paella', 'preview.svg', 1, 'ok'],
      ['paella', 'data.json', 1, 'ok'],
      ['audio16k', 'maths.16k.wav', 0, nobody],
    ])
    expect(store.objects.get('lessons/maths.speech.rttm')).toBe('')
    const { parties } = JSON.parse(store.objects.get('lessons/maths.vcon')!)
    expect(parties.map(({ name }: { name: string }) => name).sort()).toEqual(['alice', 'bob'])
  })

  test('a file that COS did not take is in all that is made of sound, and has no content in the vCon', async () => {
    const { make, store, manifest } = await world({ speech: true, vcon: true })
    Object.assign(manifest.files[1]!, { status: 0, url: '', message: 'COS is away' })
    expect(await make()).toMatchObject([
      { kind: 'speech', status: 1, message: 'ok' },
      { kind: 'speech', status: 1, message: 'ok' },
      {
        kind: 'vcon',
        status: 1,
        missing: ['lessons/bob.mp3'],
        message: expect.stringContaining('not whole in COS: COS is away'),
      },
    ])
    const { dialog } = JSON.parse(store.objects.get('lessons/maths.vcon')!)
    expect(dialog[2]).toMatchObject({ type: 'recording', filename: 'bob.mp3' })
    expect(dialog[2]).not.toHaveProperty('url')
  })

  test('a vCon has the hash of each file as it is in COS', async () => {
    const { make, store, directory, manifest } = await world({ vcon: true })
    expect(await make()).toMatchObject([{ kind: 'vcon', status: 1, path: 'lessons/maths.vcon' }])
    const vcon = JSON.parse(store.objects.get('lessons/maths.vcon')!)
    for (const [n, { path }] of manifest.files.entries()) {
      const name = join(directory, path.split('/').at(-1)!)
      const whole = Buffer.concat([await readFile(`${name}.head`), await readFile(`${name}.body`)])
      expect(vcon.dialog[n + 1].content_hash).toBe(`sha512-${createHash('sha512').update(whole).digest('base64url')}`)
    }
  })

  test('is not made while a recording goes on in another attempt', async () => {
    const { make } = await world({ audio16k: true })
    expect(await make(false)).toEqual([])
  })
})
