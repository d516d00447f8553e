import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HeldOnVolume, readHeldCopies } from './held-on-volume.ts'
import { aFrame, noLog } from './testing.ts'

let root: string
let directory: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'held-'))
  directory = join(root, 'held')
})
afterEach(() => rm(root, { recursive: true, force: true }))

const anAttempt = (attempt = 1) => new HeldOnVolume(directory, attempt, noLog)
const names = () => readdir(directory).catch(() => [])
const left = async () =>
  (await readHeldCopies(directory, 99)).map(({ name, attempt, frames, owner }) => ({
    ...{ name, attempt, owner: owner?.userId },
    texts: frames.map(({ data }) => Buffer.from(data).toString()),
  }))

describe('frames that nobody is known to own yet', () => {
  test('are on the volume unasked, within a second, as they came', async () => {
    const held = anAttempt()
    const frame = { ...aFrame(3, 'a1'), mayFollowHole: true, width: 640, height: 360, sequenceNumber: 7 }
    const at = performance.now()
    held.hold(1, frame)
    await expect.poll(async () => (await readHeldCopies(directory, 2))[0]?.frames, { interval: 20 }).toHaveLength(1)
    expect(performance.now() - at).toBeLessThan(1000)
    const [copy] = await readHeldCopies(directory, 2)
    expect({ ...copy!.frames[0], data: Buffer.from(copy!.frames[0]!.data) }).toEqual({ ...frame, data: Buffer.from('a1') })
    await held.settled()
  })

  test('go when they are safe in the file of their owner, and not before', async () => {
    const held = anAttempt()
    const safe = Promise.withResolvers<boolean>()
    held.hold(1, aFrame(3, 'a1'))
    held.claimed(1, { userId: 'alice', stream: 'main' }, safe.promise)
    await held.settled()
    expect(await left()).toEqual([{ name: '1-1.frames', attempt: 1, owner: 'alice', texts: ['a1'] }])
    safe.resolve(true)
    await safe.promise
    await held.settled()
    expect(await names()).toEqual([])
  })

  test('stay where the file of their owner could not be written', async () => {
    const held = anAttempt()
    held.hold(1, aFrame(3, 'a1'))
    held.claimed(1, { userId: 'alice', stream: 'main' }, Promise.resolve(false))
    await held.settled()
    expect(await left()).toMatchObject([{ owner: 'alice', texts: ['a1'] }])
  })

  test('that nobody claimed stay, up to so many, and go when the volume runs low', async () => {
    const held = anAttempt(3)
    held.hold(1, aFrame(3, 'x'))
    expect(held.keep(1)).toBe('held/3-1.frames')
    expect(held.keep(1)).toBeUndefined()
    await held.settled()
    expect(await left()).toMatchObject([{ name: '3-1.frames', owner: undefined, texts: ['x'] }])
    await writeFile(join(directory, '1-1.frames'), Buffer.alloc(1))
    held.hold(2, aFrame(4, 'still held'))
    held.discardKept()
    await held.settled()
    expect(await names()).toEqual(['3-2.frames'])
  })

  test('that may be somebody’s who is not recorded leave nothing', async () => {
    const held = anAttempt()
    held.hold(1, aFrame(3, 'secret'))
    held.remove(1)
    held.hold(2, aFrame(4, 'secret'))
    await held.settled()
    held.remove(2)
    await held.settled()
    expect(await names()).toEqual([])
  })

  test('of which the last was torn by the kill are read up to there; of a place that cannot be written they stay in memory', async () => {
    const held = anAttempt()
    held.hold(1, aFrame(3, 'a1'))
    await held.settled()
    await writeFile(join(directory, '1-1.frames'), Buffer.alloc(20, 7), { flag: 'a' })
    expect(await left()).toMatchObject([{ texts: ['a1'] }])
    const file = join(root, 'a-file')
    await writeFile(file, '')
    const nowhere = new HeldOnVolume(join(file, 'held'), 1, noLog)
    nowhere.hold(1, aFrame(3, 'a1'))
    nowhere.claimed(1, { userId: 'alice', stream: 'main' }, Promise.resolve(true))
    expect(nowhere.keep(1)).toBeUndefined()
    await nowhere.settled()
  })
})
