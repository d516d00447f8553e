import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { Ledger } from '../ledger/ledger.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { readHead } from './head-file.ts'
import { type Clip, makeClip } from './testing/clip.ts'
import { machineProgram } from './testing/machine-program.ts'
import { newDirectory } from './testing/new-directory.ts'
import { play } from './testing/playback.ts'
import { finishAndPlay, openFile, record } from './testing/recording.ts'
import { epochMicros, seeded, send } from './testing/sender.ts'

let clip: Clip
beforeAll(async () => {
  clip = await makeClip({ seconds: 12 })
})

/** Up to 40 ms of jitter; key frames take up to 150 ms more. */
function jitter(seed: number) {
  const random = seeded(seed)
  return ({ key, kind }: { key: boolean; kind: string }) =>
    0.03 + 0.04 * random() ** 3 + (kind === 'video' && key ? 0.15 * random() : 0)
}

/** Each of `actual` within `tolerance` seconds of its expected time. */
function expectTimes(actual: number[], expected: number[], tolerance: number): void {
  expect(actual.map((time) => Math.round(time * 100) / 100).length, `${actual} against ${expected}`).toBe(expected.length)
  actual.forEach((time, n) => {
    expect(Math.abs(time - expected[n]!), `time ${n} of ${actual} against ${expected}`).toBeLessThanOrEqual(tolerance)
  })
}

