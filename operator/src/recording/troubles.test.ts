import { type Trouble, type TroubleWord, troubles } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { mostFailuresInARow } from './attempts.ts'
import { isFinished } from './fencing.ts'
import { Refusal } from './refusal.ts'
import { aFile, aResult, at, interrupted } from './testing.ts'
import { endPod, holdUp } from './testing-pods.ts'
import { World } from './testing-world.ts'

/** A recorder on its way into the room. */
const starting = () => new World().settle().scheduled()
const inRoom = () => starting().inRoom()
const neverStarted = (outcome: Parameters<typeof aResult>[0] & object) => aResult({ stopReason: 'NeverStarted', ...outcome })

const conditionsOfNode = (world: World) => [
  { type: 'PodScheduled', status: 'True', lastTransitionTime: world.now.toISOString() },
  { type: 'Ready', status: 'False', lastTransitionTime: world.now.toISOString() },
  { type: 'ContainersReady', status: 'True' },
]

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
const scenes: Record<TroubleWord, { first(): World; again?(world: World): World }> = {
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
      world.trouble = { message: 'FailedMount: no such volume', since: at(0).toISOString(), isLast: true }
      return waitingFor('ContainerCreating')(world.settle()).after(20)
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
  NodeSilent: {
    first: () => {
      const world = inRoom()
      return world.podBecomes((pod) => {
        pod.status!.conditions = conditionsOfNode(world)
      })
    },
  },
  VolumeUnreachable: {
    first: () => {
      const world = inRoom().after(90).ends(interrupted).after(5)
      return unschedulable('1 node(s) had volume node affinity conflict')(world)
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

const numberOfAttempts = (world: World) => world.status.attempts?.at(-1)?.number ?? 0
const claimOf = (world: World) =>
  world.pod.spec?.volumes?.find((volume) => volume.persistentVolumeClaim)?.persistentVolumeClaim?.claimName

describe.each(Object.entries(troubles) as [TroubleWord, Trouble][])(
  '%s',
  (word, { next, after, condition, counts, seen, remedy, meaning }) => {
    const { first, again } = scenes[word]

    test('says what it is and what to do', () => {
      const world = first()
      // A volume that was lost does not stop the next attempt, and a sick node not at once; both are told when they count.
      if (word !== 'VolumeLost' && word !== 'VolumeUnreachable')
        expect(world.is('Succeeded')).toMatch(new RegExp(` ${condition}$`))
      expect(meaning).toMatch(/\.$/)
      expect(remedy).toMatch(/\.$/)
    })

    if (next === 'over') {
      test('ends the recording', () => {
        expect(isFinished(first().recording)).toBe(true)
      })
    }

    if (next === 'stay') {
      test('is waited for, and looked at less and less often', () => {
        const world = first()
        const pods = world.pods.map((pod) => pod.metadata.name)
        expect(world.after(after.longestSeconds * 3).pods.map((pod) => pod.metadata.name)).toEqual(pods)
        expect(world.is('Succeeded')).toBe(`Unknown ${condition}`)
        expect(world.nextLookSeconds).toBe(after.longestSeconds)
      })
    }

    if ((next === 'again' || next === 'wait') && seen !== 'refusal' && word !== 'ContainerNotStarted') {
      test('is followed by a new attempt when its time has come', () => {
        const world = first()
        const number = numberOfAttempts(world)
        if (after.firstSeconds > 0) expect(numberOfAttempts(world.after(after.firstSeconds - 1))).toBe(number)
        expect(numberOfAttempts(world.after(1))).toBe(number + 1)
      })
    }

    if (seen === 'refusal' && next === 'wait') {
      test('is asked for again when its time has come, and later each time', () => {
        const world = first()
        const waits = [world.nextLookSeconds]
        for (let time = 2; time <= 10; time += 1) waits.push(world.after(waits.at(-1)!).nextLookSeconds)
        expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300, 300])
        world.refuses = {}
        expect(world.after(299).pods).toEqual([])
        expect(world.after(1).pods).toHaveLength(1)
        expect(world.is('Succeeded')).toBe('Unknown Pending')
      })
    }

    if (next === 'elsewhere') {
      test('is followed by a new attempt on a volume of its own', () => {
        const world = first().after(after.firstSeconds)
        expect(claimOf(world)).not.toBe('math')
        expect(world.claims.map(({ metadata }) => metadata.name)).toContain(claimOf(world))
      })
    }

    if (counts && again !== undefined) {
      test('ends the recording when it is the fifth in a row', () => {
        let world = first()
        for (let time = 2; time < mostFailuresInARow; time += 1) world = again(world.after(300))
        // One that got into the room is no failure to start.
        if (word === 'Interrupted') world = again(world.after(300))
        expect(world.status.stopReason).toBeUndefined()
        expect(again(world.after(300)).status.stopReason).toMatch(/NeverStarted|RoomLost/)
      })
    }
  },
)

test('a container that cannot be started has its Pod made anew', () => {
  const world = scenes.ContainerNotStarted.first()
  const { firstSeconds } = troubles.ContainerNotStarted.after
  expect(world.after(firstSeconds - 1).pod.metadata.deletionTimestamp).toBeUndefined()
  expect(world.after(1).pod.metadata.deletionTimestamp).toBeDefined()
})

test('a Secret that appears is found by the next attempt', () => {
  const world = scenes.SecretNotFound.first().after(5).scheduled().inRoom()
  expect(world.is('Started')).toBe('True Entered')
  expect(world.is('Succeeded')).toBe('Unknown Recording')
})

test('nothing is tried, or looked at, at a fixed rate without end', () => {
  const rows: [string, Trouble][] = Object.entries(troubles)
  // What counts ends the recording the fifth time, and what goes elsewhere has as many volumes as there may be.
  const endless = rows.filter(([, { next, counts }]) => next === 'stay' || next === 'wait' || (next === 'again' && !counts))
  expect(endless.length).toBeGreaterThan(10)
  for (const [word, { after }] of endless) expect(after.longestSeconds, word).toBeGreaterThan(after.firstSeconds)
})
