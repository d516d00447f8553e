import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkFile } from './check-file.ts'
import type { Expectation, SentFrame } from './expectation.ts'
import { makeFile, type Take } from './generator.ts'
import { markOf, pitchHzOf } from './pattern.ts'
import { readMedia } from './read-media.ts'

const framesPerSecond = 15
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'media-check-'))
})
afterAll(() => rm(folder, { recursive: true }))

let count = 0
async function check(take: Partial<Take>, expected: Partial<Expectation> = {}) {
  const whole: Take = { userId: 'alice', mode: '02', seconds: 6, framesPerSecond, ...take }
  const path = join(folder, `${count++}.${whole.mode === '00' ? 'mp3' : 'mp4'}`)
  await makeFile(path, whole)
  const media = await readMedia(path)
  const result = checkFile(media, { userId: 'alice', mode: whole.mode, framesPerSecond, framesInLoop: 900, ...expected })
  return { ...result, media, checks: [...new Set(result.findings.map((finding) => finding.check))] }
}

/** Frames 0, 1, 2, … sent evenly from a moment on. */
const sentEvenly = (seconds: number, from = 1_800_000_000_000): SentFrame[] =>
  Array.from({ length: seconds * framesPerSecond }, (_, frame) => ({
    frameNumber: frame,
    timeMillis: from + (frame * 1000) / framesPerSecond,
  }))

describe('a file as it should be', () => {
  it('has no findings in mode 02, and every number of it can be read', async () => {
    const { findings, media, measures } = await check({})
    expect(findings).toEqual([])
    expect(media.streams.map((stream) => stream.codec)).toEqual(['h264', 'aac'])
    expect(media.frames.map((frame) => frame.frameNumber)).toEqual(Array.from({ length: 90 }, (_, number) => number))
    expect(media.frames.filter((frame) => frame.flash).map((frame) => Math.round(frame.ptsSeconds * 1000))).toEqual([
      0, 1000, 2000, 3000, 4000, 5000,
    ])
    expect(media.sound?.beeps).toHaveLength(6)
    for (const [second, beep] of media.sound!.beeps.entries()) expect(Math.abs(beep - second)).toBeLessThan(0.01)
    expect(media.sound?.pitches).toHaveLength(1)
    expect(Math.abs(media.sound!.pitches[0]!.hertz - pitchHzOf('alice'))).toBeLessThan(2)
    expect(measures).toMatchObject({ framesSent: 90, framesRecorded: 90, beepsCompared: 6 })
    expect(measures.worstBeepToFlashSeconds).toBeLessThan(0.01)
  })

  it('has no findings in mode 01', async () => expect((await check({ mode: '01' })).findings).toEqual([]))

  it('has no findings in mode 00, and its beeps are at full seconds from the first sample on', async () => {
    const { findings, media } = await check({ mode: '00' })
    expect(findings).toEqual([])
    for (const [second, beep] of media.sound!.beeps.entries()) expect(Math.abs(beep - second)).toBeLessThan(0.01)
  })

  it('has no findings when a mute left the picture held and the sound silent', async () => {
    const gap = { startSeconds: 2.4, endSeconds: 4.2 }
    const absent = (tick: number) => tick / framesPerSecond > gap.startSeconds && tick / framesPerSecond < gap.endSeconds
    const numberAt = (tick: number) => (absent(tick) ? undefined : tick)
    const { findings } = await check({ numberAt, silences: [gap] }, { videoGaps: [gap], audioGaps: [gap] })
    expect(findings).toEqual([])
  })

  it('has no findings when the picture began later than the sound', async () => {
    const gap = { startSeconds: 0, endSeconds: 0.8 }
    const { findings } = await check({ numberAt: (tick) => (tick < 12 ? undefined : tick) }, { videoGaps: [gap] })
    expect(findings).toEqual([])
  })

  it('has no findings when frame numbers wrapped on the way, and the sender said when each was sent', async () => {
    const numberAt = (tick: number) => (tick + 75) % 90
    const sent = [...sentEvenly(6), ...sentEvenly(6, 1_800_000_006_000)]
    const { findings } = await check({ numberAt }, { sent, startTime: new Date(1_800_000_005_000) })
    expect(findings).toEqual([])
  })
})

it('is a good file of a sub stream when it has that user’s other mark and no sound', async () => {
  const { findings } = await check({ markAt: () => markOf('alice', 'aux'), noAudio: true }, { stream: 'aux' })
  expect(findings).toEqual([])
})

it('is compared with the round of frame numbers that its startTime lies in', async () => {
  const sent = [...sentEvenly(6), ...sentEvenly(6, 1_800_000_006_000)]
  expect((await check({}, { sent, startTime: new Date(1_800_000_006_050) })).findings).toEqual([])
})