describe('camera and microphone, mode 02', () => {
  it('has every picture at its time within 1 ms, and beep and flash together, whatever the network did to their arrival', async () => {
    const { finished, playback } = await record('02', send({ clip, from: 0, to: 6, atSeconds: 0, delay: jitter(1) }))
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expect(playback.pictures).toHaveLength(180)
    const first = playback.pictures[0]!.time
    playback.pictures.forEach(({ time }, n) => {
      expect(Math.abs(time - first - n / 30)).toBeLessThan(0.001)
    })
    expectTimes(playback.flashes, [0, 1, 2, 3, 4, 5], 0.015)
    expectTimes(playback.beeps, playback.flashes, 0.01)
    expect(finished.durationSeconds).toBeCloseTo(6, 1)
    expect(finished.startTime.getTime() - epochMicros / 1000).toBeGreaterThan(29)
    expect(finished.startTime.getTime() - epochMicros / 1000).toBeLessThan(45)
    expect(finished.video).toEqual({ codec: expect.stringMatching(/^avc1\.42c0/), width: 160, height: 96 })
    expect(finished.audio).toEqual({ codec: 'mp4a.40.2', sampleRate: 48_000, channels: 2 })
    expect(finished.events).toEqual([])
  })

  it.each([
    ['AAC', 3.1, 0.3],
    ['Opus', 3.1, 0.3],
    ['AAC', 3, 0.9],
    ['Opus', 3, 0.9],
    ['Opus', 2.98, 0.9],
  ] as const)(
    'with %s does not crack where it begins in the middle of a stream, at %s s, just when the loudness changes',
    async (audioCodec, from, most) => {
      const clip = await makeClip({ seconds: 5, toneHertz: 420 })
      const { finished, playback } = await record('02', send({ clip, from, to: 5, atSeconds: 0 }), { audioCodec })
      expect(finished.problem).toBeUndefined()
      const beginning = playback.sound.subarray(0, 48_000 / 10)
      expect(beginning.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0)).toBeLessThan(most)
      // What a decoder begins with is not heard.
      expectTimes(
        playback.beeps.filter((beep) => beep > 0.3),
        [4 - from],
        0.008,
      )
    },
  )

  it('goes on where RTP timestamps wrap', async () => {
    const rtpStart = { audio: 2 ** 32 - 48_000, video: 2 ** 32 - 90_000 * 2 }
    const { finished, playback } = await record('02', send({ clip, from: 0, to: 4, atSeconds: 0, rtpStart }))
    expect(finished.problem).toBeUndefined()
    expect(playback.pictures).toHaveLength(120)
    expectTimes(playback.flashes, [0, 1, 2, 3], 0.001)
    expectTimes(playback.beeps, [0, 1, 2, 3], 0.001)
  })

  it('keeps an outage as a gap: picture held, sound silent', async () => {
    const lost = ({ seconds }: { seconds: number }) => seconds >= 1.5 && seconds < 4
    const { finished, playback } = await record('02', send({ clip, from: 0, to: 6, atSeconds: 0, lost }))
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expectTimes(playback.flashes, [0, 1, 4, 5], 0.001)
    expectTimes(playback.beeps, [0, 1, 4, 5], 0.01)
    expect(finished.durationSeconds).toBe(6)
    const at = (seconds: number) => new Date(epochMicros / 1000 + 20 + seconds * 1000).toISOString()
    expect(finished.events).toMatchObject([
      { event: 'gap', kind: 'video', time: at(1.467), seconds: 2.533 },
      { event: 'gap', kind: 'audio', time: at(1.5), seconds: 2.5 },
    ])
  })

  it('keeps a long mute of the microphone without encoding it, to the millisecond', async () => {
    const muted = 607.3
    const frames = send(
      { clip, from: 0, to: 2.5, atSeconds: 0, kinds: ['audio'] },
      // The clock of a sender that mutes goes on, or it stands still: the clip's clock here stands still.
      { clip, from: 3, to: 6, atSeconds: 3 + muted, kinds: ['audio'] },
    )
    const started = performance.now()
    const { finished, playback } = await record('02', frames)
    expect(performance.now() - started).toBeLessThan(20_000)
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expectTimes(playback.beeps, [0, 1, 2, 3 + muted, 4 + muted, 5 + muted], 0.004)
    expect(finished.durationSeconds).toBeCloseTo(6 + muted, 2)
    expect(finished.events).toHaveLength(1)
  })

  it('puts the next subscription of the same user at its wall-clock place', async () => {
    const frames = send(
      { clip, from: 0, to: 3.5, atSeconds: 0 },
      {
        ...{ clip, from: 4, to: 7, atSeconds: 5.25 },
        ...{ ssrc: { audio: 7, video: 8 }, rtpStart: { audio: 4e9, video: 5 }, delay: jitter(3) },
      },
    )
    const { finished, playback } = await record('02', frames)
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expectTimes(playback.flashes, [0, 1, 2, 3, 5.26, 6.26, 7.26], 0.01)
    expectTimes(playback.beeps, playback.flashes, 0.012)
  })

  it('follows a sender that starts its clocks anew within one subscription', async () => {
    const frames = send(
      { clip, from: 0, to: 3, atSeconds: 0 },
      { clip, from: 3, to: 6, atSeconds: 3, rtpStart: { audio: 3e9, video: 1e9 } },
      { clip, from: 6, to: 9, atSeconds: 6, rtpStart: { audio: 5, video: 4e9 } },
    )
    const { finished, playback } = await record('02', frames)
    expect(finished.problem).toBeUndefined()
    expectTimes(playback.flashes, [0, 1, 2, 3, 4, 5, 6, 7, 8], 0.002)
    expectTimes(playback.beeps, [0, 1, 2, 3, 4, 5, 6, 7, 8], 0.005)
  })

  it('shows the first picture from the start where the camera comes later, so that every player is in step', async () => {
    const frames = send(
      { clip, from: 0, to: 10, atSeconds: 0, kinds: ['audio'] },
      { clip, from: 6, to: 9, atSeconds: 6, kinds: ['video'] },
    )
    const { finished, playback, path } = await record('02', frames)
    expect(finished.problem).toBeUndefined()
    // The first picture is a flash; it is there twice.
    expect(playback.pictures).toHaveLength(91)
    expectTimes(
      playback.pictures.slice(0, 2).map(({ time }) => time),
      [0, 6],
      0.001,
    )
    expectTimes(playback.flashes, [0, 7, 8], 0.001)
    expectTimes(playback.beeps, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 0.001)
    expect(finished.durationSeconds).toBe(10)
    expect(finished.events).toMatchObject([{ event: 'gap', kind: 'video', seconds: 6 }])
    const pixelFormat = ['-v', 'warning', '-select_streams', 'v', '-show_entries', 'stream=pix_fmt', '-of', 'csv=p=0', path]
    expect(await ffprobe(pixelFormat)).toEqual({ stdout: 'yuv420p\n', stderr: '' })
    const withoutEdits = await play(path, ['-ignore_editlist', '1'])
    expectTimes(withoutEdits.flashes, playback.flashes, 0.001)
    expectTimes(withoutEdits.beeps, playback.beeps, 0.025)
  })

  it('fills silence where the microphone comes later', async () => {
    const frames = send(
      { clip, from: 0, to: 6, atSeconds: 0, kinds: ['video'] },
      { clip, from: 2, to: 5, atSeconds: 2, kinds: ['audio'] },
    )
    const { finished, playback, path } = await record('02', frames)
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expectTimes(playback.flashes, [0, 1, 2, 3, 4, 5], 0.001)
    expectTimes(playback.beeps, [2, 3, 4], 0.001)
    expect(finished.events).toMatchObject([{ event: 'gap', kind: 'audio', seconds: 2 }])
    const withoutEdits = await play(path, ['-ignore_editlist', '1'])
    expectTimes(withoutEdits.beeps, playback.beeps, 0.043)
  })

  it('makes an MP4 of sound alone for a user without a camera', async () => {
    const { finished, playback } = await record('02', send({ clip, from: 0, to: 3, atSeconds: 0, kinds: ['audio'] }))
    expect(finished.problem).toBeUndefined()
    expect(finished.video).toBeUndefined()
    expect(playback.pictures).toEqual([])
    expectTimes(playback.beeps, [0, 1, 2], 0.001)
  })

  it('keeps a change of resolution in one file that decodes to its end, and says when it was', async () => {
    const small = await makeClip({ seconds: 8, size: '80x64' })
    const frames = send(
      { clip, from: 0, to: 3, atSeconds: 0 },
      { clip: small, from: 3, to: 6, atSeconds: 3 },
      { clip, from: 6, to: 9, atSeconds: 6 },
    )
    const { finished, playback } = await record('02', frames)
    expect(finished.problem).toBeUndefined()
    expect(playback.pictures).toHaveLength(270)
    expectTimes(playback.flashes, [0, 1, 2, 3, 4, 5, 6, 7, 8], 0.001)
    const at = (seconds: number) => new Date(epochMicros / 1000 + 20 + seconds * 1000).toISOString()
    // The largest of them.
    expect(finished.video).toMatchObject({ width: 160, height: 96 })
    expect(finished.events).toMatchObject([
      { event: 'resolution', time: at(3), width: 80, height: 64 },
      { event: 'resolution', time: at(6), width: 160, height: 96 },
    ])
  })

  it('fills lost sound packets, so that what follows is in time', async () => {
    const random = seeded(9)
    const lost = ({ kind }: { kind: string }) => kind === 'audio' && random() < 0.1
    const { finished, playback } = await record('02', send({ clip, from: 0, to: 10, atSeconds: 0, lost }))
    expect(finished.problem).toBeUndefined()
    expect(playback.beeps.length).toBeGreaterThanOrEqual(9)
    for (const beep of playback.beeps) expect(beep % 1).toBeLessThan(0.05)
  })

  it('waits for a key frame; if none ever comes, the sound is a whole file, and the ledger has the pictures', async () => {
    const ledger = new Ledger()
    const frames = send({ clip, from: 0.5, to: 0.99, atSeconds: 0 })
    const { finished, playback } = await record('02', frames, { ledger })
    expect(finished.problem).toBeUndefined()
    expect(playback.sound.length / 48_000).toBeGreaterThan(0.48)
    expect(ledger.lossesOf('file.mp4')).toMatchObject([{ medium: 'video', reason: 'NoKeyFrame', frames: 15 }])
  })

  it('says so where nothing came but pictures without a key frame', async () => {
    const frames = send({ clip, from: 0.5, to: 0.99, atSeconds: 0 }).filter(({ kind }) => kind === 'video')
    const file = openFile('02', await newDirectory())
    for (const frame of frames) file.write(frame)
    const finished = await file.finish()
    expect(finished.problem).toBe('no key frame came: 15 pictures of alice could not be used')
  })

  it('records the sound of a user whose pictures it cannot take, and tells the ledger', async () => {
    const ledger = new Ledger()
    const frames = send({ clip, from: 0, to: 2, atSeconds: 0 }).map((frame) =>
      frame.kind === 'video' ? { ...frame, mimeType: 'video/Theora' } : frame,
    )
    const { playback } = await record('02', frames, { ledger })
    expectTimes(playback.beeps, [0, 1], 0.001)
    expect(ledger.lossesOf('file.mp4')).toMatchObject([{ reason: 'UnsupportedCodec', frames: 60, detail: 'video/Theora' }])
  })

  it('is a file even if nothing ever came', async () => {
    const file = openFile('02', await newDirectory())
    const finished = await file.finish()
    expect(finished.problem).toBe('no media came from alice')
    expect(
      Buffer.from(await readHead(finished.head))
        .subarray(4, 8)
        .toString(),
    ).toBe('ftyp')
    expect(finished.durationSeconds).toBe(0)
  })
})

