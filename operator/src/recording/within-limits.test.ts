import type { Recording, RecordingStatus } from '@trtc-recorder/api'
import { ApiError } from '@trtc-recorder/kube'
import { expect, test } from 'vitest'
import { aFile, aRecording } from './testing.ts'
import { writeWithinLimits } from './within-limits.ts'

const output = { kind: 'speech' as const, path: 'o', url: '', message: 'writing to COS', bytes: 0 }
const status: RecordingStatus = {
  conditions: [],
  fileCount: 900,
  manifestUrl: 'https://lessons.example/m.json',
  moreFiles: 'packed',
  files: [aFile('alice'), aFile('bob', { status: 0 })],
  outputs: [
    { ...output, status: 1 },
    { ...output, status: 0 },
  ],
}
const tooLarge = new ApiError('replace', 500, { message: 'etcdserver: request is too large' })

/** What is tried of a status where the first `times` are answered so. */
async function tried(error: Error, times: number) {
  const statuses: (RecordingStatus | undefined)[] = []
  const client = {
    replace: async (_: unknown, object: Recording) => {
      statuses.push(object.status)
      if (statuses.length <= times) throw error
      return object
    },
  }
  const written = await writeWithinLimits(client as never, aRecording(), status, AbortSignal.any([])).catch((error) => error)
  return { statuses, written }
}

test('a status that fits is written as it is, once', async () => {
  const { statuses, written } = await tried(tooLarge, 0)
  expect(statuses).toEqual([status])
  expect(written.isShortened).toBe(false)
})

const unsent = 'rpc error: code = ResourceExhausted desc = trying to send message larger than max (2185129 vs. 2097152)'

test.each([
  tooLarge,
  new ApiError('replace', 413, { reason: 'RequestEntityTooLarge' }),
  new ApiError('replace', 500, { message: unsent }),
])('one that is too large says less and less, and how the recording stands to the last: %s', async (error) => {
  const { statuses, written } = await tried(error, 4)
  const { moreFiles: _, ...listed } = status
  const failed = { ...listed, outputs: [status.outputs![1]] }
  const { outputs: __, ...without } = listed
  expect(statuses).toEqual([status, listed, failed, { ...without, files: [status.files![1]] }, { ...without, files: [] }])
  expect(written).toMatchObject({ isShortened: true, written: { status: { fileCount: 900, manifestUrl: status.manifestUrl } } })
})

test.each([
  ['is refused for another reason', new ApiError('replace', 409, { reason: 'Conflict' }), 1],
  ['is too large whatever is left out', tooLarge, 5],
])('one that %s is not written', async (_, error, times) => {
  const { statuses, written } = await tried(error, 9)
  expect(written).toBe(error)
  expect(statuses).toHaveLength(times)
})
