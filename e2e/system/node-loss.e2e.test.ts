import type { Recording } from '@trtc-recorder/api'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { spareNodes } from '../../sandbox/src/cluster/addresses.ts'
import { type SpareNode, startSpareNode } from '../../sandbox/src/cluster/spare-node.ts'
import { traces } from '../../sandbox/src/cluster/testing/traces.ts'
import { unseen } from '../../sandbox/src/progress.ts'
import { kubectl } from './kubectl.ts'
import { expectWhole, gapMillis, here, isRecordedElsewhere, longestGapMillis, on, recordOn } from './nodes.ts'
import { mainProcessOf } from './processes.ts'
import { recordFor, test } from './scene.ts'
import { runningWorld } from './world.ts'

let before: ReturnType<typeof traces>
let nodes: readonly SpareNode[] = []

beforeAll(async () => {
  before = traces()
  const { recorder } = runningWorld().images
  nodes = await Promise.all(spareNodes.map((node) => startSpareNode(node, [recorder], unseen)))
})
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()))
  await kubectl('label', 'node', 'sandbox', ...nodes.map(({ name }) => `${here(name)}-`))
  expect(traces()).toEqual(before)
})

// Each of the two nodes has one test at a time.

describe('a node', () => {
  test.concurrent('that is cut off: lessons go on elsewhere, and all that was recorded on it is stored when it is back', async ({
    scene,
  }) => {
    const [node] = nodes
    await scene.publish('alice')
    const alive = await recordOn(node!, scene, 'alive')
    const killed = await recordOn(node!, scene, 'killed', {
      userId: 'other',
      userSigSecretRef: { name: await scene.recorder('other') },
    })
    await recordFor(8)
    const [pod] = await killed.pods()
    const starting = await scene.record('starting', {
      ...on(node!),
      userId: 'outside',
      userSigSecretRef: { name: await scene.recorder('outside') },
      // Nobody answers there, so that its recorder runs and is not in the room.
      networkProxy: { unifiedProxy: '192.0.2.1:443' },
    })
    await scene.kubectl('wait', 'pod/starting-a1', '--for=jsonpath={.status.phase}=Running', '--timeout=60s')

    const cutAt = Date.now()
    await node!.cutOff()
    process.kill(mainProcessOf(pod!.metadata.uid), 'SIGKILL')
    const unheard = await scene.record('unheard', {
      ...on(node!),
      userId: 'third',
      userSigSecretRef: { name: await scene.recorder('third') },
    })
    await unheard.until(
      'given to the node, which knows nothing of it',
      ({ status }) => status?.attempts?.[0]?.node === node!.name,
    )
    await kubectl('label', 'node', 'sandbox', `${here(node!.name)}=yes`)
    for (const recording of [alive, killed, unheard]) {
      const elsewhere = await isRecordedElsewhere(recording)
      expect(Date.parse(elsewhere.status!.attempts![1]!.startTime!) - cutAt).toBeLessThan(longestGapMillis)
      // Of one that came when the node was silent it is told in the same seconds that its node is, and that nothing came of it for a minute.
      const reason = recording === unheard ? expect.stringMatching(/^(NodeSilent|SlowStart)$/) : 'NodeSilent'
      expect(elsewhere.status!.attempts).toMatchObject([
        { node: node!.name, state: 'LeftBehind', reason },
        { node: 'sandbox', state: 'Running' },
      ])
    }
    // It fares no better there, but it was begun.
    const begun = await starting.until('begun on another node', ({ status }) => status?.attempts?.[1]?.node === 'sandbox')
    expect(begun.status!.attempts![0]).toMatchObject({ node: node!.name, state: 'LeftBehind', reason: 'NodeSilent' })
    await starting.delete()
    // So that each file can be told by its beeps, also where the recorder that lived takes the room back at once.
    await recordFor(3)
    await node!.reconnect()

    // The recorder that lived finishes by itself; what the other one left is uploaded by a Pod that does not enter the room.
    const isStored = ({ status }: Recording) =>
      status?.files?.some(({ attempt, status }) => attempt === 1 && status === 1) ?? false
    for (const recording of [alive, killed]) await recording.until('stored while the lesson goes on', isStored, 60)
    const during = await killed.get()
    expect(during.status!.attempts).toContainEqual(
      expect.objectContaining({ uploadOnly: true, node: node!.name, reason: 'Completed', exitCode: 0 }),
    )
    for (const recording of [alive, killed]) await recording.is('Succeeded', 'Unknown', 'Recording', 30)
    await recordFor(3)
    await expectWhole(alive)
    await expectWhole(killed)
    expect((await expectWhole(unheard, 1)).status!.files).toHaveLength(1)
    await starting.gone()
  })

  test.concurrent('whose kubelet is stopped and whose container runtime is killed: the recorder goes on until the next one is in the room', async ({
    scene,
  }) => {
    const [, node] = nodes
    await scene.publish('alice')
    const recording = await recordOn(node!, scene, 'unattended')
    await recordFor(5)
    await kubectl('label', 'node', 'sandbox', `${here(node!.name)}=yes`)
    await node!.hold('kubelet')
    await node!.hold('containerd')
    await isRecordedElsewhere(recording)
    await recordFor(3)
    node!.release('containerd')
    node!.release('kubelet')
    const back = await recording.until(
      'told how the first attempt ended',
      ({ status }) => status?.attempts?.[0]?.endTime !== undefined,
    )
    expect(back.status!.attempts![0]).toMatchObject({ reason: 'Completed', exitCode: 0 })
    const { files } = (await expectWhole(recording)).status!
    // TRTC sent the one out when the other one came in.
    expect(gapMillis(files!)).toBeLessThan(10_000)
  })
})