describe('sound', () => {
  it.each([
    ['packets of 2.5 ms', 2, ['-frame_duration', '2.5', '-application', 'lowdelay']],
    ['packets of 60 ms', 2, ['-frame_duration', '60']],
    ['packets of 120 ms, one channel', 1, ['-frame_duration', '120']],
    [
      'one channel of speech with forward error correction',
      1,
      ['-application', 'voip', '-fec', '1', '-packet_loss', '10', '-b:a', '24k'],
    ],
  ] as const)('of %s is in time', async (_, channels, soundEncoder) => {
    const clip = await makeClip({ seconds: 4, channels, soundEncoder: [...soundEncoder] })
    const { finished, playback } = await record('02', send({ clip, from: 0, to: 4, atSeconds: 0 }))
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expectTimes(playback.beeps, [0, 1, 2, 3], 0.005)
    expectTimes(playback.flashes, [0, 1, 2, 3], 0.001)
  })

  it('is kept as it came where Opus is wanted, through loss, mute and a second subscription', async () => {
    const lost = ({ kind, seconds }: { kind: string; seconds: number }) => kind === 'audio' && seconds >= 1.4 && seconds < 2.6
    const frames = send(
      { clip, from: 0, to: 4, atSeconds: 0, kinds: ['video'] },
      { clip, from: 1, to: 4, atSeconds: 1, kinds: ['audio'], lost },
      { clip, from: 4, to: 7, atSeconds: 5, ssrc: { audio: 7, video: 8 } },
    )
    const { finished, playback, path } = await record('02', frames, { audioCodec: 'Opus' })
    expect(finished.problem).toBeUndefined()
    expect(finished.audio).toEqual({ codec: 'opus', sampleRate: 48_000, channels: 2 })
    expect(finished.check).toMatchObject({ result: 'Passed' })
    expectTimes(playback.beeps, [1, 3, 5, 6, 7], 0.008)
    expectTimes(playback.flashes, [0, 1, 2, 3, 5, 6, 7], 0.004)
    const sent = frames.filter(({ kind }) => kind === 'audio').map(({ data }) => Buffer.from(data).toString('hex'))
    const { stdout } = await ffprobe([
      '-v',
      'error',
      '-select_streams',
      'a',
      '-show_packets',
      '-show_data_hash',
      'md5',
      '-of',
      'csv',
      path,
    ])
    const kept = new Set([...stdout.matchAll(/MD5:([0-9a-f]+)/g)].map(([, hash]) => hash))
    for (const packet of sent) expect(kept).toContain(createHash('md5').update(Buffer.from(packet, 'hex')).digest('hex'))
  })

  it('of which some packets are none has silence in their place, and nothing after them moves', async () => {
    const ledger = new Ledger()
    const random = seeded(4)
    const frames = send({ clip, from: 0, to: 6, atSeconds: 0, kinds: ['audio'] }).map((frame, n) => {
      if (n % 40 === 17) return { ...frame, data: Uint8Array.of(0xff, 0) }
      // What is well-formed is taken, whatever it says.
      if (n % 40 === 23) return { ...frame, data: Uint8Array.from(frame.data, (byte, at) => (at === 0 ? byte : random() * 256)) }
      return frame
    })
    const { finished, playback } = await record('02', frames, { ledger })
    expect(finished.problem).toBeUndefined()
    expect(finished.durationSeconds).toBe(6)
    const beeps = playback.beeps.filter((time) => time % 1 < 0.001)
    expectTimes(beeps, [0, 1, 2, 3, 4, 5], 0.001)
    expect(ledger.lossesOf('file.mp4')).toMatchObject([{ medium: 'audio', reason: 'EncoderRefused', frames: 8 }])
  })
})

