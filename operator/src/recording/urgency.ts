import { isDeepStrictEqual } from 'node:util'
import type { Recording } from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import type { StoreEvent } from '../runtime/store.ts'
import type { Priority } from '../runtime/workqueue.ts'
import { hasEnded } from './pod-state.ts'

/**
 * What comes first where there is more to do than can be done at once: whoever has no recorder yet or any more, and whoever wants something of
 * it. What is only to be told waits for them.
 */
export function urgencyOfRecording(event: StoreEvent<Recording>): Priority {
  const { object } = event
  switch (event.type) {
    case 'added':
      return object.status?.attempts === undefined ? 'high' : 'low'
    case 'updated':
      return isWanted(event.previous, object) ? 'high' : 'low'
    case 'deleted':
      return 'high'
    case 'resynced':
      return 'low'
  }
}

export function urgencyOfPod({ type, object }: StoreEvent<Pod>): Priority {
  return type === 'deleted' || hasEnded(object) ? 'high' : 'low'
}

/** Whether somebody but the operator has changed it. */
const isWanted = ({ metadata: before }: Recording, { metadata: after }: Recording) =>
  before.generation !== after.generation ||
  before.deletionTimestamp !== after.deletionTimestamp ||
  !isDeepStrictEqual(before.annotations, after.annotations)
