import { describe, expect, test } from 'vitest'
import { chosen, plan } from './plan.ts'

describe('the choice of what is measured', () => {
  test('is everything without a filter', () => {
    expect(chosen([])).toEqual(plan)
  })

  test('is what all pairs of a filter hold for', () => {
    expect(chosen(['mode=02,anchors=5'])).toEqual([{ part: 'recorder', mode: '02', anchors: 5, picture: '1280x720' }])
  })

  test('is what any of several filters lets through, in the order of the plan', () => {
    const parts = chosen(['part=stop,recorded=60', 'type=vp8,anchors=1', 'part=start']).map(({ part }) => part)
    expect(parts).toEqual(['start', 'mediaRecorder', 'stop'])
  })

  test('has what is made when all is over where that is asked for, and not else', () => {
    expect(chosen(['output=mix'])).toEqual([{ part: 'outputs', output: 'mix' }])
    expect(chosen(['part=outputs']).length).toBeGreaterThan(1)
    expect(chosen([]).some(({ part }) => part === 'outputs')).toBe(false)
  })

  test('says what a filter that cannot be read should look like', () => {
    expect(() => chosen(['mode'])).toThrow('"mode" must be NAME=VALUE with one of part, mode')
    expect(() => chosen(['colour=red'])).toThrow('for example mode=02,anchors=5')
  })
})
