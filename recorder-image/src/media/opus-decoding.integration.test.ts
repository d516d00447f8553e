import { audioSlicesSchema } from '@trtc-recorder/api'
import { beforeAll, describe, expect, test } from 'vitest'
import type { BegunObject, LiveObjects, MadeObject } from '../live/live-objects.ts'
import type { LiveSource } from '../live/part.ts'
import { SlicesPart } from '../live/slices/slices-part.ts'
import { beepsIn, samplesOf } from '../outputs/testing.ts'
import { Decoding } from './opus-decoding.ts'
import { type Clip, makeClip } from './testing/clip.ts'

/** Beeps at every full second. */
let clip: Clip
beforeAll(async () => {
  clip = await makeClip({ seconds: 6, fps: 1 })
})
/** Of a beep in the clip, as an encoder delays it. */
const lookAhead = 0.0065
const asWav = (pcm: Uint8Array) => Buffer.concat([Buffer.from('data0000'), pcm])
const expectBeeps = (beeps: number[], expected: number[]) => {
  expect(beeps.length, `${beeps}`).toBe(expected.length)
  for (const [n, beep] of beeps.entries()) expect(Math.abs(beep - expected[n]! - lookAhead), `${beeps}`).toBeLessThan(0.005)
}

describe('Opus, decoded in a thread', () => {
  test.each([
    { rate: 16_000, channels: 1 },
    { rate: 48_000, channels: 2 },
  ] as const)('has each beep at its moment at $rate Hz, and bridges what is missing', async (form) => {
    const decoder = new Decoding().open(form)
    const packets = clip.packets.slice(0, 150).map(({ data }) => data)
    // Lost, in the silence after the second beep.
    packets[75] = packets[75]!.subarray(0, 1)
    const pcm = Buffer.concat([await decoder.decode(packets.slice(0, 70)), await decoder.decode(packets.slice(70))])
    decoder.close()
    expect(pcm.length).toBe(3 * form.rate * form.channels * 2)
    expectBeeps(beepsIn(samplesOf(asWav(pcm), 0, form.channels), form.rate), [0, 1, 2])
  })

  test('is of many in one turn for each their own', async () => {
    const form = { rate: 16_000, channels: 1 } as const
    const packetsOf = (n: number) => clip.packets.slice(n * 20, n * 20 + 20).map(({ data }) => data)
    const decoding = new Decoding()
    const decoders = [0, 1, 2, 3].map(() => decoding.open(form))
    const together = await Promise.all(decoders.map((decoder, n) => decoder.decode(packetsOf(n))))
    for (const [n, decoder] of decoders.entries()) {
      decoder.close()
      const alone = new Decoding().open(form)
      expect(Buffer.compare(together[n]!, await alone.decode(packetsOf(n)))).toBe(0)
      alone.close()
    }
  })

  test('does not crack where it begins in the middle of a stream, just when the loudness changes', async () => {
    const { packets } = await makeClip({ seconds: 4, fps: 1, toneHertz: 420 })
    const decoder = new Decoding().open({ rate: 48_000, channels: 2 })
    // From the end of a beep on: only the quiet tone is left.
    const pcm = await decoder.decode(packets.slice(155, 175).map(({ data }) => data))
    decoder.close()
    expect(pcm.length).toBe(20 * 960 * 4)
    const loudest = samplesOf(asWav(pcm), 0, 2).reduce((most, sample) => Math.max(most, Math.abs(sample)), 0)
    expect(loudest).toBeLessThan(0.3)
  })

  test('is a slice as WAV: as long as it was, each beep at its moment, also of a second one that begins in the middle', async () => {
    const made: MadeObject[] = []
    const begun: BegunObject = {
      made: async (object) => made.push(object) > 0,
      failed: expect.unreachable,
      nothing: expect.unreachable,
    }
    const objects = { begin: () => begun } as unknown as LiveObjects
    const part = new SlicesPart(audioSlicesSchema.parse({ seconds: 5, format: 'Wav16k' }), objects)
    const source: LiveSource = { id: 1, userId: 'alice', stream: 'main', attempt: 1, file: 'alice.mp3' }
    part.on({ type: 'opened', source })
    // Three seconds before a border of slices.
    const startMicros = 1_764_000_002_000_000
    for (const [n, { data, samples }] of clip.packets.slice(0, 300).entries()) {
      part.on({ type: 'sound', source, sound: { is: 'packet', data, samples, ptsMicros: startMicros + n * 20_000 } })
    }
    part.on({ type: 'closed', source })
    await part.end()
    expect(made.map(({ name, contentType }) => [name.slice(-4), contentType])).toEqual(new Array(2).fill(['.wav', 'audio/wav']))
    expect(made.map(({ data }) => (data.length - 44) / 2 / 16_000)).toEqual([3, 3])
    for (const { data } of made) expectBeeps(beepsIn(samplesOf(Buffer.from(data)), 16_000), [0, 1, 2])
  })
})
