import { expect, test } from 'vitest'
import { PathWatch } from './path-watch.ts'

/** Looks every quarter second at a path that has gone quiet, and is answered 20 ms later. */
function deadAfter(answers: (at: number) => { packets: number; responses: number }, forMillis = 5000): number | undefined {
  const watch = new PathWatch()
  for (let at = 0; at < forMillis; at += 250) {
    const { look, deadForMillis } = watch.tick(true, at)
    if (deadForMillis !== undefined) return at
    if (look) watch.said(answers(at), at + 20)
  }
  return undefined
}

test('a path through which nothing comes is dead after 1.2 s of quiet', () => {
  expect(deadAfter(() => ({ packets: 700, responses: 12 }))).toBe(1250)
})

test('users who are silent leave it as it is: reports of the room still come', () => {
  expect(deadAfter((at) => ({ packets: Math.floor(at / 500), responses: 12 }))).toBeUndefined()
})

test('and so do its answers to checks', () => {
  expect(deadAfter((at) => ({ packets: 700, responses: Math.floor(at / 600) }))).toBeUndefined()
})

test('a page that does not answer says nothing of its path, and hangs after 2.5 s', () => {
  const watch = new PathWatch()
  for (let at = 0; at < 5000; at += 250) {
    expect(watch.tick(true, at)).toEqual({
      look: true,
      deadForMillis: undefined,
      hangs: at >= 2500 ? 'yes' : at >= 1000 ? 'maybe' : 'no',
    })
  }
  watch.said({ packets: 1, responses: 1 }, 5000)
  expect(watch.tick(true, 5000).hangs).toBe('no')
})

test('nothing is looked at as long as media comes, and quiet begins anew', () => {
  const watch = new PathWatch()
  expect(watch.tick(false, 0).look).toBe(false)
  for (const at of [250, 500, 750, 1000]) {
    expect(watch.tick(true, at)).toEqual({ look: true, deadForMillis: undefined, hangs: 'no' })
    watch.said({ packets: 1, responses: 1 }, at)
  }
  watch.tick(false, 1250)
  for (const at of [1500, 1750, 2000, 2250]) {
    expect(watch.tick(true, at)).toEqual({ look: true, deadForMillis: undefined, hangs: 'no' })
    watch.said({ packets: 1, responses: 1 }, at)
  }
})
