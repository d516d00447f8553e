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
