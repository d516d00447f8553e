import {
  admittedSubscribeSchema,
  type Control,
  controlAnnotation,
  controlSchema,
  type RecorderProgress,
  type Recording,
} from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { controlVolume } from './names.ts'

/** When a recorder was told to stop; for the operator's own use. */
export const stopAskedAnnotation = `${controlAnnotation}-stop-asked`

/** A kubelet that hears of a change of a Pod brings its Secrets up to date as well; for the operator's own use. */
export const nudgedAnnotation = `${controlAnnotation}-nudged`

/** What a recorder should be told now. Pure. */
export function wantedControl({ spec, metadata, status }: Pick<Recording, 'spec' | 'metadata' | 'status'>): Control {
  const desiredState = status?.stopRequestedTime === undefined ? spec.desiredState : 'Stopped'
  const subscribe = admittedSubscribeSchema.parse(spec.subscribe)
  if (desiredState === 'Stopped') return { version: 1, subscribe, desiredState, stopReason: 'StopRequested' }
  if (metadata.deletionTimestamp !== undefined) {
    return { version: 1, subscribe, desiredState: 'Stopped', stopReason: 'Deleted' }
  }
  return { version: 1, subscribe, desiredState }
}

/** The annotations that tell it; null takes one away. */
export const controlAnnotations = (control: Control, now: Date): Record<string, string | null> => ({
  [controlAnnotation]: JSON.stringify(control),
  [stopAskedAnnotation]: control.desiredState === 'Stopped' ? now.toISOString() : null,
})

/** Pods are told little, and asked often what it was. */
const told = new WeakMap<Pod, Control | undefined>()

/** What it has been told; undefined of a Pod that cannot be told anything, as one that an older operator made. */
export function toldControl(pod: Pod): Control | undefined {
  if (!told.has(pod)) told.set(pod, readControl(pod))
  return told.get(pod)
}

function readControl(pod: Pod): Control | undefined {
  const text = pod.metadata.annotations?.[controlAnnotation]
  if (text === undefined || !pod.spec?.volumes?.some(({ name }) => name === controlVolume)) return undefined
  try {
    return controlSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** Whether its recorder was told that a user wants the recording to stop. That is for good, whatever the user says later. */
export const isToldToStop = (pod: Pod) => isStopOfUser(toldControl(pod))

export const isStopOfUser = (control: Control | undefined) =>
  control?.desiredState === 'Stopped' && control.stopReason === 'StopRequested'

/** Whether a recorder does what it has been told, by what it says of itself: it takes a moment to get there. */
export function isHeeded(pod: Pod, said: RecorderProgress['state']): boolean {
  const told = toldControl(pod)?.desiredState
  if (said !== 'recording' && said !== 'paused') return true
  return told === undefined || told === 'Stopped' || (told === 'Paused') === (said === 'paused')
}