describe('other codecs', () => {
  it('and a sender that makes no key frames begin at a recovery point', async () => {
    const encoder = ['-x264-params', 'aud=1:intra-refresh=1:keyint=30:scenecut=0:repeat-headers=1', '-g', '30', '-bf', '0']
    const clip = await makeClip({ seconds: 5, encoder })
    const { finished, playback } = await record('01', send({ clip, from: 0.5, to: 5, atSeconds: 0, kinds: ['video'] }))
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expect(playback.pictures.length).toBeGreaterThan(110)
  })

  it.each([
    ['h264', [], /^avc1\.42c0/],
    // High profile, CABAC; several slices.
    ['h264', ['-profile:v', 'high', '-preset', 'fast', '-bf', '0', '-slices', '4'], /^avc1\.6400/],
    ['h265', [], /^hvc1\.1\./],
    ['vp8', [], /^vp08/],
    ['vp9', [], /^vp09\.00/],
    ['av1', [], /^av01\.0\.00M\.08$/],
    ['av1', ['-c:v', 'libsvtav1', '-preset', '10', '-svtav1-params', 'pred-struct=1'], /^av01\.0\.00M\.08$/],
  ] as const)('are recorded as they are: %s %s', async (codec, encoder, codecString) => {
    const clip = await makeClip({ seconds: 3, codec, encoder: [...encoder] })
    const { finished, playback } = await record('02', send({ clip, from: 0, to: 3, atSeconds: 0 }))
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expect(playback.pictures).toHaveLength(90)
    expectTimes(playback.flashes, [0, 1, 2], 0.001)
    expect(finished.video).toEqual({ codec: expect.stringMatching(codecString), width: 160, height: 96 })
  })
})

