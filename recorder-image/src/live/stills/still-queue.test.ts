import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { VideoConfig } from '../../media/video-codec.ts'
import { StillQueue } from './still-queue.ts'

const config: VideoConfig = { codec: 'vp8', width: 16, height: 16, units: [] }

/** A queue whose decoder waits to be told; what became of each still, by its number. */
function queue() {
  const told: string[] = []
  const decoding: { number: number; done: (jpeg: Buffer) => void; fail: (error: Error) => void }[] = []
  const stills = new StillQueue('', {
    decode({ sample }) {
      const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
      decoding.push({ number: sample[0]!, done: resolve, fail: reject })
      return promise
    },
    end: () => {},
  })
  const add = (sourceId: number, number: number) =>
    stills.add({
      ...{ sourceId, config, sample: Uint8Array.of(number) },
      made: async () => told.push(`${number} made`),
      failed: (why) => told.push(`${number} ${why}`),
    })
  return { stills, add, told, decoding }
}

test('stills are made one at a time, of one user after the other', async () => {
  const { stills, add, told, decoding } = queue()
  add(1, 1)
  add(2, 2)
  add(3, 3)
  for (const number of [1, 2, 3]) {
    expect(decoding.map((one) => one.number)).toEqual([1, 2, 3].slice(0, number))
    decoding.at(-1)!.done(Buffer.of())
    await setImmediate()
  }
  await stills.drained()
  expect(told).toEqual(['1 made', '2 made', '3 made'])
})

test('where that is too slow the latest of each user is made, and what gave way to it is told of', async () => {
  const { stills, add, told, decoding } = queue()
  add(1, 1)
  add(2, 2)
  add(2, 3)
  expect(told).toEqual(['2 stills were made too slowly, and a later one took its place'])
  decoding[0]!.done(Buffer.of())
  await setImmediate()
  expect(decoding[1]!.number).toBe(3)
  decoding[1]!.done(Buffer.of())
  await stills.drained()
})

test('a picture that cannot be decoded keeps no other from being made', async () => {
  const { stills, add, told, decoding } = queue()
  add(1, 1)
  add(2, 2)
  decoding[0]!.fail(new Error('no picture'))
  await setImmediate()
  decoding[1]!.done(Buffer.of())
  await stills.drained()
  expect(told).toEqual(['1 no picture', '2 made'])
})
