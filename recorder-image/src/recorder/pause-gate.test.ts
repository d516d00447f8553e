import { expect, test } from 'vitest'
import { PauseGate } from './pause-gate.ts'

test.each([
  { came: 'before the first pause', atMicros: 50, judgement: 'isRest' },
  { came: 'in the first pause', atMicros: 150, judgement: 'paused' },
  { came: 'as the first pause began', atMicros: 100, judgement: 'paused' },
  { came: 'between the two', atMicros: 200, judgement: 'isRest' },
  { came: 'in the second pause', atMicros: 300, judgement: 'paused' },
])('what came $came and gets here when the second has just begun is judged $judgement', ({ atMicros, judgement }) => {
  const gate = new PauseGate()
  gate.pause(100)
  gate.resume(200)
  gate.pause(250)
  expect(gate.judge(atMicros)).toBe(judgement)
})

test('what was on its way when a short pause began still counts after it, until it has been taken', () => {
  const gate = new PauseGate()
  gate.pause(100)
  gate.resume(150)
  expect([90, 120, 160].map((at) => gate.judge(at))).toEqual(['isRest', 'paused', 'take'])
  gate.restTaken(gate.number)
  expect([90, 120, 160].map((at) => gate.judge(at))).toEqual(['tooLate', 'paused', 'take'])
})

test('what was on its way when a pause began still counts, though that of the pause before it has only just been taken', () => {
  const gate = new PauseGate()
  gate.pause(100)
  const first = gate.number
  gate.resume(200)
  gate.pause(250)
  gate.restTaken(first)
  expect(gate.judge(240)).toBe('isRest')
  gate.restTaken(gate.number)
  expect(gate.judge(240)).toBe('tooLate')
})
