import { setTimeout as sleep } from 'node:timers/promises'
import type { Recording } from '@trtc-recorder/api'
import type { ApiServer } from '../../e2e/operator/api-server.ts'
import { newRecording } from '../../e2e/operator/recordings.ts'
import { resources } from '../../kube/src/index.ts'
import { median } from '../statistics.ts'
import { startOperator } from './operator-process.ts'
import { Pods } from './pods.ts'
import { Recorders } from './recorders.ts'
import type { Churn } from './results.ts'
import { isOver, isStarted, WatchedRecordings } from './watched-recordings.ts'

/** Recordings that are there at once; each is made, records, is stopped, is over, is deleted, and another one takes its place. */
const atOnce = 50
const lookEveryMillis = 1000

/** Whether the operator grows while Recordings come and go for some minutes. */
export async function measureChurn(api: ApiServer, minutes: number, workers: number): Promise<Churn> {
  const namespace = await api.namespace()
  const recorders = new Recorders()
  await recorders.start()
  const operator = await startOperator(api, namespace, 'churn', workers)
  const pods = new Pods(api.client, namespace)
  pods.play()
  const recordings = new WatchedRecordings(api.client, namespace)
  const memory: number[] = []
  let lives = 0
  const end = performance.now() + minutes * 60_000
  try {
    while (performance.now() < end) {
      const names = Array.from({ length: atOnce }, () => `churn-${lives++}`)
      const each = (act: (name: string) => Promise<unknown>) => Promise.all(names.map(act))
      const until = async (what: string, isSo: (recording: Recording | undefined) => boolean) => {
        const missing = () => names.filter((name) => !isSo(recordings.get(`${namespace}/${name}`)))
        for (let looks = 0; missing().length > 0; looks += 1) {
          if (looks > 120)
            throw new Error(`${missing().length} are not ${what}, ${describe(recordings.get(`${namespace}/${missing()[0]}`))}`)
          memory.push(operator.process.memoryMB.now)
          await sleep(lookEveryMillis)
        }
      }
      await each((name) => api.client.create(resources.recordings, newRecording(namespace, name)))
      await until('in the room', (recording) => recording !== undefined && isStarted(recording))
      const body = { spec: { desiredState: 'Stopped' } }
      await each((name) => api.client.patch(resources.recordings, { namespace, name }, { type: 'merge', body }))
      await until('over', (recording) => recording !== undefined && isOver(recording))
      await each((name) => api.client.delete(resources.recordings, { namespace, name }))
      await until('gone', (recording) => recording === undefined)
    }
    const fifth = Math.floor(memory.length / 5)
    const early = Math.round(median(memory.slice(fifth, 2 * fifth)))
    return { minutes, lives, memoryMB: { early, late: Math.round(median(memory.slice(-fifth))) } }
  } finally {
    await operator.process.end('SIGKILL')
    await pods.stop()
    await recordings.stop()
    recorders.stop()
  }
}

/** What keeps one of them, as whoever looks at it would see it. */
const describe = (recording: Recording | undefined) => JSON.stringify({ ...recording, spec: undefined })
