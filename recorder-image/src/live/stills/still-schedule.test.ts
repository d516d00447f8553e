import { describe, expect, test } from 'vitest'
import { StillSchedule } from './still-schedule.ts'

/** What becomes of a minute of pictures, ten a second, with a key frame every so often and a fifth of a second after one was asked for. */
function minute({
  intervalSeconds,
  keySeconds,
  answers = true,
}: {
  intervalSeconds: number
  keySeconds: number
  answers?: boolean
}) {
  const schedule = new StillSchedule(intervalSeconds)
  const stills: number[] = []
  const asked: number[] = []
  for (let tenth = 0; tenth < 600; tenth++) {
    const micros = tenth * 100_000
    const isAnswer = answers && asked.includes((tenth - 2) / 10)
    if (tenth % (keySeconds * 10) === 0 || isAnswer) {
      if (schedule.takes(micros)) stills.push(tenth / 10)
    } else if (schedule.asks(micros)) asked.push(tenth / 10)
  }
  return { stills, asked }
}

describe('when a still is made', () => {
  test('of the first key frame, and of the first one after each interval', () => {
    const { stills, asked } = minute({ intervalSeconds: 5, keySeconds: 2 })
    expect(stills).toEqual([0, 6, 10, 16, 20, 26, 30, 36, 40, 46, 50, 56])
    expect(asked).toEqual([])
  })

  test('of one that is asked for, where none comes within the interval', () => {
    const { stills, asked } = minute({ intervalSeconds: 10, keySeconds: 1000 })
    expect(asked).toEqual([10, 20, 30, 40, 50])
    expect(stills).toEqual([0, 10.2, 20.2, 30.2, 40.2, 50.2])
  })

  test('and a sender that does not answer is asked once in an interval', () => {
    expect(minute({ intervalSeconds: 20, keySeconds: 1000, answers: false })).toEqual({ stills: [0], asked: [20, 40] })
  })

  test('a sender whose key frames stopped is asked an interval later', () => {
    const schedule = new StillSchedule(10)
    expect([0, 9].map((seconds) => schedule.takes(seconds * 1_000_000))).toEqual([true, false])
    expect([10, 15, 19, 20].map((seconds) => schedule.asks(seconds * 1_000_000))).toEqual([false, false, false, true])
  })

  test('after an hour without pictures intervals begin anew', () => {
    const schedule = new StillSchedule(10)
    expect([0, 3600, 3601, 3610].map((seconds) => schedule.takes(seconds * 1_000_000))).toEqual([true, true, false, true])
  })
})
