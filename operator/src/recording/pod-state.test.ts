import type { Pod } from '@trtc-recorder/kube'
import { describe, expect, test } from 'vitest'
import { recorderPod } from './pod.ts'
import { newsIn, type PodNews } from './pod-news.ts'
import { podState } from './pod-state.ts'
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
    news?: PodNews,
    startTimeoutSeconds?: number,
    uploadOnly = false,
  ) => {
    const pod = aPod()
    change(pod)
    return podState(pod, { kind: 'none' }, now, { news, startTimeoutSeconds, uploadOnly })
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
    expect(stateOf(deleted(100, (pod) => run(pod, at(1))))).toMatchObject({ kind: 'leaving' })
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
    expect(stateOf(finishing, at(91))).toEqual({ kind: 'leaving', askedAt: at(30).toISOString() })
  })

  test('is not silent where the clock of its node is far behind, and it has just begun', () => {
    expect(stateOf((pod) => run(pod, at(-3600)), at(119), undefined, 60)).toMatchObject({ kind: 'starting' })
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
      expect(stateOf(left)).toEqual({ kind: 'leaving', askedAt: at(65).toISOString() })
    })

    test('and only uploads has until its time is up', () => {
      const running = taken((pod) => run(pod, at(5)))
      expect(stateOf(running, at(65), undefined, undefined, true)).toMatchObject({ kind: 'leaving' })
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
      expect(stateOf(beingMade(reason), at(20), { complaint: 'FailedMount: no such volume' })).toEqual({
        kind: 'blocked',
        word: 'ContainerNotMade',
        message: `${reason ?? 'ContainerCreating'} since ${at(0).toISOString()}: FailedMount: no such volume`,
        since: at(0).toISOString(),
        idleSince: at(0).toISOString(),
      })
      expect(stateOf(beingMade(reason), at(20))).toMatchObject({
        message: expect.stringContaining('kubectl describe pod math-a1'),
      })
    },
  )

  const noSocket =
    'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused"'
  const timedOut = 'FailedCreatePodSandBox: rpc error: code = DeadlineExceeded desc = context deadline exceeded'
  const went = (seconds: number) => at(seconds).toISOString()
  const hasSandbox = (seconds: number) => (pod: Pod) => {
    beingMade('ContainerCreating')(pod)
    pod.status!.conditions!.push({ type: 'PodReadyToStartContainers', status: 'True', lastTransitionTime: went(seconds) })
  }
  const initially = (state: object) => (pod: Pod) => {
    beingMade('PodInitializing')(pod)
    pod.status!.initContainerStatuses = [{ name: 'mesh', image: '', imageID: '', ready: false, restartCount: 0, state }]
  }

  test.each<[what: string, change: (pod: Pod) => void, news: PodNews | undefined, idleSince: number]>([
    [
      'a kubelet that does not look at it: its runtime was gone before, or it was started anew without one',
      beingMade(),
      undefined,
      0,
    ],
    ['a runtime that hangs while its sandbox is made', beingMade('ContainerCreating'), {}, 0],
    ['a runtime that was killed', beingMade('ContainerCreating'), { complaint: `FailedCreatePodSandBox: ${noSocket}` }, 0],
    ['a runtime that hangs, minutes later', beingMade('ContainerCreating'), { complaint: timedOut }, 0],
    [
      'a network plugin that fails',
      beingMade('ContainerCreating'),
      { complaint: 'FailedCreatePodSandBox: failed to setup network' },
      0,
    ],
    [
      'a node whose network is not ready',
      beingMade('ContainerCreating'),
      { complaint: 'NetworkNotReady: cni plugin not initialized' },
      0,
    ],
    [
      'a volume that is of a machine that was replaced',
      beingMade('ContainerCreating'),
      { complaint: 'FailedMount: path does not exist' },
      0,
    ],
    ['Events that cannot be read', beingMade('ContainerCreating'), { complaint: 'its Events cannot be read: forbidden' }, 0],
    ['a runtime that hangs when its volume is attached', beingMade('ContainerCreating'), { wentOnAt: went(30) }, 30],
    ['a runtime that hangs when it has its sandbox', hasSandbox(40), undefined, 40],
    ['a runtime that hangs when the image is there', hasSandbox(40), { wentOnAt: went(50) }, 50],
    ['a runtime that hangs while it makes what comes first', initially({ waiting: { reason: 'PodInitializing' } }), undefined, 0],
    ['a runtime that hangs when that is done', initially({ terminated: { exitCode: 0, finishedAt: went(70) } }), undefined, 70],
    ['a runtime that hangs while it pulls the image', hasSandbox(40), { wentOnAt: went(41), pullingSince: went(41) }, 281],
  ])('has come to nothing on its node with %s', (_, change, news, idleSince) => {
    for (const seconds of [Math.max(20, idleSince), 300])
      expect(stateOf(change, at(seconds), news)).toMatchObject({ kind: 'blocked', idleSince: went(idleSince) })
  })

  test.each<[what: string, change: (pod: Pod) => void, news?: PodNews]>([
    ['while its image is pulled', hasSandbox(40), { wentOnAt: went(41), pullingSince: went(41) }],
    ['while a container that comes first is at work', initially({ running: { startedAt: went(1) } })],
    ['while a container that comes first fails', initially({ waiting: { reason: 'CrashLoopBackOff' } })],
    ['whose image is not there', beingMade('ErrImagePull')],
    ['whose configuration is wrong', beingMade('CreateContainerConfigError')],
  ])('has not come to nothing on its node %s', (_, change, news) => {
    const state = stateOf(change, at(280), news)
    expect(state).toMatchObject({ kind: 'blocked' })
    expect(state).not.toHaveProperty('idleSince')
  })

  test.each([
    ['ErrImagePull', 'rpc error: code = Unavailable desc = error reading from server: EOF'],
    ['ErrImagePull', 'failed to extract layer: write /var/lib/containerd/x: no space left on device'],
    ['CreateContainerError', noSocket],
    ['RunContainerError', 'mkdir /run/containerd/x: read-only file system'],
  ])('has come to nothing on its node as well by %s: %s', (reason, message) => {
    const state = stateOf((pod) => {
      beingMade(reason)(pod)
      pod.status!.containerStatuses![0]!.state!.waiting!.message = message
    })
    expect(state).toMatchObject({ kind: 'blocked', idleSince: at(0).toISOString() })
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
    expect(state).not.toHaveProperty('idleSince')
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

test('Events say what a Pod is held up by, when something last went on, and since when its image is pulled', () => {
  const event = (seconds: number, reason: string, times: object = {}, type = 'Normal', container = 'recorder') => ({
    metadata: { ...aRecording().metadata, creationTimestamp: at(seconds).toISOString() },
    involvedObject: { fieldPath: `spec.containers{${container}}` },
    type,
    reason,
    message: 'because',
    ...times,
  })
  expect(newsIn([])).toEqual({})
  expect(newsIn([event(1, 'Scheduled')])).toEqual({})
  const complaints = [
    event(1, 'FailedMount', { lastTimestamp: at(90).toISOString() }, 'Warning'),
    event(50, 'FailedAttachVolume', { lastTimestamp: null, eventTime: at(50).toISOString() }, 'Warning'),
    // No warning, and no step either.
    event(60, 'SandboxChanged', { lastTimestamp: at(95).toISOString() }),
  ]
  expect(newsIn(complaints)).toEqual({ complaint: 'FailedMount: because' })
  expect(newsIn([...complaints, event(30, 'SuccessfulAttachVolume')])).toEqual({
    complaint: 'FailedMount: because',
    wentOnAt: at(30).toISOString(),
  })
  const pulling = event(40, 'Pulling')
  const since = at(40).toISOString()
  expect(newsIn([event(39, 'Pulled', {}, 'Normal', 'mesh'), pulling])).toEqual({ wentOnAt: since, pullingSince: since })
  expect(newsIn([pulling, event(40, 'Pulled')])).toEqual({ wentOnAt: since })
  expect(newsIn([pulling, event(42, 'Failed', {}, 'Warning')])).toEqual({ complaint: 'Failed: because', wentOnAt: since })
})
