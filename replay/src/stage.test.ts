import { describe, expect, it } from 'vitest'
import { type Choice, largeOf } from './stage.ts'

const people = ['alice', 'bob', 'carol'].map((userId) => ({ lane: userId, userId, isScreen: false, isShown: true }))
const screen = { lane: 'alice/aux', userId: 'alice', isScreen: true, isShown: true }
const speech = [
  { userId: 'alice', start: 0, end: 10_000 },
  { userId: 'bob', start: 5000, end: 8000 },
  { userId: 'carol', start: 9000, end: 9200 },
]
const at = (time: number, choice: Choice, current: string | undefined = undefined, candidates = people) =>
  largeOf({ choice, current, candidates, speech, time })

describe('who is shown large', () => {
  it('is whoever speaks, of two the one who came in last', () => {
    expect([2000, 6000, 8500].map((time) => at(time, { by: 'speaker' }))).toEqual(['alice', 'bob', 'alice'])
  })
  it('does not change for a cough', () => expect(at(9150, { by: 'speaker' })).toBe('alice'))
  it('stays when nobody speaks', () => expect(at(20_000, { by: 'speaker' }, 'bob')).toBe('bob'))
  it('is a shared screen, unless the speaker is followed', () => {
    expect(at(6000, { by: 'screen' }, 'bob', [...people, screen])).toBe('alice/aux')
    expect(at(6000, { by: 'speaker' }, 'carol', [...people, screen])).toBe('bob')
  })
  it('is who was chosen, also while they have no picture', () => {
    const dark = people.map((one) => ({ ...one, isShown: one.userId !== 'carol' }))
    expect(at(6000, { by: 'user', lane: 'carol' }, undefined, dark)).toBe('carol')
  })
  it('is somebody, even if nobody has a picture', () => {
    expect(
      at(
        0,
        { by: 'screen' },
        undefined,
        people.map((one) => ({ ...one, isShown: false })),
      ),
    ).toBe('alice')
    expect(at(0, { by: 'screen' }, undefined, [])).toBeUndefined()
  })
})
