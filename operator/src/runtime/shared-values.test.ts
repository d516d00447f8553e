import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SharedValues } from './shared-values.ts'

describe('texts and empty lists in common', () => {
  it('leaves what an object says as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.dictionary(fc.string(), fc.jsonValue())), (objects) => {
        const values = new SharedValues({ capacity: 3, longest: 4 })
        for (const object of objects) {
          const before = JSON.stringify(object)
          expect(JSON.stringify(values.share(object))).toBe(before)
        }
      }),
    )
  })

  it('keeps no second empty list, and none that can be changed', () => {
    const values = new SharedValues()
    const first = values.share({ spec: { include: [] as string[] } })
    const second = values.share({ status: [{ files: [] }] })
    expect(first.spec.include).toBe(second.status[0]?.files)
    expect(() => first.spec.include.push('alice')).toThrow(TypeError)
  })

  it('keeps one text where many objects say the same, and goes on doing so while others pass by', () => {
    const alike = JSON.stringify({ version: 'v'.repeat(40), kind: 'k'.repeat(40), labels: ['l'.repeat(40)] })
    const keep = (share: (object: object) => object) =>
      bytesKept(() => Array.from({ length: 10_000 }, (_, index) => share({ uid: `uid ${index}` }) && share(JSON.parse(alike))))
    const values = new SharedValues({ capacity: 100 })
    expect(keep((object) => values.share(object)) / keep((object) => object)).toBeLessThan(0.6)
  })

  it('remembers no more texts than it may', () => {
    const kept = bytesKept(() => {
      const values = new SharedValues({ capacity: 100 })
      for (let index = 0; index < 100_000; index += 1) values.share({ uid: `one of very many texts ${index}` })
      return [values]
    })
    expect(kept).toBeLessThan(1e6)
  })
})

/** Bytes on the heap that what is made takes, without what can be collected. */
function bytesKept(make: () => unknown[]): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const before = process.memoryUsage().heapUsed
  const kept = make()
  collect()
  return kept.length === 0 ? 0 : process.memoryUsage().heapUsed - before
}