describe('mode 01', () => {
  it('takes frames that hold no picture for none that is missing', async () => {
    const frames = send({ clip, from: 0, to: 2, atSeconds: 0, kinds: ['video'] })
    const nothing = { ...frames[40]!, data: Uint8Array.of(0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 12, 0xff, 0x80) }
    const { finished } = await record('01', frames.toSpliced(40, 0, nothing))
    expect(finished.problem).toBeUndefined()
    expect(finished.check).toMatchObject({ result: 'Passed', pictures: 60, decodedPictures: 60 })
  })

  it('has no sound, whatever comes', async () => {
    const { finished, playback } = await record('01', send({ clip, from: 0, to: 3, atSeconds: 0 }))
    expect(finished.problem).toBeUndefined()
    expect(finished.audio).toBeUndefined()
    expect(playback.sound).toHaveLength(0)
    expect(playback.pictures).toHaveLength(90)
    expect(playback.durationSeconds).toBe(3)
  })
})

describe('mode 00', () => {
  it('makes MP3 of constant bit rate whose Info frame tells players where sound begins and ends', async () => {
    const lost = ({ seconds }: { seconds: number }) => seconds >= 2.2 && seconds < 9.7
    const { finished, playback, path } = await record('00', send({ clip, from: 0, to: 12, atSeconds: 0, lost }))
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expectTimes(playback.beeps, [0, 1, 2, 10, 11], 0.001)
    expect(playback.sound.length / 48_000).toBeCloseTo(12, 3)
    expect(finished.durationSeconds).toBe(12)
    const file = await readFile(path)
    const info = file.subarray(36)
    expect(info.subarray(0, 4).toString()).toBe('Info')
    expect(file.length % 384).toBe(0)
    expect(info.readUInt32BE(8)).toBe(file.length / 384 - 1)
    expect(info.readUInt32BE(12)).toBe(file.length)
  })
})

