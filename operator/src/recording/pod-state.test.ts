import type { Pod } from '@trtc-recorder/kube'
import { describe, expect, test } from 'vitest'
import { recorderPod } from './pod.ts'
import { podState } from './pod-state.ts'
import { latest } from './pod-trouble.ts'
import { aRecording, aResult, at, podConfig } from './testing.ts'
import { endPod, enter, run, schedule } from './testing-pods.ts'

const aPod = () => {
  const pod = structuredClone(
    recorderPod(aRecording(), { attempt: 1, volume: 'math', uploadOnly: false }, podConfig),
  ) as unknown as Pod
  pod.metadata.creationTimestamp = at(0).toISOString()
  return pod
}

describe('the state of a Pod', () => {
  const stateOf = (change: (pod: Pod) => void, now = at(100), trouble?: string) => {
    const pod = aPod()
    change(pod)
    return podState(pod, { kind: 'none' }, now, trouble)
  }
  const deleted =
    (seconds: number, change: (pod: Pod) => void = () => {}) =>
    (pod: Pod) => {
      change(pod)
      pod.metadata.deletionTimestamp = at(seconds).toISOString()
    }

  test('is unscheduled, starting, in the room', () => {
    expect(stateOf(() => {})).toMatchObject({ kind: 'unscheduled', reason: 'Pending' })
    expect(stateOf((pod) => run(pod, at(1)))).toMatchObject({ kind: 'starting' })
    expect(stateOf((pod) => enter(pod, at(3)))).toEqual({ kind: 'inRoom', since: at(3).toISOString() })
  })

  test('has ended when it was deleted before a node had it, and not when one has', () => {
    expect(stateOf(deleted(100))).toMatchObject({ kind: 'ended', end: { ran: false, cause: 'PodDeleted' } })
    expect(stateOf(deleted(100, (pod) => run(pod, at(1))))).toEqual({ kind: 'leaving' })
  })

  test('is silent when its time is long up and its node says nothing', () => {
    expect(
      stateOf(
        deleted(30, (pod) => enter(pod, at(1))),
        at(91),
      ),
    ).toMatchObject({ kind: 'silent' })
    expect(
      stateOf(
        deleted(30, (pod) => enter(pod, at(1))),
        at(89),
      ),
    ).toMatchObject({ kind: 'inRoom' })
  })

  test.each([
    ['OOMKilled', { reason: 'OOMKilled' }],
    ['Evicted', { disruption: 'EvictionByEvictionAPI' }],
    ['Evicted', { disruption: 'PreemptionByKubeScheduler' }],
    ['Evicted', { podReason: 'Evicted' }],
    ['NodeLost', { disruption: 'DeletionByPodGC' }],
    [undefined, { reason: 'Error' }],
  ])('has ended by %s when Kubernetes says %j', (cause, end) => {
    expect(stateOf((pod) => endPod(pod, at(10), undefined, end))).toMatchObject({ kind: 'ended', end: { cause, ran: true } })
  })

  test('waits for the log when the result did not fit', () => {
    const pod = aPod()
    endPod(pod, at(10), aResult())
    expect(podState(pod, { kind: 'pending', why: 'no log' }, at(11))).toEqual({
      kind: 'resultPending',
      message: 'no log',
      since: at(10).toISOString(),
    })
  })

  test('is that of the recorder, whatever a sidecar does', () => {
    const sidecar = (ready: boolean) => ({
      name: 'proxy',
      image: '',
      imageID: '',
      restartCount: 0,
      ready,
      state: { running: { startedAt: at(1).toISOString() } },
    })
    const besideTheRecorder = (pod: Pod, ready: boolean) => {
      pod.status!.containerStatuses!.unshift(sidecar(ready))
      pod.status!.phase = 'Running'
    }
    const ended = stateOf((pod) => {
      endPod(pod, at(10), undefined)
      besideTheRecorder(pod, true)
    })
    expect(ended).toMatchObject({ kind: 'ended', end: { exitCode: 137, time: at(10).toISOString() } })
    const entered = stateOf((pod) => {
      enter(pod, at(3))
      besideTheRecorder(pod, false)
      pod.status!.conditions = [
        { type: 'Ready', status: 'False', reason: 'ContainersNotReady' },
        { type: 'ContainersReady', status: 'False', reason: 'ContainersNotReady' },
      ]
    })
    expect(entered).toMatchObject({ kind: 'inRoom' })
  })

  test('is silent, and not in the room, when the node controller has not heard of its node', () => {
    const state = stateOf((pod) => {
      enter(pod, at(3))
      pod.status!.conditions = [
        { type: 'Ready', status: 'False', lastTransitionTime: at(60).toISOString() },
        { type: 'ContainersReady', status: 'True' },
      ]
    })
    expect(state).toMatchObject({ kind: 'silent', since: at(60).toISOString(), message: expect.stringContaining('node-1') })
  })

  const beingMade = (waiting?: string) => (pod: Pod) => {
    schedule(pod)
    if (waiting === undefined) return
    const state = { waiting: { reason: waiting } }
    pod.status!.containerStatuses = [{ name: 'recorder', image: '', imageID: '', ready: false, restartCount: 0, state }]
  }

  test.each([undefined, 'ContainerCreating', 'PodInitializing'])(
    'with %s is on its way for a while, and then blocked by what Events say',
    (reason) => {
      expect(stateOf(beingMade(reason), at(19))).toMatchObject({ kind: 'starting' })
      expect(stateOf(beingMade(reason), at(20), 'FailedMount: no such volume')).toEqual({
        kind: 'blocked',
        word: 'ContainerNotMade',
        message: `${reason ?? 'ContainerCreating'} since ${at(0).toISOString()}: FailedMount: no such volume`,
        since: at(0).toISOString(),
      })
      expect(stateOf(beingMade(reason), at(20))).toMatchObject({
        message: expect.stringContaining('kubectl describe pod math-a1'),
      })
    },
  )

  test('is blocked by a container that has to run before the recorder', () => {
    const state = stateOf((pod) => {
      beingMade('PodInitializing')(pod)
      const waiting = { reason: 'ImagePullBackOff', message: 'no such image' }
      pod.status!.initContainerStatuses = [
        { name: 'init', image: '', imageID: '', ready: false, restartCount: 0, state: { waiting } },
      ]
    })
    expect(state).toMatchObject({
      kind: 'blocked',
      word: 'ImagePullFailed',
      message: 'container init: ImagePullBackOff: no such image',
    })
  })
})

test('the last Event of a Pod is what it is held up by', () => {
  const event = (seconds: number, reason: string, times: object) => ({
    metadata: { ...aRecording().metadata, creationTimestamp: at(seconds).toISOString() },
    reason,
    message: 'because',
    ...times,
  })
  expect(latest([])).toBeUndefined()
  expect(
    latest([
      event(1, 'FailedMount', { lastTimestamp: at(90).toISOString() }),
      event(50, 'FailedAttachVolume', { lastTimestamp: null, eventTime: at(50).toISOString() }),
    ]),
  ).toBe('FailedMount: because')
})
