import { describe, expect, test } from 'vitest'
import { aJob } from '../recorder/testing.ts'
import { sidesOf } from './sound-outputs.ts'
import { behind } from './speakers.ts'
import { rttm, webVtt } from './speech.ts'
import { recorded } from './testing.ts'
import { LevelMeter, levelsPerSecond, speechIn } from './voices.ts'

const all = {
  ...{ audio16k: true, pair: { left: ['agent_.*$'], right: ['.*$'] }, speech: true, vcon: true, mix: true, paella: true },
}

describe('recordings that are not as most are', () => {
  test('in which nobody was seen or heard have each output that was asked for: as it is, or with why it is not', async () => {
    const { make } = await recorded(aJob({ outputs: all }), [], 5)
    const made = (await make()).map(({ kind, path, status, message }) => [kind, path.split('/').at(-1), status, message])
    expect(made).toEqual([
      ['pair', 'maths.pair.wav', 0, 'nobody was heard in this recording'],
      ['speech', 'maths.speech.vtt', 1, 'ok'],
      ['speech', 'maths.speech.rttm', 1, 'ok'],
      ['vcon', 'maths.vcon', 0, 'there is no file, and so nothing to say of a conversation'],
      ['mix', 'maths.mix.mp3', 0, 'nobody was heard in this recording'],
      ['paella', 'preview.svg', 1, 'ok'],
      ['paella', 'data.json', 0, 'nothing that it could show or let hear was stored'],
      ['audio16k', 'maths.16k.wav', 0, 'nobody was heard in this recording'],
    ])
  })

  test('of a user who was recorded twice at once have what was said then once', () => {
    const second = { at: 100, samples: Int16Array.of(1, 2, 3, 4) }
    expect(behind(second, 0)).toEqual(second)
    expect(behind(second, 102)).toEqual({ at: 102, samples: Int16Array.of(3, 4) })
    expect(behind(second, 900).samples).toHaveLength(0)
  })

  test('have nobody on both sides of a pair: everybody else is a pattern', () => {
    expect(sidesOf({ left: ['agent_.*$'], right: ['.*$'] }, ['agent_1', 'bob', 'carol'])).toEqual([['agent_1'], ['bob', 'carol']])
    expect(sidesOf({ left: ['.*$'], right: ['bob'] }, ['bob'])).toEqual([['bob'], []])
  })

  test('without any sound have no speech, in files that are still what they should be', () => {
    expect(speechIn(new LevelMeter(0, 16_000).levels)).toEqual([])
    expect(speechIn(new LevelMeter(3 * 3600, 16_000).levels)).toEqual([])
    expect(webVtt([], 0)).toBe('WEBVTT\n\nNOTE 00:00:00.000 is 1970-01-01T00:00:00.000Z\n')
    expect(rttm([], 0, 'math')).toBe('')
  })

  test('find a word after three hours of quiet where it was said', () => {
    const meter = new LevelMeter(3 * 3600 + 2, 16_000)
    const loud = new Int16Array(16_000).fill(8000)
    meter.add({ at: 0, samples: loud })
    meter.add({ at: 3 * 3600 * 16_000, samples: loud })
    meter.end()
    expect(meter.levels).toHaveLength((3 * 3600 + 2) * levelsPerSecond)
    expect(speechIn(meter.levels)).toEqual([
      { from: 0, to: 1 },
      { from: 10_800, to: 10_801 },
    ])
  })

  test('of users with strange ids have them in one cue and one field', () => {
    const speech = [{ userId: 'a <b>\n\n& --> 老师', start: 36_000_000, end: 36_001_000 }]
    expect(webVtt(speech, 0).split('\n').slice(4)).toEqual([
      '10:00:00.000 --> 10:00:01.000',
      '<v a &lt;b&gt; &amp; --&gt; 老师>…',
      '',
    ])
    expect(rttm(speech, 0, 'math').trim().split(' ')).toHaveLength(10)
  })
})