describe('what fails on the way', () => {
  it('goes on with another encoder when one dies, without losing a frame', async () => {
    const directory = await newDirectory()
    const once = join(directory, 'died')
    const ffmpegPath = join(directory, 'ffmpeg')
    // The first run as encoder ends after some output.
    const script = `#!/bin/sh
case "$*" in *adts*) if [ ! -e ${once} ]; then touch ${once}; ffmpeg "$@" | head -c 9000; exit 3; fi;; esac
exec ffmpeg "$@"
`
    await writeFile(ffmpegPath, script, { mode: 0o755 })
    const file = openFile('02', directory, { ffmpegPath })
    for (const part of [
      [0, 4],
      [4, 8],
    ] as const) {
      for (const frame of send({ clip, from: part[0], to: part[1], atSeconds: part[0] })) file.write(frame)
      await grown(file)
    }
    const { finished, playback } = await finishAndPlay(file)
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expectTimes(playback.beeps, [0, 1, 2, 3, 4, 5, 6, 7], 0.001)
  })

  it('tries an encoder again that failed twice, ever later, and is not behind when it is over', async () => {
    const directory = await newDirectory()
    const ffmpegPath = join(directory, 'ffmpeg')
    // Fails four times, and notes when it was tried.
    const script = `#!/bin/sh
case "$*" in *adts*) date +%s%N >> ${directory}/tries; [ $(wc -l < ${directory}/tries) -le 4 ] && exit 3;; esac
exec ffmpeg "$@"
`
    await writeFile(ffmpegPath, script, { mode: 0o755 })
    // One that fails later than this has worked, and on a busy machine it takes a while to fail.
    const encoderRestMs = 1000
    const file = openFile('02', directory, { ffmpegPath, encoderRestMs })
    for (const frame of send({ clip, from: 0, to: 8, atSeconds: 0 })) file.write(frame)
    const tries = async () =>
      (await readFile(join(directory, 'tries'), 'utf8'))
        .trim()
        .split('\n')
        .map((nanos) => Number(nanos) / 1e6)
    await expect.poll(async () => (await tries()).length).toBe(5)
    // Sound that was behind comes, and the file grows by it.
    const before = file.bodyBytes
    await expect.poll(() => file.bodyBytes).toBeGreaterThan(before)
    const { finished, playback } = await finishAndPlay(file)
    expect(finished.problem).toBeUndefined()
    expectTimes(playback.beeps, [0, 1, 2, 3, 4, 5, 6, 7], 0.001)
    const [, second, third, fourth, fifth] = await tries()
    expect(third! - second!).toBeGreaterThan(0.97 * encoderRestMs)
    expect(fourth! - third!).toBeGreaterThan(1.98 * encoderRestMs)
    expect(fifth! - fourth!).toBeGreaterThan(3.98 * encoderRestMs)
  })

  it('writes what is encoded only at the end while it is encoded, instead of holding it', async () => {
    const directory = await newDirectory()
    const ffmpegPath = join(directory, 'ffmpeg')
    // The first two runs as encoder end at once, so that all waits for the end.
    const script = `#!/bin/sh
case "$*" in *adts*) for n in 1 2; do if [ ! -e ${directory}/died-$n ]; then touch ${directory}/died-$n; exit 3; fi; done;; esac
exec ffmpeg "$@"
`
    await writeFile(ffmpegPath, script, { mode: 0o755 })
    const file = openFile('02', directory, { ffmpegPath })
    const rounds = Array.from({ length: 40 }, (_, n) => ({
      ...{ clip, from: 0, to: 12, atSeconds: n * 12, kinds: ['audio' as const] },
      rtpStart: { audio: 1000 + n * 12 * 48_000, video: 0 },
    }))
    for (const frame of send(...rounds)) file.write(frame)
    await expect.poll(() => stat(join(directory, 'died-2')).catch(() => undefined)).toBeDefined()
    const finishing = file.finish()
    const sizes: number[] = []
    const look = setInterval(async () => sizes.push((await stat(file.bodyPath)).size), 50)
    const { problem, durationSeconds, bodyBytes } = await finishing
    clearInterval(look)
    expect(problem).toBeUndefined()
    expect(durationSeconds).toBeCloseTo(480, 0)
    expect(sizes.filter((size) => size > bodyBytes / 10 && size < (bodyBytes * 9) / 10).length).toBeGreaterThan(0)
  })

  it('keeps the pictures and says why there is no sound when ffmpeg cannot be run', async () => {
    const directory = await newDirectory()
    const file = openFile('02', directory, { ffmpegPath: join(directory, 'none') })
    for (const frame of send({ clip, from: 0, to: 2, atSeconds: 0 })) file.write(frame)
    const finished = await file.finish()
    expect(finished.problem).toContain('sound could not be encoded to its end: ffmpeg could not be run')
    expect(finished.bodyBytes).toBeGreaterThan(0)
    expect(finished.video).toBeDefined()
  })

  it('says that the disk is full, live and at the end', async () => {
    const directory = await newDirectory()
    await symlink('/dev/full', join(directory, 'file.mp4.body'))
    const file = openFile('01', directory)
    for (const frame of send({ clip, from: 0, to: 2, atSeconds: 0 })) file.write(frame)
    const finished = await file.finish()
    expect(finished.problem).toMatch(/writing to .*file\.mp4\.body failed.*ENOSPC/)
    expect(file.problem).toMatch(/ENOSPC/)
  })

  it('leaves pictures out, and says so, rather than fill the memory when the disk does not keep up', async () => {
    const file = openFile('01', await newDirectory(), { batchMs: 60_000 })
    const key = clip.pictures[0]!.data
    const large = Buffer.concat([key, Buffer.alloc(8 * 1024 * 1024, 1)])
    const [frame] = send({ clip, from: 0, to: 0.01, atSeconds: 0, kinds: ['video'] })
    for (let n = 0; n < 12; n++) file.write({ ...frame!, data: large, rtpTimestamp: n * 3000 })
    expect(file.problem).toBe('pictures were left out because the disk did not keep up')
    const finished = await file.finish()
    expect(finished.bodyBytes).toBeLessThan(80 * 1024 * 1024)
    expect(finished.problem).toContain('pictures were left out')
  })

  it('says that the directory is not there', async () => {
    const directory = await newDirectory()
    await mkdir(join(directory, 'a'))
    const file = openFile('01', join(directory, 'b'))
    const frames: EncodedFrame[] = send({ clip, from: 0, to: 1, atSeconds: 0 })
    for (const frame of frames) file.write(frame)
    expect((await file.finish()).problem).toMatch(/ENOENT/)
  })
})

