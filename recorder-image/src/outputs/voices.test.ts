import { expect, test } from 'vitest'
import { rttm, webVtt } from './speech.ts'
import { LevelMeter, speechIn } from './voices.ts'

const rate = 16_000

/** As a voice is: louder and softer four times a second, by 20 dB. */
const syllables = (seconds: number) => 0.1 + 0.9 * Math.abs(Math.sin(2 * Math.PI * 2 * seconds))

interface Heard {
  /** In dB below full scale. */
  level?: number
  /** Of the room, while the microphone is on. */
  noise?: number
  micOn?: [number, number]
  envelope?: (seconds: number) => number
}

/** Who speaks: a tone of this level over noise of another. */
function heard(
  seconds: number,
  spans: [number, number][],
  { level = 20, noise = 70, micOn = [0, seconds], envelope = () => 1 }: Heard = {},
) {
  const meter = new LevelMeter(seconds, rate)
  let random = 1
  const samples = Int16Array.from({ length: seconds * rate }, (_, n) => {
    random = (random * 16_807) % 2_147_483_647
    const speaks = spans.some(([from, to]) => n >= from * rate && n < to * rate)
    if (n < micOn[0] * rate || n >= micOn[1] * rate) return 0
    const tone = speaks ? envelope(n / rate) * Math.SQRT2 * 10 ** (-level / 20) * Math.sin((2 * Math.PI * 440 * n) / rate) : 0
    return Math.round(32_767 * (tone + 10 ** (-noise / 20) * Math.sqrt(3) * (2 * (random / 2_147_483_647) - 1)))
  })
  for (let at = 0; at < samples.length; at += 3001) meter.add({ at, samples: samples.subarray(at, at + 3001) })
  meter.end()
  return speechIn(meter.levels)
}

function expectSpans(spans: { from: number; to: number }[], expected: [number, number][]) {
  expect(spans).toHaveLength(expected.length)
  spans.forEach(({ from, to }, n) => {
    expect(Math.abs(from - expected[n]![0])).toBeLessThanOrEqual(0.1)
    expect(Math.abs(to - expected[n]![1])).toBeLessThanOrEqual(0.1)
  })
}

test.each([
  { level: 20, noise: 70 },
  { level: 35, noise: 60 },
  { level: 12, noise: 50 },
  // Of a fan, or a street.
  { level: 20, noise: 35 },
  { level: 15, noise: 30 },
  // On for half of the time: what was silent before says nothing of the room.
  { level: 20, noise: 35, micOn: [3.5, 10] as [number, number] },
])('true to 100 ms, with speech at −$level dB over noise at −$noise dB', (loudness) => {
  const spans: [number, number][] = [
    [1, 2.5],
    [4.02, 4.5],
    [7, 9.3],
  ]
  expectSpans(
    heard(10, spans, loudness),
    spans.filter(([from]) => from >= (loudness.micOn?.[0] ?? 0)),
  )
})

test('breath between words is no pause, and silence is no speech', () => {
  expectSpans(
    heard(6, [
      [1, 2],
      [2.3, 3],
    ]),
    [[1, 3]],
  )
  expect(heard(3, [])).toEqual([])
})

test.each([{ noise: 70 }, { noise: 40 }])(
  'somebody who never stops speaks all the time, over noise at −$noise dB',
  ({ noise }) => {
    expectSpans(heard(20, [[0, 20]], { level: 15, noise, envelope: syllables }), [[0, 20]])
  },
)

test.each([60, 35, 25])('a room in which nobody speaks is not speech, at −%i dB', (noise) => {
  expect(heard(10, [], { noise })).toEqual([])
})

test('a microphone that is silent between words has no room, and each word is heard', () => {
  const words: [number, number][] = [
    [1, 1.1],
    [2, 2.1],
    [3, 5],
  ]
  const meter = new LevelMeter(6, rate)
  for (const [from, to] of words) {
    const samples = Int16Array.from({ length: Math.round((to - from) * rate) }, (_, n) => 8000 * Math.sin(n / 3))
    meter.add({ at: from * rate, samples })
  }
  meter.end()
  expectSpans(speechIn(meter.levels), words)
})

const zero = Date.parse('2026-03-01T10:00:00.000Z')
const speech = [
  { userId: 'Ann & Bo', start: zero + 1500, end: zero + 3_661_234 },
  { userId: 'bob', start: zero + 2000, end: zero + 2500 },
]

test('WebVTT has a cue for each, with the name as text', () => {
  expect(webVtt(speech, zero).split('\n')).toEqual([
    ...['WEBVTT', '', 'NOTE 00:00:00.000 is 2026-03-01T10:00:00.000Z', ''],
    ...['00:00:01.500 --> 01:01:01.234', '<v Ann &amp; Bo>…', ''],
    ...['00:00:02.000 --> 00:00:02.500', '<v bob>…', ''],
  ])
})

test('RTTM has ten fields with blanks between', () => {
  const lines = rttm(speech, zero, 'call').split('\n')
  expect(lines).toEqual([
    'SPEAKER call 1 1.500 3659.734 <NA> <NA> QW5uICYgQm8 <NA> <NA>',
    'SPEAKER call 1 2.000 0.500 <NA> <NA> Ym9i <NA> <NA>',
    '',
  ])
  expect(lines[0]!.split(' ')).toHaveLength(10)
})
