import type { Recording, RecordingStatus } from '@trtc-recorder/api'
import type { KubeClient } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type RecordingIndex, recordingIndexers } from '../caches.ts'
import { Store } from '../runtime/store.ts'
import { retentionController, surplusOf } from './retention.ts'
import { aRecording, at } from './testing.ts'

const over = (name: string, seconds: number, status: Partial<RecordingStatus> = {}, metadata: object = {}): Recording => ({
  ...aRecording({}, { name, uid: name, ...metadata }),
  status: { completionTime: at(seconds).toISOString(), ...status },
})
const names = (recordings: readonly Recording[]) => recordings.map(({ metadata }) => metadata.name)

describe('of more finished Recordings than are kept', () => {
  test('those go that were finished first', () => {
    const finished = [over('third', 3), over('first', 1), over('fourth', 4), over('second', 2)]
    expect(names(surplusOf(finished, 2))).toEqual(['first', 'second'])
    expect(surplusOf(finished, 4)).toEqual([])
    expect(names(surplusOf(finished, 0))).toHaveLength(4)
  })

  test.each([
    ['whose volume holds what is not in COS', { volumes: [{ name: 'v', state: 'Holding' }] }, {}],
    ['whose volume is lost', { volumes: [{ name: 'v', state: 'Lost' }] }, {}],
    ['whose volume says a word of another release', { volumes: [{ name: 'v', state: 'Draining' }] }, {}],
    [
      'whose callback is not delivered yet',
      { callback: { id: 'u', state: 'Pending', attempts: 1, dueSince: at(1).toISOString() } },
      {},
    ],
    ['that is not tidied up after yet', {}, { finalizers: ['trtc-recorder.dev/recording'] }],
    ['that somebody keeps', {}, { annotations: { 'trtc-recorder.dev/keep': 'for the court' } }],
    ['that is going anyway', {}, { deletionTimestamp: at(9).toISOString() }],
    ['that is not over', { completionTime: undefined }, {}],
  ])('one %s neither goes nor counts', (_, status, metadata) => {
    const special = over('special', 1, status as never, metadata)
    expect(surplusOf([special], 0)).toEqual([])
    expect(names(surplusOf([special, over('a', 2), over('b', 3)], 1))).toEqual(['a'])
  })

  test('one whose volume is kept on purpose goes, and its volume stays', () => {
    expect(names(surplusOf([over('a', 1, { volumes: [{ name: 'v', state: 'Empty' }] })], 0))).toEqual(['a'])
  })
})

test('is deleted once, however late the cache hears of it, and makes room for no other', async () => {
  const recordings = new Store<Recording, RecordingIndex>({ indexers: recordingIndexers })
  const list = ['a', 'b', 'c'].map((name, at) => over(name, at))
  recordings.replace(list, { resourceVersion: '9' })
  const log = { info() {}, warn() {}, child: () => log } as unknown as Logger
  const deleted: string[] = []
  let runs = 0
  const controller = retentionController({
    client: { delete: async (_: unknown, { name }: { name: string }) => void deleted.push(name) } as unknown as KubeClient,
    recordings,
    most: 1,
    log,
    metrics: { controller: () => ({ queue: {}, observer: { reconciled: () => (runs += 1) }, watchQueue() {} }) } as never,
  })
  onTestFinished(() => controller.stop(1000).then(() => {}))
  controller.start()
  await expect.poll(() => runs).toBe(1)
  expect(deleted).toEqual(['a', 'b'])
  controller.enqueue('lessons/*')
  await expect.poll(() => runs).toBe(2)
  expect(deleted).toEqual(['a', 'b'])
})
