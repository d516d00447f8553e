import { beforeAll, describe, expect, it } from 'vitest'
import { Ledger } from '../ledger/ledger.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { salvageMediaFile } from './salvage.ts'
import { playInChromium } from './testing/chromium-playback.ts'
import { type Clip, makeClip } from './testing/clip.ts'
import { newDirectory } from './testing/new-directory.ts'
import { finishAndPlay, openFile, type Recorded, record, silentLog } from './testing/recording.ts'
import { epochMicros, send } from './testing/sender.ts'

let clip: Clip
beforeAll(async () => {
  clip = await makeClip({ seconds: 10, toneHertz: 420 })
})

/** Three seconds, half a minute away, three with another subscription, four in which the network brings nothing, three. */
const comings = (): EncodedFrame[] =>
  send(
    { clip, from: 0, to: 3, atSeconds: 0 },
    { clip, from: 3, to: 10, atSeconds: 33, ssrc: { audio: 7, video: 8 }, lost: ({ seconds }) => seconds >= 6 && seconds < 9 },
  )

/** What of the clip's seconds are in it, when, and the wall time that the table gives for it, in seconds. */
function expectCut({ finished, playback }: Recorded, mode: '00' | '01' | '02'): void {
  expect(finished.problem).toBeUndefined()
  expect(finished.check).toMatchObject({ result: 'Passed' })
  expect(playback.complaints).toBe('')
  const marks = mode === '01' ? playback.flashes : playback.beeps
  expect(marks).toHaveLength(7)
  // 0 1 2, 3 4 5 after the absence, 9 after the hole; of each cut some silence stays.
  marks.forEach((mark, n) => {
    expect(mark - n).toBeGreaterThan(-0.01)
    expect(mark - n).toBeLessThan(n < 3 ? 0.01 : 0.2)
    const walls = [0, 1, 2, 33, 34, 35, 39]
    expect(Math.abs(wallSecondsAt(finished.times, mark + 0.001) - walls[n]!)).toBeLessThan(0.012)
  })
  if (mode === '02') {
    expect(playback.flashes).toHaveLength(7)
    playback.flashes.forEach((flash, n) => {
      expect(Math.abs(flash - playback.beeps[n]!)).toBeLessThan(0.01)
    })
  }
  expect(playback.durationSeconds).toBeCloseTo(finished.durationSeconds, 1)
  expect(finished.durationSeconds).toBeGreaterThan(6.9)
  expect(finished.durationSeconds).toBeLessThan(7.2)
  expect((finished.endTime.getTime() - finished.startTime.getTime()) / 1000).toBeCloseTo(40, 1)
}

function wallSecondsAt(times: Recorded['finished']['times'], mediaSeconds: number): number {
  const from =
    times[
      Math.min(
        times.length - 2,
        times.findLastIndex((point) => point.mediaSeconds <= mediaSeconds),
      )
    ]!
  return (from.wallMicros - times[0]!.wallMicros) / 1e6 + mediaSeconds - from.mediaSeconds
}

describe('time in which a user sent nothing, where gaps are cut,', () => {
  it.each([
    ['02', 'AAC'],
    ['02', 'Opus'],
    ['01', 'AAC'],
    ['00', 'AAC'],
  ] as const)('is not in a file of mode %s with %s', async (mode, audioCodec) => {
    expectCut(await record(mode, comings(), { gaps: 'Cut', audioCodec }), mode)
  })

  it('is not in a file that a recorder left which was killed', async () => {
    for (const mode of ['02', '00'] as const) {
      const directory = await newDirectory()
      const file = openFile(mode, directory, { gaps: 'Cut', batchMs: 10 })
      for (const frame of comings()) file.write(frame)
      await new Promise<void>((resolve) => {
        file.onGrowth = () => resolve()
      })
      const left = await salvageMediaFile(directory, file.identity.name, { log: silentLog, ledger: new Ledger() })
      expectCut(await finishAndPlay(left!), mode)
      await file.finish()
    }
  })

  it('is left in time where only one of the two was muted', async () => {
    const frames = send(
      { clip, from: 0, to: 8, atSeconds: 0, kinds: ['video'] },
      { clip, from: 0, to: 2, atSeconds: 0, kinds: ['audio'] },
      { clip, from: 6, to: 8, atSeconds: 6, kinds: ['audio'] },
    )
    const { finished, playback } = await record('02', frames, { gaps: 'Cut' })
    expect(finished.problem).toBeUndefined()
    expect(finished.durationSeconds).toBe(8)
    expect(playback.flashes).toHaveLength(8)
    expect(finished.times).toHaveLength(2)
  })

  it('is played by Chromium without a stop', async () => {
    const { path } = await record('02', comings(), { gaps: 'Cut' })
    const { error, pictures, durationSeconds } = await playInChromium(path, { rate: 4 })
    expect(error).toBe('')
    expect(durationSeconds).toBeCloseTo(7.1, 0)
    expect(pictures.at(-1)!.time).toBeGreaterThan(6.8)
  })
})

describe('a pause', () => {
  const pause = { fromMicros: epochMicros + 3_000_000, toMicros: epochMicros + 13_000_000 }
  async function paused(mode: '00' | '02', rules: { gaps?: 'Cut'; pause?: 'Cut' }): Promise<Recorded> {
    const file = openFile(mode, await newDirectory(), rules)
    const frames = send(
      { clip, from: 0, to: 3, atSeconds: 0 },
      { clip, from: 3, to: 6, atSeconds: 13, ssrc: { audio: 7, video: 8 } },
    )
    for (const frame of frames.filter(({ receiveTimeMicros }) => receiveTimeMicros < pause.toMicros)) file.write(frame)
    file.paused(pause)
    for (const frame of frames.filter(({ receiveTimeMicros }) => receiveTimeMicros >= pause.toMicros)) file.write(frame)
    return await finishAndPlay(file)
  }

  it.each(['00', '02'] as const)('is silence in its place in mode %s, also where gaps are cut', async (mode) => {
    for (const rules of [{}, { gaps: 'Cut' as const }]) {
      const { finished, playback } = await paused(mode, rules)
      expect(finished.problem).toBeUndefined()
      const wanted = [0, 1, 2, 13, 14, 15]
      playback.beeps.forEach((beep, n) => {
        expect(Math.abs(beep - wanted[n]!)).toBeLessThan(0.03)
      })
    }
  })

  it.each(['00', '02'] as const)('is taken out where that is wanted, in mode %s', async (mode) => {
    const { finished, playback } = await paused(mode, { pause: 'Cut' })
    expect(finished.problem).toBeUndefined()
    expect(playback.beeps).toHaveLength(6)
    expect(playback.beeps[3]).toBeCloseTo(3.05, 1)
    expect(finished.durationSeconds).toBeCloseTo(6.05, 1)
  })
})
