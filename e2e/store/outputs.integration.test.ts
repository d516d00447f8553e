import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Clip, makeClip } from '../../recorder-image/src/media/testing/clip.ts'
import { send } from '../../recorder-image/src/media/testing/sender.ts'
import { recorded } from '../../recorder-image/src/outputs/testing.ts'
import { aJob } from '../../recorder-image/src/recorder/testing.ts'
import { bucket, type Harness, MiB, startHarness } from './harness.ts'

const path = 'lessons/maths.YWxpY2U.16k.wav'
/** Of which the WAV takes four parts. */
const seconds = 110

let clip: Clip
let harness: Harness
beforeAll(async () => {
  clip = await makeClip({ seconds: 2 })
})
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

const world = () =>
  recorded(
    aJob({ outputs: { audio16k: true } }),
    [{ userId: 'alice', mode: '00', frames: send({ clip, from: 0, to: 2, atSeconds: 3 }) }],
    seconds,
  )
const uploads = () => harness.control.uploads(bucket)

describe('an output, as COS fails in the middle of it', () => {
  test('is whole where COS comes back, with nothing left over in COS', async () => {
    const { make, store: memory } = await world()
    await make()
    await harness.control.fault({ kind: 'lostAnswer' }, { operations: ['InitiateMultipartUpload'], count: 1 })
    await harness.control.fault(
      { kind: 'error', status: 503, code: 'ServiceUnavailable' },
      { operations: ['UploadPart'], count: 5 },
    )
    await harness.control.fault({ kind: 'corrupt' }, { operations: ['UploadPart'], partNumber: 2, count: 1 })
    expect(await make(true, harness.store())).toMatchObject([{ userId: 'alice', status: 1, message: 'ok' }])
    expect((await harness.stored(path)).equals(memory.bodies.get(path)!)).toBe(true)
    expect(await uploads()).toEqual([])
  })

  test('says why where COS refuses it, and COS is left with nothing of it', async () => {
    const { make } = await world()
    await harness.control.deny(bucket, ['CompleteMultipartUpload'])
    expect(await make(true, harness.store())).toMatchObject([
      { userId: 'alice', status: 0, url: '', message: expect.stringContaining('AccessDenied') },
    ])
    expect(await harness.control.requests({ operation: 'UploadPart', status: 200 })).toHaveLength(4)
    expect(await uploads()).toEqual([])
  })

  test('is made anew after a recorder that was killed while it stored it, of whose upload nothing is left', async () => {
    const { make, store: memory, outputsDirectory } = await world()
    await make()
    const name = path.split('/').at(-1)!
    mkdirSync(outputsDirectory, { recursive: true })
    writeFileSync(join(outputsDirectory, name), Buffer.alloc(3 * MiB, 7))
    const killed = { key: path, bodyPath: join(outputsDirectory, name), logPath: join(outputsDirectory, `${name}.jsonl`) }
    const before = harness.store().open({ ...killed, contentType: 'audio/wav' })
    before.grew(3 * MiB)
    await expect.poll(() => before.uploadedBytes).toBe(2 * MiB)
    expect(await uploads()).toHaveLength(1)

    expect(await make(true, harness.store())).toMatchObject([{ userId: 'alice', status: 1, message: 'ok' }])
    expect((await harness.stored(path)).equals(memory.bodies.get(path)!)).toBe(true)
    expect(await uploads()).toEqual([])
  })
})