describe('a file with missing, wrong or late content', () => {
  it('is found out when frames were dropped', async () => {
    const numberAt = (tick: number) => (tick === 40 || tick === 60 ? undefined : tick)
    const { checks, findings } = await check({ numberAt }, { sent: sentEvenly(8) })
    expect(checks).toEqual(['completeness'])
    expect(findings[0]?.message).toContain('88 of 90')
  })

  it('passes with one frame in 150 lost, as 99 % allow', async () => {
    expect((await check({ seconds: 10, numberAt: (tick) => (tick === 70 ? undefined : tick) })).findings).toEqual([])
  })

  it('is found out when two frames were swapped', async () => {
    const numberAt = (tick: number) => (tick === 30 ? 31 : tick === 31 ? 30 : tick)
    expect((await check({ numberAt })).checks).toEqual(expect.arrayContaining(['order', 'timing']))
  })

  it('is found out when a frame was repeated', async () => {
    expect((await check({ numberAt: (tick) => (tick > 50 ? tick - 1 : tick) })).checks).toContain('order')
  })

  it('is found out when a gap was cut out of the picture', async () => {
    const numberAt = (tick: number) => (tick < 45 ? tick : tick + 15)
    const { checks } = await check(
      { numberAt },
      { sent: sentEvenly(8).filter(({ frameNumber }) => frameNumber < 45 || frameNumber >= 60) },
    )
    expect(checks).toContain('timing')
  })

  it('is found out when it shows frames that were never sent', async () => {
    expect((await check({ numberAt: (tick) => tick + 1000 }, { sent: sentEvenly(8) })).checks).toContain('completeness')
  })

  it('is found out when its startTime is a second off', async () => {
    const { checks } = await check({}, { sent: sentEvenly(8), startTime: new Date(1_800_000_001_000) })
    expect(checks).toEqual(['timing'])
  })

  it('is found out when the sound is 80 ms late', async () => {
    const { checks, findings } = await check({ soundDelaySeconds: 0.08 })
    expect(checks).toEqual(['sync'])
    expect(findings[0]?.message).toMatch(/at worst (79|80|81|82) ms/)
  })

  it('passes with the sound 40 ms late', async () => expect((await check({ soundDelaySeconds: 0.04 })).findings).toEqual([]))

  it('is found out when sound was lost for half a second', async () => {
    expect((await check({ silences: [{ startSeconds: 2.3, endSeconds: 2.8 }] })).checks).toEqual(['gaps'])
  })

  it('is found out when the user was muted and can be heard all the same', async () => {
    expect((await check({}, { audioGaps: [{ startSeconds: 2, endSeconds: 4 }] })).checks).toEqual(['gaps'])
  })

  it('is found out when the camera was off and the picture went on', async () => {
    expect((await check({}, { videoGaps: [{ startSeconds: 2, endSeconds: 4 }] })).checks).toContain('gaps')
  })

  it('is found out when it ends too early', async () => {
    expect((await check({}, { durationSeconds: { atLeast: 7, atMost: 9 } })).checks).toEqual(['duration'])
  })
})

describe('a file that is somebody else’s', () => {
  it('is found out by its picture', async () => {
    const { checks, findings } = await check({ markAt: (tick) => markOf(tick >= 80 ? 'bob' : 'alice') })
    expect(checks).toEqual(['identity'])
    expect(findings[0]?.message).toContain("10 of 90 pictures are not alice's")
  })

  it('is found out by its tone', async () => {
    expect((await check({ mode: '00', intruder: { userId: 'carol', from: 3, to: 6, instead: true } })).checks).toEqual([
      'identity',
    ])
  })

  it('is found out by a second tone under the user’s own', async () => {
    expect((await check({ mode: '00', intruder: { userId: 'carol', from: 3, to: 5 } })).checks).toEqual(['identity'])
  })
})

describe('a file of the wrong kind', () => {
  it('is found out when mode 01 has an audio track', async () =>
    expect((await check({}, { mode: '01' })).checks).toContain('format'))
  it('is found out when mode 02 has no sound', async () => expect((await check({ noAudio: true })).checks).toContain('format'))
  it('is found out when mode 00 gave an MP4', async () =>
    expect((await check({ noVideo: true }, { mode: '00' })).checks).toContain('format'))
  it('is found out when a user without a camera has a picture', async () => {
    expect((await check({}, { published: { video: false, audio: true } })).checks).toContain('format')
  })

  it('is found out when bytes in its middle are damaged', async () => {
    const path = join(folder, 'damaged.mp4')
    await makeFile(path, { userId: 'alice', mode: '02', seconds: 4, framesPerSecond })
    const file = await open(path, 'r+')
    const { size } = await file.stat()
    await file.write(new Uint8Array(4000).fill(0x5a), 0, 4000, Math.round(size / 2))
    await file.close()
    const { findings } = checkFile(await readMedia(path), { userId: 'alice', mode: '02', framesPerSecond, framesInLoop: 900 })
    expect(findings.map((finding) => finding.check)).toContain('decoding')
  })

  it('is found out when it was cut off', async () => {
    const path = join(folder, 'cut.mp4')
    await makeFile(path, { userId: 'alice', mode: '02', seconds: 4, framesPerSecond })
    const file = await open(path, 'r+')
    await file.truncate(400)
    await file.close()
    const { findings } = checkFile(await readMedia(path), { userId: 'alice', mode: '02', framesPerSecond, framesInLoop: 900 })
    expect(findings.map((finding) => finding.check)).toContain('decoding')
  })
})