describe('a container runtime', () => {
  /** The kubelet lives, and nothing comes of a Pod. Whether it says so, or the node is called not ready, is not waited for. */
  test.concurrent.for<[how: string, node: number, lose: (node: SpareNode) => unknown, giveBack: (node: SpareNode) => unknown]>([
    ['hangs', 0, (node) => node.freeze('containerd'), (node) => node.thaw('containerd')],
    ['was killed', 1, (node) => node.hold('containerd'), (node) => node.release('containerd')],
  ])('that %s before a recorder runs: the lesson is recorded on another node', async ([, number, lose, giveBack], { scene }) => {
    const node = nodes[number]!
    await scene.publish('alice')
    await kubectl('label', 'node', node.name, `${here(node.name)}=yes`, '--overwrite')
    await kubectl('label', 'node', 'sandbox', `${here(node.name)}-`)
    await kubectl('wait', 'node', node.name, '--for=condition=Ready', '--timeout=60s')
    await lose(node)
    const lostAt = Date.now()
    const unmade = await scene.record(`unmade-${number}`, on(node))
    try {
      await unmade.until('given to the node', ({ status }) => status?.attempts?.[0]?.node === node.name)
      await kubectl('label', 'node', 'sandbox', `${here(node.name)}=yes`)
      const elsewhere = await isRecordedElsewhere(unmade)
      expect(Date.parse(elsewhere.status!.attempts![1]!.startTime!) - lostAt).toBeLessThan(longestGapMillis)
      expect(elsewhere.status!.attempts![0]).toMatchObject({ node: node.name, state: 'LeftBehind', reason: 'SlowStart' })
      await recordFor(3)
    } finally {
      await giveBack(node)
    }
    // A kubelet that was in the middle of its start starts it all the same before it ends it, and TRTC sends the other recorder out.
    await unmade.until('told how the first attempt ended', ({ status }) => status?.attempts?.[0]?.endTime !== undefined)
    await unmade.is('Succeeded', 'Unknown', 'Recording', 60)
    // What is shorter has no beep by which it could be told whose it is.
    await recordFor(3)
    await expectWhole(unmade, 1)
  })
})