const run = promisify(execFile)
const ffprobe = async (options: string[]) => await run(machineProgram('ffprobe'), options)

const grown = (file: { onGrowth: (bytes: number) => void }) =>
  new Promise<void>((resolve) => {
    file.onGrowth = () => resolve()
  })

describe('sound that comes late, swapped and not at all', () => {
  it('is whole but for what was lost, and the ledger says what that is', async () => {
    const random = seeded(5)
    const clip = await makeClip({ seconds: 12, toneHertz: 420 })
    const frames = send({
      ...{ clip, from: 0, to: 12, atSeconds: 0, kinds: ['audio'] },
      lost: ({ seconds }) => seconds >= 7.5 && seconds < 7.56,
    }).map((frame, n) => ({
      ...frame,
      // One of ten 30 ms late, another 900 ms of queue for three seconds.
      receiveTimeMicros: frame.receiveTimeMicros + (random() < 0.1 ? 30_000 : 0) + (n > 200 && n < 350 ? 900_000 : 0),
    }))
    frames.sort((a, b) => a.receiveTimeMicros - b.receiveTimeMicros)
    const ledger = new Ledger()
    const { finished, playback } = await record('00', frames, { ledger })
    expect(finished.problem).toBeUndefined()
    expectTimes(playback.beeps, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 0.003)
    expect(silences(playback.sound)).toEqual([expect.closeTo(7.5, 1)])
    expect(ledger.losses).toMatchObject([
      { ...{ userId: 'alice', stream: 'main', medium: 'audio', reason: 'LostInNetwork' }, frames: 3, file: 'file.mp3' },
    ])
  })

  it.each(['00', '02'] as const)(
    'keeps in step with the wall clock when the sender’s drifts by 300 ppm, in mode %s',
    async (mode) => {
      const long = Array.from({ length: 30 }, (_, round) => ({
        clip,
        from: 0,
        to: 12,
        atSeconds: round * 12,
        kinds: ['audio' as const],
      }))
      const frames = send(...long).map((frame, n) => ({
        ...frame,
        rtpTimestamp: n * 960,
        receiveTimeMicros: epochMicros + 20_000 + Math.round(n * 20_000 * 1.0003),
      }))
      const { finished, playback } = await record(mode, frames)
      expect(finished.problem).toBeUndefined()
      expect(playback.beeps).toHaveLength(360)
      playback.beeps.forEach((beep, n) => {
        expect(Math.abs(beep - n * 1.0003), `beep ${n}`).toBeLessThan(n < 60 ? 0.012 : 0.01)
      })
    },
  )
})

