import type { Recording } from '@trtc-recorder/api'
import { resources } from '@trtc-recorder/kube'
import { expect, test } from 'vitest'
import { sayThatCrdsAreAwaited, sayWhereCrdsDoNotFit } from './crd-notices.ts'
import type { EventNote } from './kube/events.ts'
import { aRecording, at } from './recording/testing.ts'
import { Store } from './runtime/store.ts'

const older = 'the CRD recordings.trtc-recorder.dev is older than this operator'

function world() {
  const said: string[] = []
  const handlers: (() => void)[] = []
  const cache = new Store<Recording>()
  let trouble: string | undefined
  const ours = new Set<string>()
  sayWhereCrdsDoNotFit({
    crds: { has: () => trouble === undefined, trouble: () => trouble, onChange: (handler) => void handlers.push(handler) },
    territory: { has: (namespace) => ours.has(namespace), onChange: (handler) => void handlers.push(() => handler(undefined)) },
    events: {
      record: ({ kind, metadata }, { reason, note }: EventNote) => void said.push(`${kind} ${metadata.name}: ${reason}: ${note}`),
      flush: async () => {},
    },
    resource: resources.recordings,
    cache,
    needs: [resources.recordings],
  })
  let version = 1
  return {
    ours,
    put(name: string, status: Recording['status'] = {}, deletionTimestamp?: string) {
      const made = aRecording()
      const metadata = { ...made.metadata, name, uid: name, resourceVersion: String(++version) }
      const gone = deletionTimestamp === undefined ? {} : { deletionTimestamp }
      cache.apply({ type: 'MODIFIED', object: { ...made, metadata: { ...metadata, ...gone }, status } })
    },
    changes(to: string | undefined) {
      trouble = to
      for (const handler of handlers) handler()
    },
    hears: () => said.splice(0),
  }
}

test('who waits for a CRD that fits is told of it once, and of another trouble again', () => {
  const { put, changes, hears, ours } = world()
  ours.add('lessons')
  put('math')
  expect(hears()).toEqual([])
  changes(older)
  put('math', { observedGeneration: 2 })
  changes(older)
  put('art')
  expect(hears()).toEqual([
    `Recording math: CrdOutdated: It is left alone as it is: ${older}`,
    `Recording art: CrdOutdated: It is left alone as it is: ${older}`,
  ])
  changes(undefined)
  put('music')
  expect(hears()).toEqual([])
  changes('another')
  expect(hears().map((line) => line.slice(0, 16))).toEqual(['Recording math: ', 'Recording art: C', 'Recording music:'])
})

test('the operator says of its own Pod what it waits for, once for each trouble, whoever leads', () => {
  const said: string[] = []
  const handlers: (() => void)[] = []
  let trouble: string | undefined
  const own = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'trtc', name: 'operator-1', uid: 'u', resourceVersion: '' },
  }
  sayThatCrdsAreAwaited(
    { trouble: () => trouble, onChange: (handler) => void handlers.push(handler) },
    {
      record: ({ kind, metadata }, { note }: EventNote) => void said.push(`${kind} ${metadata.name}: ${note}`),
      flush: async () => {},
    },
    own,
  )
  for (const next of [older, undefined, 'another']) {
    trouble = next
    for (const handler of handlers) handler()
  }
  expect(said).toEqual([`Pod operator-1: It is not ready: ${older}`, 'Pod operator-1: It is not ready: another'])
})

test('what is over waits for nothing, but to be let go of', () => {
  const { put, changes, hears, ours } = world()
  ours.add('lessons')
  put('over', { completionTime: at(0).toISOString() })
  put('going', { completionTime: at(0).toISOString() }, at(1).toISOString())
  changes(older)
  expect(hears()).toEqual([expect.stringContaining('Recording going: ')])
})

test('what another release serves, or one before this, is not said to be left alone', () => {
  const { put, changes, hears, ours } = world()
  put('math')
  changes(older)
  expect(hears()).toEqual([])
  ours.add('lessons')
  changes(older)
  expect(hears()).toHaveLength(1)
})
