import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { noSound } from '../timeline/audio-axis.ts'
import { FinishQueue } from './finish-queue.ts'
import { readHead } from './head-file.ts'
import { identityRecord } from './index-records.ts'
import type { WholeMedia } from './media-file.ts'
import { mediaPaths } from './media-paths.ts'
import { newDirectory } from './testing/new-directory.ts'
import type { UnfinishedMedia } from './unfinished-media.ts'

/** A file in which nothing arrived. */
async function emptyFile(name: string): Promise<UnfinishedMedia> {
  const identity = {
    name,
    userId: name,
    stream: 'main',
    mode: '01',
    audioCodec: 'AAC',
    gaps: 'Keep',
    pause: 'Silence',
    attempt: 1,
    part: 1,
    openedMicros: 0,
  } as const
  const paths = mediaPaths(await newDirectory(), name)
  await writeFile(paths.index, identityRecord(identity))
  return {
    paths,
    identity,
    sound: noSound,
    problems: [],
    pictures: undefined,
    packets: undefined,
    undecodable: 0,
    ffmpegPath: 'ffmpeg',
  }
}

describe('finishing', () => {
  it('takes two files at a time, in the order they came', async () => {
    const queue = new FinishQueue()
    const begun: string[] = []
    const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>())
    const finished = gates.map((gate, n) =>
      queue.finish(async () => {
        begun.push(`user${n}`)
        await gate.promise
        return await emptyFile(`user${n}`)
      }),
    )
    await Promise.resolve()
    expect(begun).toEqual(['user0', 'user1'])
    gates[1]!.resolve()
    await finished[1]
    await expect.poll(() => begun).toEqual(['user0', 'user1', 'user2'])
    for (const gate of gates) gate.resolve()
    const problems = (await Promise.all(finished)).map(({ problem }) => problem)
    expect(problems).toEqual([0, 1, 2, 3].map((n) => `no media came from user${n}`))
  })

  it('costs a file that cannot be finished nothing but itself', async () => {
    const queue = new FinishQueue()
    const broken = await emptyFile('broken')
    // A function cannot go to another thread.
    const [first, second] = await Promise.all([
      queue.finish(async () => ({ ...broken, problems: [(() => {}) as unknown as string] })),
      queue.finish(() => emptyFile('whole')),
    ])
    expect(first.problem).toMatch(/could not be made into a file/)
    expect(Buffer.from(await readHead(first.head)).toString('latin1', 4, 8)).toBe('ftyp')
    expect(second.problem).toBe('no media came from whole')
  })

  it('costs nothing where a thread dies while it has nothing to do, or as it is given a file', async () => {
    const workers: Worker[] = []
    const queue = new FinishQueue(() => {
      workers.push(new Worker(new URL('./finish-worker.ts', import.meta.url)))
      return workers.at(-1)!
    })
    const finish = async (name: string) => (await queue.finish(() => emptyFile(name))).problem
    expect(await finish('alice')).toBe('no media came from alice')
    await workers[0]!.terminate()
    expect(await finish('bob')).toBe('no media came from bob')
    const dies = workers[1]!.terminate()
    expect(await finish('carol')).toBe('no media came from carol')
    await dies
    queue.readAhead('dave.index')
    expect(await finish('dave')).toBe('no media came from dave')
    expect(workers).toHaveLength(3)
    await workers[2]!.terminate()
  })

  it('keeps what was made of a file whose check never ends, and says that it was not checked', async () => {
    const broken = `
      const { parentPort } = require('node:worker_threads')
      parentPort.on('message', () => {
        parentPort.postMessage({ unchecked: { head: { kind: 'inMemory', data: Buffer.from('head'), bytes: 4 }, bodyBytes: 7, durationSeconds: 2 } })
        setImmediate(() => process.exit(3))
      })`
    const queue = new FinishQueue(() => new Worker(broken, { eval: true }))
    const wholes: WholeMedia[] = []
    const finished = await queue.finish(
      () => emptyFile('alice'),
      (whole) => wholes.push(whole),
    )
    expect(wholes).toMatchObject([{ bodyBytes: 7 }])
    expect(finished).toMatchObject({ bodyBytes: 7, durationSeconds: 2 })
    expect(Buffer.from(await readHead(finished.head)).toString()).toBe('head')
    expect(finished.problem).toMatch(/^it could not be checked: .*ended with code 3$/)
  })

  it('has no more files in memory at once where one more is read ahead', async () => {
    const workers: Worker[] = []
    const queue = new FinishQueue(() => {
      workers.push(new Worker(`require('node:worker_threads').parentPort.on('message', () => {})`, { eval: true }))
      return workers.at(-1)!
    })
    const finished = ['alice', 'bob'].map((name) => queue.finish(() => emptyFile(name)))
    await expect.poll(() => workers.length).toBe(2)
    queue.readAhead('carol.index')
    expect(workers).toHaveLength(2)
    await Promise.all(workers.map((worker) => worker.terminate()))
    for (const { problem } of await Promise.all(finished)) expect(problem).toContain('could not be made into a file')
  })

  it('is not disturbed where no thread can be had to read ahead', async () => {
    const workers = [undefined, new Worker(new URL('./finish-worker.ts', import.meta.url))]
    const queue = new FinishQueue(() => {
      const worker = workers.shift()
      if (worker === undefined) throw new Error('Worker initialization failed')
      return worker
    })
    const media = await emptyFile('alice')
    queue.readAhead(media.paths.index)
    expect((await queue.finish(async () => media)).problem).toBe('no media came from alice')
  })

  it('goes on with what was read ahead of it, and without it where that failed', async () => {
    const dies = `require('node:worker_threads').parentPort.on('message', () => process.exit(3))`
    const dead = new Worker(dies, { eval: true })
    const usual = new URL('./finish-worker.ts', import.meta.url)
    let started = 0
    const queue = new FinishQueue(() => (started++ === 0 ? dead : new Worker(usual)))
    const media = await Promise.all(
      ['dead', 'read'].map(async (name) => ({ ...(await emptyFile(name)), pictures: { received: 0, lost: 0 } })),
    )
    for (const { paths } of media) queue.readAhead(paths.index)
    expect(started).toBe(2)
    await once(dead, 'exit')
    const finished = await Promise.all(media.map((one) => queue.finish(async () => one)))
    expect(finished.map(({ problem }) => problem)).toEqual(['no media came from dead', 'no media came from read'])
  })
})