describe('pictures that do not come in the order in which they are shown', () => {
  it.each(['h264', 'h265'] as const)('are all shown when a key frame of %s overtook those before it', async (codec) => {
    const clip = await makeClip({ seconds: 6, codec })
    const frames = send({ clip, from: 0, to: 6, atSeconds: 0, kinds: ['video'] })
    // The last five before each key frame are repaired 100 ms after it has come, the last one first.
    for (const frame of frames) {
      const n = (frame.rtpTimestamp - 2000) / 3000
      const inSecond = n % 30
      if (inSecond >= 25 && n < 150) frame.receiveTimeMicros += 300_000 + (27 - inSecond) * 80_000
    }
    frames.sort((a, b) => a.receiveTimeMicros - b.receiveTimeMicros)
    const ledger = new Ledger()
    const { finished, playback } = await record('01', frames, { ledger })
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expect(playback.pictures).toHaveLength(180)
    expectTimes(playback.flashes, [0, 1, 2, 3, 4, 5], 0.001)
    expect(ledger.losses).toEqual([])
  })

  it.each(['h264', 'h265', 'vp8'] as const)(
    'are all shown when the first key frame of %s comes behind some that refer to it',
    async (codec) => {
      const clip = await makeClip({ seconds: 2, codec })
      const frames = send({ clip, from: 0, to: 2, atSeconds: 0, kinds: ['video'] })
      for (const [n, late] of [150_000, 60_000].entries()) frames[n]!.receiveTimeMicros += late
      frames.sort((a, b) => a.receiveTimeMicros - b.receiveTimeMicros)
      expect(frames[0]!.key).toBe(false)
      const ledger = new Ledger()
      const { finished, playback } = await record('01', frames, { ledger })
      expect(finished.problem).toBeUndefined()
      expect(playback.complaints).toBe('')
      expect(playback.pictures).toHaveLength(60)
      expectTimes(playback.flashes, [0, 1], 0.001)
      expect(ledger.losses).toEqual([])
    },
  )

  it('are shown in their order and at their time when the sender makes B pictures', async () => {
    const clip = await makeClip({
      seconds: 4,
      encoder: ['-profile:v', 'main', '-bf', '2', '-x264-params', 'aud=1:keyint_min=1:scenecut=0:b-adapt=0:b-pyramid=none'],
    })
    const frames = send({ clip, from: 0, to: 4, atSeconds: 0 })
    // I0 P3 B1 B2 P6 B4 B5 …, each second anew.
    const pictures = frames.filter(({ kind }) => kind === 'video')
    pictures.forEach((frame, n) => {
      const [second, at] = [Math.floor(n / 30), n % 30]
      const shownAs = at === 0 ? 0 : at % 3 === 1 ? Math.min(at + 2, 29) : at - 1
      frame.rtpTimestamp = 2000 + (second * 30 + shownAs) * 3000
      // Nothing is sent before it was captured: a picture that is decoded two pictures early makes all leave so much later.
      frame.receiveTimeMicros += 66_667
    })
    const { finished, playback } = await record('02', frames)
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expect(playback.pictures).toHaveLength(120)
    playback.pictures.forEach(({ time }, n) => {
      expect(Math.abs(time - n / 30)).toBeLessThan(0.001)
    })
    expectTimes(playback.flashes, [0, 1, 2, 3], 0.001)
    expectTimes(playback.beeps, [0, 1, 2, 3], 0.001)
  })

  it('are in the ledger from the one that was lost to the next key frame', async () => {
    const ledger = new Ledger()
    const lost = ({ seconds }: { seconds: number }) => seconds >= 2.5 && seconds < 3
    await record('01', send({ clip, from: 0, to: 6, atSeconds: 0, kinds: ['video'], lost }), { ledger })
    const at = (seconds: number) => new Date(epochMicros / 1000 + 20 + seconds * 1000).toISOString()
    expect(ledger.losses).toMatchObject([{ userId: 'alice', medium: 'video', reason: 'LostInNetwork', frames: 15, to: at(3) }])
  })
})

/** Where at least 20 ms are silent, in seconds. */
function silences(sound: Float32Array): number[] {
  const found: number[] = []
  let quiet = 0
  for (let at = 0; at < sound.length - 4800; at++) {
    quiet = Math.abs(sound[at]!) < 0.01 ? quiet + 1 : 0
    if (quiet === 960) found.push(at / 48_000)
  }
  return found
}
