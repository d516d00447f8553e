import type { Recording, RecordingStatus } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { surplusOf } from './retention.ts'
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
