import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { RecordingStatus } from '../../api/src/index.ts'
import type { ApiServer } from '../../e2e/operator/api-server.ts'
import { aFile, condition, newRecording } from '../../e2e/operator/recordings.ts'
import { resources } from '../../kube/src/index.ts'
import { createAll } from './load.ts'
import { operatorEnvironment } from './operator-process.ts'
import type { Finished } from './results.ts'

const holder = fileURLToPath(new URL('finished-holder.ts', import.meta.url))

/** What the operator's caches hold of each Recording that is over and told, beside what they would hold of a whole one. */
export async function measureFinished(api: ApiServer, n: number): Promise<Finished> {
  const half = Math.ceil(n / 2)
  const namespaces = [await api.namespace(), await api.namespace()] as const
  for (const namespace of namespaces) {
    await createAll(half, async (index) => {
      const { metadata } = await api.client.create(resources.recordings, newRecording(namespace, `lesson-${index}`, { callback }))
      const body = { status: statusOf(metadata.uid) }
      await api.client.patch(resources.recordings, metadata, { type: 'merge', body }, { subresource: 'status' })
    })
  }
  const env = await operatorEnvironment(api, namespaces[0], 'holder', 1)
  const held = async (what: 'abridged' | 'whole') => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', holder, what, ...namespaces], { env })
    return Math.round((Number(stdout) / half / 1000) * 100) / 100
  }
  return { n: 2 * half, kilobytesEach: await held('abridged'), wholeKilobytesEach: await held('whole') }
}

const callback = { url: 'https://school.example/recorded' }

/** As the operator leaves it after an hour with two people. */
const statusOf = (uid: string): RecordingStatus => ({
  observedGeneration: 1,
  conditions: [
    condition('Succeeded', 'True', 'Completed', 'The recording was stopped by spec.desiredState. 2 files are stored in COS.'),
    condition('Started', 'True', 'Entered', 'The recorder has been in the room'),
    condition('Stored', 'True', 'Completed', '2 files are stored in COS.'),
    condition('CallbackDelivered', 'True', 'Delivered', 'The receiver answered with 200.'),
  ],
  startTime: '2026-03-01T10:00:00.000Z',
  completionTime: '2026-03-01T11:00:00.000Z',
  stopReason: 'StopRequested',
  attempts: [
    {
      ...{ number: 1, pod: 'lesson-a1', podUid: uid, state: 'Ended', volume: 'lesson-v1', node: 'node-1', reason: 'Completed' },
      ...{
        startTime: '2026-03-01T10:00:00.000Z',
        endTime: '2026-03-01T11:00:00.000Z',
        exitCode: 0,
        message: 'Everything is stored.',
      },
    },
  ],
  volumes: [{ name: 'lesson-v1', uid, state: 'Empty' }],
  files: [aFile, { ...aFile, userId: 'bob' }],
  manifestUrl: aFile.url,
  participants: 2,
  recordedBytes: 2000,
  uploadedBytes: 2000,
  callback: {
    ...{ id: `${uid}/result`, state: 'Delivered', attempts: 1, lastStatusCode: 200 },
    ...{ dueSince: '2026-03-01T11:00:00.000Z', deliveredTime: '2026-03-01T11:00:01.000Z' },
  },
})
