import type { Recording } from '@trtc-recorder/api'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { spareNodes } from '../../sandbox/src/cluster/addresses.ts'
import { type SpareNode, startSpareNode } from '../../sandbox/src/cluster/spare-node.ts'
import { traces } from '../../sandbox/src/cluster/testing/traces.ts'
import { unseen } from '../../sandbox/src/progress.ts'
import type { AppliedRecording } from './applied-recording.ts'
import { kubectl } from './kubectl.ts'
import { expectWhole, here, isRecordedElsewhere, longestGapMillis, on, recordOn } from './nodes.ts'
import { mainProcessOf } from './processes.ts'
import { recordFor, type Scene, test } from './scene.ts'
import { runningWorld } from './world.ts'

let before: ReturnType<typeof traces>
let node: SpareNode

beforeAll(async () => {
  before = traces()
  node = await startSpareNode(spareNodes[0], [runningWorld().images.recorder], unseen)
})
afterAll(async () => {
  await node.stop()
  await kubectl('label', 'node', 'sandbox', `${here(node.name)}-`)
  expect(traces()).toEqual(before)
})

const isLeftBehind = ({ status }: Recording) => status?.attempts?.[0]?.state === 'LeftBehind'
const isNextInTheRoom = ({ status }: Recording) => status?.attempts?.[1]?.startTime !== undefined

describe.concurrent('left behind', () => {
  describe('a recorder that is asked to end, leaves the room and does not come to the end of its files', () => {
    /** It stands still in the middle of them, as on a node that dies then; gives what has it go on. */
    async function standsStill(scene: Scene, recording: AppliedRecording): Promise<() => void> {
      const [pod] = await recording.pods()
      const recorder = mainProcessOf(pod!.metadata.uid)
      await scene.kubectl('delete', 'pod', pod!.metadata.name, '--wait=false')
      await recording.until('out of the room', ({ status }) => status?.attempts?.[0]?.leftTime !== undefined)
      process.kill(recorder, 'SIGSTOP')
      return () => process.kill(recorder, 'SIGCONT')
    }

    async function recordSlowly(scene: Scene, name: string): Promise<AppliedRecording> {
      await scene.publish('alice')
      const recording = await scene.recordFromNow(name)
      await recordFor(5)
      // Of nothing else: it stands until the sandbox goes.
      await scene.world.cos.fault({ kind: 'slow', delayMillis: 4000 }, { key: `^${scene.namespace}/${name}/` })
      return recording
    }

    test('is not waited for: the lesson goes on within 90 s, and all that it recorded is stored when it goes on', async ({
      scene,
    }) => {
      const recording = await recordSlowly(scene, 'drained')
      const askedAt = Date.now()
      const goOn = await standsStill(scene, recording)
      try {
        const left = await recording.until('left behind, with the next one in the room', isNextInTheRoom)
        expect(left.status!.attempts![0]).toMatchObject({ state: 'LeftBehind', reason: 'SlowEnd' })
        expect(Date.parse(left.status!.attempts![1]!.startTime!) - askedAt).toBeLessThan(longestGapMillis)
        await recordFor(3)
      } finally {
        goOn()
      }
      const told = await recording.until('told how it ended', ({ status }) => status?.attempts?.[0]?.endTime !== undefined)
      expect(told.status!.attempts![0]).toMatchObject({ reason: 'PodDeleted', exitCode: 0 })
      await recording.is('Succeeded', 'Unknown', 'Recording')
      await expectWhole(recording)
    })

    test('ends the recording where it says in the end that the room had been dismissed', async ({ scene }) => {
      const recording = await recordSlowly(scene, 'dismissed')
      await scene.world.room.dismissRoom({ room: scene.room })
      const goOn = await standsStill(scene, recording)
      try {
        await recording.until('left behind', isLeftBehind)
        await recording.until('waiting in a room where nobody is', isNextInTheRoom)
      } finally {
        goOn()
      }
      const { status } = await recording.settled()
      expect(status!.stopReason).toBe('RoomDismissed')
      expect(status!.conditions).toContainEqual(
        expect.objectContaining({ type: 'Succeeded', status: 'True', reason: 'Completed' }),
      )
      expect(status!.files).toMatchObject([{ userId: 'alice', attempt: 1, status: 1 }])
      expect(status!.volumes).toEqual([])
    })
  })

  describe('a node that was not ready, and dies then', () => {
    test('is left as soon as its Pods are taken from it, for nobody says anything else of them', async ({ scene }) => {
      await scene.publish('alice')
      // Kubernetes leaves them there for five minutes, unless they say otherwise.
      const notReady = { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 30 }
      const recording = await recordOn(node, scene, 'twice', { tolerations: [...on(node).tolerations, notReady] })
      await recordFor(5)
      await kubectl('label', 'node', 'sandbox', `${here(node.name)}=yes`)
      // The kubelet lives, and says that its runtime does not.
      await node.hold('containerd')
      await kubectl('wait', 'node', node.name, '--for=condition=Ready=False', '--timeout=90s')
      await node.cutOff()
      const cutAt = Date.now()
      try {
        const elsewhere = await isRecordedElsewhere(recording)
        expect(elsewhere.status!.attempts![0]).toMatchObject({ node: node.name, state: 'LeftBehind', reason: 'NodeSilent' })
        expect(Date.parse(elsewhere.status!.attempts![1]!.startTime!) - cutAt).toBeLessThan(longestGapMillis)
        await recordFor(3)
      } finally {
        await node.reconnect()
        node.release('containerd')
      }
      await recording.until('told how the first attempt ended', ({ status }) => status?.attempts?.[0]?.endTime !== undefined)
      await recording.is('Succeeded', 'Unknown', 'Recording')
      await expectWhole(recording)
    })
  })
})
