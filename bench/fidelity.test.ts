import { describe, expect, test } from 'vitest'
import { onGrid } from './fidelity.ts'

describe('moments at a fixed interval', () => {
  test('that are all there lose nothing and lie on it', () => {
    expect(onGrid([0.021, 0.521, 1.021], 0.5)).toEqual({ framesLost: 0, worstPtsErrorMs: expect.closeTo(0) })
  })

  test('are counted where they are missing or twice', () => {
    expect(onGrid([0, 0.5, 1.5, 1.5, 3], 0.5).framesLost).toBe(3)
  })

  test('may come in any order', () => {
    expect(onGrid([1, 0, 0.5], 0.5).framesLost).toBe(0)
  })

  test('are as wrong as the worst of them, against the middle of all', () => {
    expect(onGrid([0.1, 0.6, 1.11, 1.6, 2.1], 0.5).worstPtsErrorMs).toBeCloseTo(10)
  })

  test('of which there are none are as wrong as can be', () => {
    expect(onGrid([], 1).worstPtsErrorMs).toBe(Number.POSITIVE_INFINITY)
  })
})
