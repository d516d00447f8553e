import type { ConditionReason, ConditionType } from '../../api/src/index.ts'

type Status = 'True' | 'False' | 'Unknown'
type Given = Partial<Record<ConditionType, [Status, ConditionReason]>>

export interface State {
  what: string
  object: { metadata: object; spec: object; status?: object }
  argo: 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended'
  flux: 'Current' | 'InProgress' | 'Failed'
}

function state(what: string, conditions: Given | undefined, argo: State['argo'], flux: State['flux'], more: object = {}): State {
  const list = Object.entries(conditions ?? {}).map(([type, [status, reason]]) => ({
    type,
    status,
    reason,
    message: `because of ${what}`,
  }))
  const status = conditions === undefined ? { observedGeneration: -1 } : { observedGeneration: 1, conditions: list, ...more }
  return { what, object: { metadata: { name: 'math', generation: 1 }, spec: {}, status }, argo, flux }
}

const onItsWay = (reason: ConditionReason): Given => ({
  Succeeded: ['Unknown', reason],
  Reconciling: ['True', reason],
  Started: ['False', reason],
})

/** A Recording in the states of its life, and what a person would say of each. */
export const states: State[] = [
  state('nobody having looked at it', undefined, 'Progressing', 'InProgress'),
  state('its Pod not being made', onItsWay('Pending'), 'Progressing', 'InProgress'),
  state('an image that cannot be pulled', onItsWay('ImagePullFailed'), 'Progressing', 'InProgress'),
  state('a missing Secret', onItsWay('SecretNotFound'), 'Progressing', 'InProgress'),
  state('another in the room', onItsWay('IdentityInUse'), 'Progressing', 'InProgress'),
  state('being in the room', { Succeeded: ['Unknown', 'Recording'], Started: ['True', 'Entered'] }, 'Healthy', 'Current'),
  state('a pause', { Succeeded: ['Unknown', 'Paused'], Started: ['True', 'Entered'] }, 'Suspended', 'Current'),
  state(
    'a silent node',
    { Succeeded: ['Unknown', 'NodeLost'], Reconciling: ['True', 'NodeLost'], Started: ['True', 'Entered'] },
    'Progressing',
    'InProgress',
  ),
  state(
    'its files being finished',
    { Succeeded: ['Unknown', 'Finishing'], Started: ['True', 'Entered'] },
    'Progressing',
    'InProgress',
  ),
  state(
    'an upload that waits',
    { Succeeded: ['Unknown', 'UploadIncomplete'], Stored: ['False', 'UploadIncomplete'] },
    'Progressing',
    'InProgress',
  ),
  state('all being stored', { Succeeded: ['True', 'Completed'], Stored: ['True', 'Completed'] }, 'Healthy', 'Current'),
  state('nobody having come', { Succeeded: ['True', 'NothingRecorded'] }, 'Healthy', 'Current'),
  state('a lost file', { Succeeded: ['False', 'UploadIncomplete'], Stalled: ['True', 'UploadIncomplete'] }, 'Degraded', 'Failed'),
  state('a refusal by TRTC', { Succeeded: ['False', 'RoomRefused'], Stalled: ['True', 'RoomRefused'] }, 'Degraded', 'Failed'),
]

/** The generic rules of kstatus (sigs.k8s.io/cli-utils, pkg/kstatus/status), which Helm's --wait and Flux use where they know no better. */
export function kstatus({ metadata, status }: State['object']): State['flux'] {
  const { generation } = metadata as { generation: number }
  const { observedGeneration, conditions = [] } = (status ?? {}) as {
    observedGeneration?: number
    conditions?: { type: string; status: string }[]
  }
  const holds = (type: string) => conditions.some((condition) => condition.type === type && condition.status === 'True')
  if (observedGeneration !== undefined && observedGeneration !== generation) return 'InProgress'
  if (holds('Reconciling')) return 'InProgress'
  return holds('Stalled') ? 'Failed' : 'Current'
}
