/** A scene for each row of the table of troubles, for the tests beside this file. Nothing of the product imports it. */
import type { TroubleWord } from '@trtc-recorder/api'
import { Refusal } from './refusal.ts'
import { aFile, aResult, at, interrupted } from './testing.ts'
import { endPod, holdUp, leave } from './testing-pods.ts'
import { World } from './testing-world.ts'
import { mostVolumes } from './volumes.ts'

/** A recorder on its way into the room. */
const starting = () => new World().settle().scheduled()
const inRoom = () => starting().inRoom()
const neverStarted = (outcome: Parameters<typeof aResult>[0] & object) => aResult({ stopReason: 'NeverStarted', ...outcome })

const conditionsOfNode = (world: World) => [
  { type: 'PodScheduled', status: 'True', lastTransitionTime: world.now.toISOString() },
  { type: 'Ready', status: 'False', lastTransitionTime: world.now.toISOString() },
  { type: 'ContainersReady', status: 'True' },
]

const onASilentNode = (world: World) =>
  world.podBecomes((pod) => {
    pod.status!.conditions = conditionsOfNode(world)
  })

const waitingFor = (reason: string) => (world: World) => world.podBecomes((pod) => holdUp(pod, world.now, reason))

const unschedulable = (message: string) => (world: World) =>
  world.podBecomes((pod) => {
    const lastTransitionTime = world.now.toISOString()
    pod.status = {
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime }],
    }
  })

/** Refused until `world.refuses` is emptied. */
function refused(action: 'ensureVolume' | 'createPod', word: ConstructorParameters<typeof Refusal>[0]): World {
  const world = new World()
  world.refuses = { [action]: new Refusal(word, 'because') }
  return world.settle()
}

const said = (outcome: 'UploadRefused' | 'UploadIncomplete', over: Parameters<typeof aResult>[0] = {}) =>
  aResult({ outcome, startedAt: at(1).toISOString(), stopReason: 'Idle', files: [aFile('alice', { status: 0 })], ...over })

/**
 * Brings a Recording to where a row of the table is seen for the first time, and says how a second time would look like (with the newest
 * Pod). TypeScript wants a scene for each row.
 */
