import type { Pod } from '@trtc-recorder/kube'
import { describe, expect, test } from 'vitest'
import { recorderPod } from './pod.ts'
import { podState } from './pod-state.ts'
import { latest } from './pod-trouble.ts'
import { aRecording, aResult, at, podConfig } from './testing.ts'
import { endPod, enter, holdUp, run, schedule, takeFromNode } from './testing-pods.ts'

const aPod = () => {
  const pod = structuredClone(
    recorderPod(aRecording(), { attempt: 1, volume: 'math', uploadOnly: false, isBesideOthers: false }, podConfig),
  ) as unknown as Pod
  pod.metadata.creationTimestamp = at(0).toISOString()
  return pod
}

describe('the state of a Pod', () => {
  const stateOf = (
    change: (pod: Pod) => void,
    now = at(100),
    complaint?: string,
    startTimeoutSeconds?: number,
    uploadOnly = false,
    isLast = true,
  ) => {
    const pod = aPod()
    change(pod)
    const trouble = complaint === undefined ? undefined : { message: complaint, since: at(1).toISOString(), isLast }
    return podState(pod, { kind: 'none' }, now, { trouble, startTimeoutSeconds, uploadOnly })
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

  test.each([
    ['Unschedulable', '0/3 nodes are available', '0/3 nodes are available'],
    ['SchedulingGated', 'Scheduling is blocked', 'SchedulingGated: Scheduling is blocked'],
    ['SchedulerError', 'binding volumes: timed out', 'SchedulerError: binding volumes: timed out'],
  ])('is unscheduled, with the cause, when the scheduler says %s', (reason, said, message) => {
    const state = stateOf((pod) => {
      pod.status = { conditions: [{ type: 'PodScheduled', status: 'False', reason, message: said }] }
    })
    expect(state).toMatchObject({ kind: 'unscheduled', reason: 'Unschedulable', message })
  })

  test('is ready as soon as it runs where it only uploads, which says nothing of a room, and that its node is silent', () => {
    const uploads = (change: (pod: Pod) => void) => stateOf(change, at(100), undefined, undefined, true)
    expect(uploads((pod) => enter(pod, at(3)))).toMatchObject({ kind: 'starting' })
    const silent = uploads((pod) => {
      enter(pod, at(3))
      pod.status!.conditions = [
        { type: 'Ready', status: 'False', lastTransitionTime: at(60).toISOString() },
        { type: 'ContainersReady', status: 'True' },
      ]
    })
    expect(silent).toMatchObject({ kind: 'silent', since: at(60).toISOString() })
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

  test('is silent a minute after it was to end where its recorder never ran, for then there is nothing to finish', () => {
    const deletedWithGrace = deleted(1830, (pod) => {
      schedule(pod)
      pod.metadata.deletionGracePeriodSeconds = 1800
    })
    expect(stateOf(deletedWithGrace, at(89))).toMatchObject({ kind: 'blocked' })
    expect(stateOf(deletedWithGrace, at(91))).toMatchObject({ kind: 'silent', since: at(30).toISOString() })
    const finishing = deleted(1830, (pod) => {
      run(pod, at(1))
      pod.metadata.deletionGracePeriodSeconds = 1800
    })
    expect(stateOf(finishing, at(91))).toEqual({ kind: 'leaving' })
  })

  test('is silent when its recorder is long due in the room, has not ended, and nobody tells', () => {
    const begun = (pod: Pod) => run(pod, at(5))
    expect(stateOf(begun, at(124), undefined, 60)).toMatchObject({ kind: 'starting' })
    expect(stateOf(begun, at(125), undefined, 60)).toMatchObject({ kind: 'silent', since: at(125).toISOString() })
    expect(stateOf(begun, at(9000))).toMatchObject({ kind: 'starting' })
    expect(stateOf((pod) => enter(pod, at(5)), at(9000), undefined, 60)).toMatchObject({ kind: 'inRoom' })
  })

  describe('that the node controller has deleted', () => {
    const taken = (change: (pod: Pod) => void) => (pod: Pod) => {
      change(pod)
      takeFromNode(pod, at(65))
    }
    const waiting = (pod: Pod) => holdUp(pod, at(1), 'ContainerCreating')
    const notReadySince = (seconds: number) => ({
      type: 'ContainersReady',
      status: 'False',
      lastTransitionTime: at(seconds).toISOString(),
    })

    test.each([
      ['its kubelet has never heard of it', schedule],
      ['its container is being made', waiting],
      ['its recorder is about to begin', (pod: Pod) => run(pod, at(5))],
      [
        'nobody has said that its recorder is in the room',
        (pod: Pod) => {
          run(pod, at(5))
          pod.status!.conditions = [notReadySince(4)]
        },
      ],
    ])('is silent for as long as it tolerated that, where %s', (_, change) => {
      expect(stateOf(taken(change), at(65), undefined, 60)).toMatchObject({ kind: 'silent', since: at(50).toISOString() })
      // Whether or not it has told the operator that it is in the room.
      expect(stateOf(taken(change), at(65))).toMatchObject({ kind: 'silent' })
      expect(stateOf(change, at(18), undefined, 60)).toMatchObject({ kind: 'starting' })
    })

    test('has a kubelet that lives where it was ready before and soon is no more, and none where it is ready still', () => {
      const ready = taken((pod) => enter(pod, at(5)))
      expect(stateOf(ready, at(74))).toMatchObject({ kind: 'inRoom' })
      expect(stateOf(ready, at(75))).toMatchObject({ kind: 'silent', since: at(65).toISOString() })
      const left = taken((pod) => {
        run(pod, at(5))
        pod.status!.conditions = [notReadySince(66)]
      })
      expect(stateOf(left)).toEqual({ kind: 'leaving' })
    })

    test('and only uploads has until its time is up', () => {
      const running = taken((pod) => run(pod, at(5)))
      expect(stateOf(running, at(65), undefined, undefined, true)).toEqual({ kind: 'leaving' })
    })
  })

  test.each(['StartError', 'ContainerCannotRun'])('never ran when the kubelet says %s, and why', (reason) => {
    const state = stateOf((pod) => {
      endPod(pod, at(10), undefined, { exitCode: 128, reason })
      pod.status!.containerStatuses![0]!.state!.terminated!.message = 'exec: "node": not found'
    })
    const end = { ran: false, exitCode: undefined, message: `${reason}: exec: "node": not found` }
    expect(state).toMatchObject({ kind: 'ended', end })
  })

  test('has ended with what the kubelet says of a container it could not find, and not with what a recorder left', () => {
    const endsWith = (reason: string) =>
      stateOf((pod) => {
        endPod(pod, at(10), undefined, { reason })
        pod.status!.containerStatuses![0]!.state!.terminated!.message = 'could not be located'
      })
    expect(endsWith('ContainerStatusUnknown')).toMatchObject({
      end: { ran: true, message: 'ContainerStatusUnknown: could not be located' },
    })
    expect(endsWith('Error')).toMatchObject({ end: { message: 'Error' } })
  })

  test('never ran when a container that comes first failed, which is named', () => {
    const state = stateOf((pod) => {
      schedule(pod)
      const terminated = { exitCode: 3, reason: 'Error', message: 'no token' }
      pod.status!.phase = 'Failed'
      pod.status!.initContainerStatuses = [
        { name: 'vault', image: '', imageID: '', ready: false, restartCount: 0, state: { terminated } },
      ]
    })
    const message = 'Container vault, which comes first, ended with exit code 3 (Error: no token)'
    expect(state).toMatchObject({ kind: 'ended', end: { ran: false, message } })
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

  const noSocket =
    'FailedCreatePodSandBox: rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused"'

  test('is silent half a minute after its kubelet began to say that there is no container runtime, and nothing went on since', () => {
    const made = beingMade('ContainerCreating')
    expect(stateOf(made, at(30), noSocket)).toMatchObject({ kind: 'blocked', word: 'ContainerNotMade' })
    expect(stateOf(made, at(31), noSocket)).toMatchObject({
      kind: 'silent',
      since: at(31).toISOString(),
      message: expect.stringMatching(/^The container runtime of node node-1 does not answer, .*containerd.sock/),
    })
    // It came back, and makes what it was asked for.
    expect(stateOf(made, at(300), noSocket, undefined, false, false)).toMatchObject({ kind: 'blocked' })
    const inSandbox = (pod: Pod) => {
      made(pod)
      pod.status!.conditions!.push({ type: 'PodReadyToStartContainers', status: 'True' })
    }
    expect(stateOf(inSandbox, at(300), noSocket)).toMatchObject({ kind: 'blocked' })
    expect(stateOf((pod) => run(pod, at(20)), at(300), noSocket)).toMatchObject({ kind: 'starting' })
  })

  test('is silent as well where the runtime was gone when the image was to be pulled', () => {
    const state = stateOf((pod) => {
      beingMade('ErrImagePull')(pod)
      pod.status!.containerStatuses![0]!.state!.waiting!.message =
        'rpc error: code = Unavailable desc = error reading from server: EOF'
    })
    expect(state).toMatchObject({ kind: 'silent', since: at(30).toISOString() })
  })

  test.each([
    'failed to pull and unpack image: 503 Service Unavailable',
    'rpc error: code = Unknown desc = failed to reserve sandbox name',
  ])('is no more than blocked by %s', (message) => {
    const state = stateOf((pod) => {
      beingMade('ErrImagePull')(pod)
      pod.status!.containerStatuses![0]!.state!.waiting!.message = message
    })
    expect(state).toMatchObject({ kind: 'blocked', word: 'ImagePullFailed' })
  })

  test('tells what the kubelet says beside a reason that nobody here knows', () => {
    const state = stateOf((pod) => {
      beingMade('ImageVolumeMountFailed')(pod)
      pod.status!.containerStatuses![0]!.state!.waiting!.message = 'no such layer'
    })
    expect(state).toMatchObject({ kind: 'blocked', word: 'ContainerNotMade', message: expect.stringMatching(/: no such layer$/) })
  })

  test.each([
    [{ waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m0s' } }, 'waits: CrashLoopBackOff: back-off 5m0s'],
    [{ running: { startedAt: at(1).toISOString() } }, 'is at work'],
  ])('tells what a container that comes first is at: %j', (state, what) => {
    const held = stateOf((pod) => {
      beingMade('PodInitializing')(pod)
      pod.status!.initContainerStatuses = [{ name: 'mesh', image: '', imageID: '', ready: false, restartCount: 5, state }]
    })
    const message = expect.stringMatching(new RegExp(`: container mesh, which comes first, ${what}$`))
    expect(held).toMatchObject({ kind: 'blocked', word: 'ContainerNotMade', message })
  })

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

test('the last complaint about a Pod is what it is held up by, and whether anything went on since', () => {
  const event = (seconds: number, reason: string, times: object, type = 'Warning') => ({
    metadata: { ...aRecording().metadata, creationTimestamp: at(seconds).toISOString() },
    type,
    reason,
    message: 'because',
    ...times,
  })
  expect(latest([])).toBeUndefined()
  expect(latest([event(1, 'Scheduled', {}, 'Normal')])).toBeUndefined()
  const complaints = [
    event(1, 'FailedMount', { firstTimestamp: at(1).toISOString(), lastTimestamp: at(90).toISOString() }),
    event(50, 'FailedAttachVolume', { lastTimestamp: null, eventTime: at(50).toISOString() }),
  ]
  const since = at(1).toISOString()
  expect(latest(complaints)).toEqual({ message: 'FailedMount: because', since, isLast: true })
  expect(latest([...complaints, event(90, 'Pulling', { lastTimestamp: at(90).toISOString() }, 'Normal')])?.isLast).toBe(true)
  expect(latest([...complaints, event(91, 'Pulling', { lastTimestamp: at(91).toISOString() }, 'Normal')])?.isLast).toBe(false)
})
