import { dueTrtcNotice, keepAnnotation, type Recording, recordingFinalizer } from '@trtc-recorder/api'
import type { KubeObject, Pod } from '@trtc-recorder/kube'
import { unheeded } from './recording/unheeded.ts'

/**
 * What is kept of objects in the caches: what somebody here reads. The API server has the rest, and nothing that is cut here is ever written back: a
 * status is written whole or not at all, and of what is cut short there is nothing left to write.
 */

/** Often half of an object, and read by nobody here. */
export function withoutBallast<T extends KubeObject>(object: T): T {
  const { managedFields: _, annotations, ...metadata } = object.metadata as T['metadata'] & { managedFields?: unknown }
  if (annotations === undefined) return { ...object, metadata }
  const { 'kubectl.kubernetes.io/last-applied-configuration': applied, ...rest } = annotations
  return { ...object, metadata: { ...metadata, annotations: rest } }
}

/** A Pod without its specification, but for what the operator asks it: where it is, of which image, on which volume, and what it can be told. */
export function abridgedPod(pod: Pod): Pod {
  const { spec, ...rest } = withoutBallast(pod)
  if (spec === undefined) return rest as Pod
  const containers = spec.containers.map(({ name, image }) => ({ name, ...(image === undefined ? {} : { image }) }))
  const volumes = spec.volumes?.map(({ name, persistentVolumeClaim }) => ({
    name,
    ...(persistentVolumeClaim === undefined ? {} : { persistentVolumeClaim }),
  }))
  const { nodeName } = spec
  return {
    ...rest,
    spec: { containers, ...(volumes === undefined ? {} : { volumes }), ...(nodeName === undefined ? {} : { nodeName }) },
  } as Pod
}

/**
 * A Recording that is over and let go of is only counted, and asked who it was, how it ended and whether somebody keeps it. One of which a user wants
 * something (an annotation) is whole until it has been heeded; what annotations it has otherwise is not read here.
 */
export function abridgedRecording(recording: Recording): Recording {
  const whole = withoutBallast(recording)
  const { metadata, spec, status } = whole
  const isWanted = unheeded(whole).length > 0
  const isHeld = metadata.finalizers?.includes(recordingFinalizer) ?? false
  // Its time is read from the whole of it, and soon it is gone.
  const isTemporary = spec.ttlSecondsAfterFinished !== undefined
  // Its status alone says where media is that is not in COS.
  const isMissed = status?.volumes?.some(({ state }) => state !== 'Empty') ?? false
  const isToBeTold = status?.callback?.state === 'Pending' || dueTrtcNotice(whole) !== undefined
  if (status?.completionTime === undefined || isHeld || isWanted || isTemporary || isToBeTold || isMissed) return whole
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp } = metadata
  const { sdkAppId, roomId, strRoomId, userId, desiredState } = spec
  const keep = metadata.annotations?.[keepAnnotation]
  const conditions = status.conditions?.filter(({ type }) => type === 'Succeeded')
  return {
    apiVersion: whole.apiVersion,
    kind: whole.kind,
    metadata: {
      ...{ name, namespace, uid, resourceVersion, generation, creationTimestamp },
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(keep === undefined ? {} : { annotations: { [keepAnnotation]: keep } }),
    },
    spec: { sdkAppId, userId, desiredState, ...(roomId === undefined ? { strRoomId } : { roomId }) } as Recording['spec'],
    status: {
      completionTime: status.completionTime,
      ...(conditions === undefined ? {} : { conditions: conditions.map((condition) => ({ ...condition, message: '' })) }),
    },
  }
}