export const scenes: Record<TroubleWord, { first(): World; again?(world: World): World }> = {
  Completed: { first: () => inRoom().ends(aResult({ stopReason: 'Idle', files: [aFile('alice')] })) },
  FileFailed: {
    first: () => inRoom().ends(aResult({ outcome: 'FileFailed', stopReason: 'Idle', files: [aFile('alice', { status: 0 })] })),
  },
  Interrupted: {
    first: () => inRoom().ends(interrupted),
    again: (world) => world.scheduled().ends({ ...interrupted, startedAt: undefined }),
  },
  UploadIncomplete: { first: () => inRoom().ends(said('UploadIncomplete')) },
  UploadRefused: { first: () => inRoom().ends(said('UploadRefused')) },
  SecretNotFound: { first: () => starting().ends(neverStarted({ outcome: 'SecretNotFound' })) },
  RoomRefused: { first: () => starting().ends(neverStarted({ outcome: 'RoomRefused' })) },
  RoomRefusedAgain: {
    first: () =>
      inRoom()
        .after(90)
        .ends(interrupted)
        .after(5)
        .scheduled()
        .ends(neverStarted({ outcome: 'RoomRefused' })),
  },
  StartTimeout: {
    first: () => starting().ends(neverStarted({ outcome: 'StartTimeout' })),
    again: (world) => world.scheduled().ends(neverStarted({ outcome: 'StartTimeout' })),
  },
  MediaUnreachable: {
    first: () =>
      inRoom().ends(aResult({ outcome: 'MediaUnreachable', stopReason: 'MediaUnreachable', startedAt: at(1).toISOString() })),
  },
  StorageFull: {
    first: () => inRoom().ends(aResult({ outcome: 'StorageFull', stopReason: 'StorageFull', startedAt: at(1).toISOString() })),
  },
  InternalError: {
    first: () => starting().ends(neverStarted({ outcome: 'InternalError' })),
    again: (world) => world.scheduled().ends(neverStarted({ outcome: 'InternalError' })),
  },
  InvalidJob: { first: () => starting().ends(neverStarted({ outcome: 'InvalidJob' })) },
  VolumeUnusable: {
    first: () => starting().ends(neverStarted({ outcome: 'VolumeUnusable' })),
    again: (world) => world.scheduled().ends(neverStarted({ outcome: 'VolumeUnusable' })),
  },
  Terminated: { first: () => starting().ends(aResult({ stopReason: 'Terminated' })) },
  Evicted: { first: () => starting().ends(undefined, { podReason: 'Evicted' }) },
  PodDeleted: {
    first: () => {
      const world = starting()
      return world
        .podBecomes((pod) => {
          pod.metadata.deletionTimestamp = world.now.toISOString()
        })
        .ends(undefined)
    },
  },
  NodeLost: { first: () => starting().ends(undefined, { disruption: 'DeletionByPodGC' }) },
  OOMKilled: {
    first: () => starting().ends(undefined, { reason: 'OOMKilled' }),
    again: (world) => world.scheduled().ends(undefined, { reason: 'OOMKilled' }),
  },
  Crashed: {
    first: () => starting().ends(undefined, { exitCode: 139 }),
    again: (world) => world.scheduled().ends(undefined, { exitCode: 139 }),
  },
  ResultUnknown: {
    first: () => starting().ends({ ...aResult({ stopReason: 'NeverStarted' }), outcome: 'Merged' } as never, { exitCode: 99 }),
    again: (world) =>
      world.scheduled().ends({ ...aResult({ stopReason: 'NeverStarted' }), outcome: 'Merged' } as never, { exitCode: 99 }),
  },
  NotStarted: {
    first: () => failedBeforeItRan(starting()),
    again: (world) => failedBeforeItRan(world.scheduled()),
  },
  Unschedulable: { first: () => unschedulable('0/3 nodes are available')(new World().settle()) },
  ImagePullFailed: { first: () => waitingFor('ImagePullBackOff')(new World().settle()) },
  ContainerNotMade: {
    first: () => {
      const world = new World()
      world.news = { complaint: 'FailedMount: no such volume' }
      // On one node, and on another.
      waitingFor('ContainerCreating')(world.settle()).after(60)
      return waitingFor('ContainerCreating')(world).after(20)
    },
  },
  ContainerNotStarted: { first: () => waitingFor('CreateContainerConfigError')(new World().settle()) },
  QuotaExceeded: { first: () => refused('createPod', 'QuotaExceeded') },
  PodRejected: { first: () => refused('createPod', 'PodRejected') },
  VolumeNotOwned: { first: () => refused('ensureVolume', 'VolumeNotOwned') },
  NamespaceTerminating: {
    first: () => {
      const world = inRoom().delete()
      world.refuses = { createPod: new Refusal('NamespaceTerminating', 'because') }
      return world.ends(said('UploadIncomplete', { stopReason: 'Deleted' })).after(5)
    },
  },
  NodeSilent: { first: () => onASilentNode(inRoom()) },
  NodeAway: {
    first: () => {
      const world = onASilentNode(inRoom()).after(15).scheduled().inRoom()
      return world.ends(aResult({ stopReason: 'RoomDismissed', startedAt: at(1).toISOString() }))
    },
  },
  SlowStart: {
    first: () => starting().after(20),
  },
  SlowEnd: {
    first: () => {
      const world = inRoom().after(90)
      return world.podBecomes((pod) => leave(pod, world.now))
    },
  },
  VolumeUnreachable: {
    first: () => {
      const world = inRoom().after(90).ends(interrupted).after(5)
      return unschedulable('1 node(s) had volume node affinity conflict')(world)
    },
  },
  TooManyVolumes: {
    first: () => {
      const world = new World().settle()
      for (let volume = 0; volume < mostVolumes; volume += 1) onASilentNode(world.scheduled().inRoom()).after(15)
      return world
    },
  },
  VolumeGoing: {
    first: () => {
      const world = inRoom().after(90).ends(said('UploadIncomplete'))
      world.claims[0]!.metadata.deletionTimestamp = world.now.toISOString()
      return world.after(5)
    },
  },
  VolumeLost: {
    first: () => {
      const world = inRoom().ends(undefined, { reason: 'OOMKilled' })
      world.claims = []
      return world.settle().after(5)
    },
  },
  IdentityInUse: {
    first: () => {
      const world = new World()
      world.heldBy = 'other/history'
      return world.settle()
    },
  },
  Queued: {
    first: () => {
      const world = new World()
      world.place = { is: 'waits', at: 3, of: 5, within: 'namespace', limit: 2 }
      return world.settle()
    },
  },
}

function failedBeforeItRan(world: World): World {
  return world.podBecomes((pod) => {
    endPod(pod, world.now, undefined)
    delete pod.status!.containerStatuses
  })
}
