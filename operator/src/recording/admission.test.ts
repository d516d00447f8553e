import type { RecordingSpec } from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { ApiError } from '@trtc-recorder/kube'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { abridgedRecording } from '../abridged.ts'
import { identityOf, ownedIndexers, recordingIndexers } from '../caches.ts'
import { Store } from '../runtime/store.ts'
import { Admission } from './admission.ts'
import { decide } from './decide.ts'
import { isFinished } from './fencing.ts'
import type { Limits } from './line.ts'
import type { Plan } from './plan.ts'
import { recorderPod } from './pod.ts'
import { Refusal } from './refusal.ts'
import { aFile, aRecording, aResult, at, podConfig, stoppedBy } from './testing.ts'
import { holdUp } from './testing-pods.ts'
import { World } from './testing-world.ts'

/** Several Recordings with an operator, whose caches know what is told to them. */
class School {
  readonly limits: Limits
  readonly worlds: World[] = []
  readonly woken = new Set<World>()
  readonly underWay = new Map<World, Plan>()
  /** Namespaces that another release serves, and what is told when one of them comes or goes. */
  readonly elsewhere = new Set<string>()
  territoryChanged: (namespace: string) => void = () => {}
  /** Value of the PriorityClass `exam`; none if there is none. */
  examCounts = 1000
  caches = this.#newCaches()
  admission!: Admission
  readonly #later: (() => void)[] = []
  readonly #afterAWhile: (() => void)[] = []
  #version = 1

  constructor(limits: Partial<Limits> = {}) {
    this.limits = { perNamespace: undefined, perCluster: undefined, ...limits }
    this.restart()
  }

  /** Each is a lesson in a room of its own, unless `spec` says otherwise. */
  opens(name: string, { namespace = 'lessons', ...spec }: Partial<RecordingSpec> & { namespace?: string } = {}): World {
    const creationTimestamp = at(this.worlds.length).toISOString()
    const world = new World(
      aRecording({ roomId: this.worlds.length + 1, ...spec }, { name, namespace, uid: `uid-of-${name}`, creationTimestamp }),
    )
    world.decides = () => this.#decide(world)
    world.carriedOut = () => {
      this.tell(world)
      this.admission.settle(world.recording)
    }
    this.worlds.push(world)
    this.tell(world)
    return world
  }

  /** Another operator takes over, who knows what stands in the API server. */
  restart(): void {
    this.woken.clear()
    this.underWay.clear()
    this.caches = this.#newCaches()
    this.admission = new Admission({
      caches: this.caches,
      limits: this.limits,
      priorityOf: ({ spec }) => (spec.priorityClassName === 'exam' ? this.examCounts : 0),
      territory: {
        has: (namespace) => !this.elsewhere.has(namespace),
        onChange: (handler) => {
          this.territoryChanged = handler
        },
      },
      later: (callBack) => this.#later.push(callBack),
      afterAWhile: (callBack) => this.#afterAWhile.push(callBack),
      wake: (key) =>
        this.woken.add(this.worlds.find(({ recording: { metadata } }) => `${metadata.namespace}/${metadata.name}` === key)!),
    })
    this.#later.length = 0
    this.#afterAWhile.length = 0
    const pods = this.worlds.flatMap((world) => world.pods.map((pod) => this.#next(pod)))
    this.caches.pods.replace(pods, { resourceVersion: String(this.#version) })
    this.caches.recordings.subscribe((event) => this.admission.heard(event))
    for (const world of this.worlds) this.tell(world)
  }

  /** A watch, or the answer of a write. */
  tell(world: World): void {
    for (const pod of world.pods) this.caches.pods.wrote(this.#next(pod))
    this.caches.recordings.wrote(this.#next(world.recording))
  }

  /** The first half of a look; what was decided is carried out later. */
  decides(world: World): void {
    if (!this.underWay.has(world)) this.underWay.set(world, this.#decide(world))
  }

  carriesOut(world: World): void {
    const plan = this.underWay.get(world)
    if (plan === undefined) return
    this.underWay.delete(world)
    world.carryOut(plan)
    world.carriedOut()
  }

  looksAt(...worlds: World[]): void {
    for (const world of worlds) {
      this.woken.delete(world)
      if (this.underWay.has(world)) this.carriesOut(world)
      world.settle()
    }
  }

  #decide(world: World): Plan {
    this.woken.delete(world)
    const plan = decide({ ...world.observed(), ...this.admission.ask(world.recording) }, world.now)
    this.admission.answered(world.recording, plan)
    return plan
  }

  /** What waits for the end of a turn of the event loop. */
  turn(): void {
    for (const callBack of this.#later.splice(0)) callBack()
  }

  /** Says whether there was anything to do then. */
  aWhilePasses(): boolean {
    const due = this.#afterAWhile.splice(0)
    for (const callBack of due) callBack()
    return due.length > 0
  }

  /** Until nobody is called any more. */
  looksAtThoseWoken(): void {
    this.turn()
    for (let round = 0; this.woken.size > 0; round += 1) {
      if (round > 60) throw new Error('the operator never comes to rest')
      this.looksAt(...this.woken)
      this.turn()
    }
  }

  /** Recordings whose recorder is, or may be, in the room. */
  inRooms(): World[] {
    return this.worlds.filter(
      (world) =>
        world.live.some(({ metadata }) => !isUpload(world, metadata.name)) ||
        this.underWay.get(world)?.actions.some((action) => action.do === 'createPod' && !action.order.uploadOnly),
    )
  }

  #next<T extends { metadata: { resourceVersion: string } }>(object: T): T {
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } }
  }

  #newCaches() {
    return {
      recordings: new Store({ indexers: recordingIndexers }),
      pods: new Store<Pod, 'owner'>({ indexers: ownedIndexers }),
    }
  }
}

const isUpload = ({ status }: World, pod: string) =>
  status.attempts?.some((attempt) => attempt.pod === pod && (attempt.uploadOnly || attempt.leftTime !== undefined)) ?? false

describe('an identity', () => {
  test('is the earlier one’s, and who waits is not told of another namespace', () => {
    const school = new School()
    school.opens('first', { roomId: 7, namespace: 'other' })
    const second = school.opens('second', { roomId: 7 })
    const third = school.opens('third', { roomId: 7, namespace: 'other' })
    expect(school.admission.ask(second.recording).identityHeldBy).toBe('A Recording of another namespace')
    expect(school.admission.ask(third.recording).identityHeldBy).toBe('Recording first')
    const elsewhere = school.opens('elsewhere', { roomId: undefined, strRoomId: '7' } as never)
    expect(school.admission.ask(elsewhere.recording).identityHeldBy).toBeUndefined()
  })

  test.each(['QuotaExceeded', 'PodRejected', 'VolumeNotOwned'] as const)(
    'is not held by one whose Pod was refused: %s',
    (word) => {
      const school = new School()
      const first = school.opens('first', { roomId: 7 })
      const second = school.opens('second', { roomId: 7 })
      first.refuses = { createPod: new Refusal(word, 'because') }
      school.looksAt(first, second)
      school.looksAtThoseWoken()
      expect(first.is('Succeeded')).toBe(`Unknown ${word}`)
      expect(second.pods).toHaveLength(1)
      // When its time has come it finds that the other one is there, and waits for it.
      first.refuses = {}
      first.now = at(60)
      school.looksAt(first)
      expect(first.is('Succeeded')).toBe('Unknown IdentityInUse')
      expect(first.pods).toEqual([])
      second
        .scheduled()
        .inRoom()
        .ends(stoppedBy('RoomDismissed', aFile('alice')))
      school.tell(second)
      school.looksAtThoseWoken()
      expect(first.pods).toHaveLength(1)
      expect(first.is('Succeeded')).toBe('Unknown Pending')
    },
  )

  test('is not held by one whose recorder finds no Secret, between two tries', () => {
    const school = new School()
    const first = school.opens('first', { roomId: 7 })
    const second = school.opens('second', { roomId: 7 })
    school.looksAt(first, second)
    first.scheduled().ends(aResult({ outcome: 'SecretNotFound', stopReason: 'NeverStarted' }))
    school.tell(first)
    school.looksAtThoseWoken()
    expect(second.pods).toHaveLength(1)
  })

  test('is let go of after a minute by one that no node has room for, to whoever waits for it, and had again later', () => {
    const school = new School()
    const first = school.opens('first', { roomId: 7, namespace: 'other' })
    const second = school.opens('second', { roomId: 7 })
    school.looksAt(first, second)
    expect(second.is('Succeeded')).toBe('Unknown IdentityInUse')
    for (const seconds of [30, 61]) {
      expect(second.pods).toEqual([])
      first.now = at(seconds)
      school.looksAt(first)
      school.tell(first)
      school.looksAtThoseWoken()
    }
    expect(first.pods).toEqual([])
    expect(second.pods).toHaveLength(1)
    expect(first.status.attempts).toMatchObject([{ reason: 'IdentityInUse' }])
    first.now = at(400)
    school.looksAt(first)
    expect(first.is('Succeeded')).toBe('Unknown IdentityInUse')
    second.scheduled().inRoom().ends(stoppedBy('RoomDismissed'))
    school.tell(second)
    school.looksAtThoseWoken()
    expect(first.pods).toHaveLength(1)
  })

  test.each([
    ['cannot be pulled', 'ImagePullBackOff', 60],
    ['cannot be made, for which Kubernetes has longer', 'ContainerCreating', 300],
  ])('is let go of by one whose container %s, to whoever comes to wait for it', (_, reason, patienceSeconds) => {
    const school = new School()
    const first = school.opens('first', { roomId: 7 })
    school.looksAt(first)
    first.now = at(1)
    first.news = { complaint: 'FailedMount: no such volume' }
    first.podBecomes((pod) => holdUp(pod, first.now, reason))
    first.after(40)
    school.tell(first)
    school.woken.clear()
    const second = school.opens('second', { roomId: 7 })
    school.looksAt(second)
    expect(second.is('Succeeded')).toBe('Unknown IdentityInUse')
    // It is told that somebody waits, and comes back when its time is up.
    expect([...school.woken]).toEqual([first])
    first.isWanted = true
    expect(first.nextLookSeconds).toBeLessThanOrEqual(patienceSeconds - 40)
    if (patienceSeconds > 60) {
      // It may be the node, so another one is tried meanwhile.
      first.after(20).podBecomes((pod) => holdUp(pod, first.now, reason))
      expect(first.pods).toHaveLength(2)
    }
    first.after(at(patienceSeconds).getTime() / 1000 - first.now.getTime() / 1000)
    school.tell(first)
    expect(first.pod.metadata.deletionTimestamp).toBeUndefined()
    first.after(1)
    expect(first.pod.metadata.deletionTimestamp).toBeDefined()
    first.podGoes()
    school.tell(first)
    school.looksAtThoseWoken()
    expect(second.pods).toHaveLength(1)
    expect(first.status.attempts?.at(-1)).toMatchObject({
      ...{ reason: 'IdentityInUse', message: expect.stringContaining('Node node-1 could not start its recorder') },
    })
    for (const pod of first.settle().pods) expect(pod.metadata.deletionTimestamp).toBeDefined()
    expect(first.is('Succeeded')).toBe('Unknown IdentityInUse')
  })

  test('is nobody else’s as long as there is nobody else, or its recorder was in the room before', () => {
    const alone = new World().settle()
    expect(alone.after(3600).pods).toHaveLength(1)
    const before = new World().settle().scheduled().inRoom().ends(undefined, { reason: 'OOMKilled' })
    before.isWanted = true
    before.after(60)
    expect(before.after(3600).pods).toHaveLength(1)
  })

  test('stays that of one that was in the room and goes on', () => {
    const school = new School()
    const first = school.opens('first', { roomId: 7 })
    const second = school.opens('second', { roomId: 7 })
    school.looksAt(first, second)
    first.scheduled().inRoom().ends(undefined, { reason: 'OOMKilled' })
    school.tell(first)
    school.looksAt(second)
    expect(second.is('Succeeded')).toBe('Unknown IdentityInUse')
  })

  test('is claimed by whoever is decided on first, before anything is written', () => {
    const school = new School()
    const [first, second] = [school.opens('first', { roomId: 7 }), school.opens('second', { roomId: 7 })]
    school.decides(first)
    school.decides(second)
    school.carriesOut(second)
    school.carriesOut(first)
    expect([first.pods.length, second.pods.length]).toEqual([1, 0])
  })
})

describe('limits', () => {
  test('let in as many as they say; the others say their place and begin as soon as one is free', () => {
    const school = new School({ perNamespace: 2 })
    const lessons = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => school.opens(name))
    school.looksAt(...lessons)
    expect(lessons.map(({ pods }) => pods.length)).toEqual([1, 1, 0, 0, 0, 0, 0])
    const [a, , c, d, e] = lessons as [World, World, World, World, World]
    expect(e.condition('Succeeded')).toMatchObject({ status: 'Unknown', reason: 'Queued' })
    school.looksAt(c, d, e)
    expect(e.condition('Succeeded')?.message).toBe(
      '3rd of 5 that wait: 2 Recordings in namespace lessons may record at once. It begins as soon as a place is free',
    )
    expect(c.is('Reconciling')).toBe('True Queued')
    a.scheduled()
      .inRoom()
      .ends(stoppedBy('RoomDismissed', aFile('alice')))
    school.tell(a)
    school.looksAtThoseWoken()
    expect(c.pods).toHaveLength(1)
    expect(e.condition('Succeeded')?.message).toMatch(/^2nd of 4 /)
  })

  test('say the same of all that wait, whoever is looked at first, when more may record than before', () => {
    const school = new School({ perNamespace: 2 })
    const lessons = [...'abcdefghijkl'].map((name) => school.opens(name))
    school.looksAt(...lessons)
    expect(school.admission.queued).toBe(10)
    school.limits.perNamespace = 6
    school.restart()
    school.turn()
    school.looksAt(...lessons.toReversed())
    school.looksAtThoseWoken()
    const told = lessons.slice(6).map((lesson) => lesson.condition('Succeeded')?.message.split(' that')[0])
    expect(told).toEqual(['1st of 6', '2nd of 6', '3rd of 6', '4th of 6', '5th of 6', '6th of 6'])
  })

  test('are told anew to all that wait when several places are free at once, some at a time', () => {
    const school = new School({ perNamespace: 5 })
    const lessons = Array.from({ length: 45 }, (_, index) => school.opens(`r${index}`))
    for (let look = 0; look < 2; look += 1) school.looksAt(...lessons)
    const told = () => lessons.slice(10).map((lesson) => lesson.condition('Succeeded')?.message.split(' that')[0])
    expect(told()[30]).toBe('36th of 40')
    for (const lesson of lessons.slice(0, 5)) {
      lesson
        .scheduled()
        .inRoom()
        .ends(stoppedBy('RoomDismissed', aFile('alice')))
      school.tell(lesson)
    }
    school.looksAtThoseWoken()
    for (const most of [10, 10, 10, 5]) {
      expect(school.aWhilePasses()).toBe(true)
      expect(school.woken.size).toBe(most)
      school.looksAtThoseWoken()
    }
    expect(told().map((text) => Number.parseInt(text ?? '', 10))).toEqual(lessons.slice(10).map((_, index) => index + 1))
    expect(told().every((text) => text?.endsWith(' of 35'))).toBe(true)
    // Nobody is told for ever.
    expect(school.aWhilePasses()).toBe(false)
  })

  test('are reckoned from when a recorder has left the room, not from when its files are stored', () => {
    const school = new School({ perCluster: 1 })
    const [first, second] = [school.opens('first'), school.opens('second')]
    school.looksAt(first, second)
    first.scheduled().inRoom().stop()
    school.tell(first)
    school.looksAtThoseWoken()
    expect(second.pods).toHaveLength(0)
    first.podBecomes((pod) => {
      pod.status!.containerStatuses![0]!.ready = false
    })
    expect(first.status.attempts?.[0]?.leftTime).toBeDefined()
    school.tell(first)
    school.looksAtThoseWoken()
    expect(second.pods).toHaveLength(1)
  })

  test('let the next one in when a Recording in line is stopped, deleted or refused its Pod', () => {
    const school = new School({ perCluster: 1 })
    const [first, second, third] = [school.opens('first'), school.opens('second'), school.opens('third')]
    school.looksAt(first, second, third)
    second.stop()
    school.tell(second)
    first.scheduled().inRoom().ends(stoppedBy('Idle'))
    third.refuses = { createPod: new Refusal('QuotaExceeded', 'because') }
    school.tell(first)
    school.looksAtThoseWoken()
    expect(second.is('Succeeded')).toBe('True StoppedBeforeStart')
    expect(third.is('Succeeded')).toBe('Unknown QuotaExceeded')
    const fourth = school.opens('fourth')
    school.looksAt(fourth)
    expect(fourth.pods).toHaveLength(1)
  })

  test('keep the place of a lesson that goes on in its next attempt', () => {
    const school = new School({ perCluster: 1 })
    const [first, second] = [school.opens('first'), school.opens('second')]
    school.looksAt(first, second)
    first.scheduled().inRoom().ends(undefined, { reason: 'OOMKilled' })
    school.tell(first)
    school.looksAt(second)
    expect(second.pods).toHaveLength(0)
  })

  test('let those of a higher PriorityClass begin first', () => {
    const school = new School({ perCluster: 1 })
    const [first, second] = [school.opens('first'), school.opens('second')]
    school.looksAt(first, second)
    const exam = school.opens('exam', { priorityClassName: 'exam' })
    school.looksAt(exam)
    first.scheduled().inRoom().ends(stoppedBy('Idle'))
    school.tell(first)
    school.looksAtThoseWoken()
    expect([second.pods.length, exam.pods.length]).toEqual([0, 1])
  })

  test.each([
    ['comes to be while they wait', 0, 1000, 'exam'],
    ['is taken away while they wait', 1000, 0, 'second'],
  ])('are in order of a PriorityClass that %s', (_, before, now, begins) => {
    const school = new School({ perCluster: 1 })
    school.examCounts = before
    const [first, second] = [school.opens('first'), school.opens('second')]
    school.looksAt(first, second)
    school.looksAt(school.opens('exam', { priorityClassName: 'exam' }))
    school.examCounts = now
    school.admission.prioritiesChanged()
    first.scheduled().inRoom().ends(stoppedBy('Idle'))
    school.tell(first)
    school.looksAtThoseWoken()
    const recorded = school.worlds.filter(({ pods }) => pods.length > 0).map(({ recording }) => recording.metadata.name)
    expect(recorded).toEqual([begins])
  })

  test('count, and keep in line, only those of the namespaces that are served here', () => {
    const school = new School({ perCluster: 1 })
    school.elsewhere.add('exams')
    school.opens('theirs', { namespace: 'exams' }).settle().scheduled().inRoom()
    const waits = school.opens('waits', { namespace: 'exams' })
    const [first, second] = [school.opens('first'), school.opens('second')]
    school.looksAt(first, second)
    expect([first.pods.length, second.pods.length]).toEqual([1, 0])
    expect(school.admission.queued).toBe(1)
    school.elsewhere.clear()
    school.territoryChanged('exams')
    expect(school.admission.queued).toBe(2)
    first.scheduled().inRoom().ends(stoppedBy('Idle'))
    school.tell(first)
    school.looksAtThoseWoken()
    expect([second.pods.length, waits.pods.length]).toEqual([0, 0])
  })

  test('pass over one about which nothing can be decided', () => {
    const school = new School({ perCluster: 1 })
    const [first, second] = [school.opens('first'), school.opens('second')]
    school.admission.ask(first.recording)
    school.admission.failed(first.recording, new ApiError('get pods', 500, { reason: 'InternalError' }))
    school.looksAt(second)
    expect(second.pods).toHaveLength(1)
  })

  test('count the first Pod of a Recording also where an operator ended before it told of it', () => {
    const school = new School({ perCluster: 1 })
    const [first, second] = [school.opens('first'), school.opens('second')]
    const made = recorderPod(
      first.recording,
      { attempt: 1, uploadOnly: false, volume: 'first-v1', isBesideOthers: false },
      podConfig,
    )
    first.pods = [{ ...made, metadata: { ...made.metadata, uid: 'p', creationTimestamp: at(1).toISOString() } } as never]
    school.restart()
    school.looksAt(second)
    expect(second.is('Succeeded')).toBe('Unknown Queued')
  })
})

describe('two Recordings whose files could have one name', () => {
  const inRoom = { roomId: 7, mode: '00' } as const
  const cos = aRecording().spec.cos
  const beside = (one: Parameters<School['opens']>[1], other: Parameters<School['opens']>[1]) => {
    const school = new School()
    const [first, second] = [school.opens('first', one), school.opens('second', other)]
    return [first, second].map(({ recording }) => school.admission.ask(recording).isBesideOthers)
  }

  test.each<[string, Parameters<School['opens']>[1], Parameters<School['opens']>[1], boolean]>([
    ['one room, one folder, sound of each', inRoom, { ...inRoom, userId: 'another' }, true],
    ['pictures and all of one room', { ...inRoom, mode: '01' }, { ...inRoom, mode: '02' }, true],
    ['in two namespaces', inRoom, { ...inRoom, namespace: 'exams' }, true],
    [
      'a folder written in two ways',
      { ...inRoom, cos: { ...cos, path: '/a/' } },
      { ...inRoom, cos: { ...cos, path: 'a' } },
      true,
    ],
    ['one bucket by two domains', inRoom, { ...inRoom, cos: { ...cos, endpoint: 'cos-internal.example.com' } }, true],
    ['MP3 and MP4', inRoom, { ...inRoom, mode: '02' }, false],
    ['two rooms', inRoom, { ...inRoom, roomId: 8 }, false],
    ['a room of that number and one of that name', inRoom, { ...inRoom, roomId: undefined, strRoomId: '7' }, false],
    ['two applications', inRoom, { ...inRoom, sdkAppId: 1400000009 }, false],
    ['two folders', inRoom, { ...inRoom, cos: { ...cos, path: '/elsewhere' } }, false],
    ['two buckets', inRoom, { ...inRoom, cos: { ...cos, bucket: 'other-1250000000' } }, false],
  ])('%s', (_, one, other, expected) => expect(beside(one, other)).toEqual([expected, expected]))

  test('are no more two when one is over', () => {
    const school = new School()
    const [first, second] = [school.opens('first', inRoom), school.opens('second', { ...inRoom, userId: 'another' })]
    first.settle().scheduled().inRoom().ends(stoppedBy('Idle'))
    expect(first.recording.status?.completionTime).toBeDefined()
    school.tell(first)
    expect(school.admission.ask(second.recording).isBesideOthers).toBe(false)
    // As the caches keep one that is over and let go of.
    const half = abridgedRecording({ ...first.recording, metadata: { ...first.recording.metadata, finalizers: [] } })
    expect(half.spec.cos).toBeUndefined()
    expect(school.admission.ask(half)).toMatchObject({ identityHeldBy: undefined, isBesideOthers: false })
  })
})

const seed = Number(process.env.SEED)

const moves = {
  enters: (world: World) => world.pods.length > 0 && !isInRoom(world) && world.inRoom(),
  ends: (world: World) => world.live.length > 0 && world.ends(stoppedBy('RoomDismissed')),
  breaks: (world: World) => world.live.length > 0 && world.ends(undefined, { reason: 'OOMKilled' }),
  fails: (world: World) =>
    world.live.length > 0 && !isInRoom(world) && world.ends(aResult({ outcome: 'SecretNotFound', stopReason: 'NeverStarted' })),
  stops: (world: World) => world.recording.spec.desiredState !== 'Stopped' && world.stop(),
  'is refused, or no more': (world: World) => {
    world.refuses = world.refuses.createPod === undefined ? { createPod: new Refusal('QuotaExceeded', 'because') } : {}
  },
  'is looked at a minute later': (world: World) => world.after(60),
}
const isInRoom = (world: World) => world.pod.status?.containerStatuses?.[0]?.ready === true

const steps = fc.array(
  fc.record({
    what: fc.constantFrom(
      ...(['opens', 'opens', 'opens', 'looks', 'decides', 'carries out', 'restart'] as const),
      ...(Object.keys(moves) as (keyof typeof moves)[]),
    ),
    who: fc.nat(9),
    room: fc.nat(7),
    isExam: fc.boolean(),
  }),
  { minLength: 5, maxLength: 80, size: 'max' },
)

test(`whatever happens, no more record than may, and everybody’s turn comes (SEED=${seed})`, { timeout: 600_000 }, () => {
  const most = { perNamespace: 2, perCluster: 3 }
  function play(story: { what: string; who: number; room: number; isExam: boolean }[]): void {
    const school = new School(most)
    const until = performance.now() + 20_000
    const check = () => {
      if (performance.now() > until) throw new Error('it takes for ever')
      school.turn()
      const there = school.inRooms()
      if (there.length > most.perCluster) throw new Error('more than the cluster may have record')
      for (const namespace of ['n0', 'n1', 'n2']) {
        const here = there.filter(({ recording }) => recording.metadata.namespace === namespace)
        if (here.length > most.perNamespace) throw new Error('more than a namespace may have record')
      }
      const rooms = there.map(({ recording }) => identityOf(recording))
      if (new Set(rooms).size < rooms.length) throw new Error('two recorders in one room')
    }
    for (const { what, who, room, isExam } of story) {
      const world = school.worlds[who % Math.max(1, school.worlds.length)]
      if (what === 'opens' && school.worlds.length < 10) {
        const priority = isExam ? { priorityClassName: 'exam' } : {}
        school.opens(`r${school.worlds.length}`, { ...priority, roomId: room + 1, namespace: `n${who % 3}` })
      } else if (what === 'restart') school.restart()
      else if (what === 'looks') school.looksAtThoseWoken()
      else if (world === undefined) continue
      else if (what === 'decides') school.decides(world)
      else if (what === 'carries out') school.carriesOut(world)
      else if (what in moves && !school.underWay.has(world)) moves[what as keyof typeof moves](world)
      check()
    }
    for (let round = 0; !school.worlds.every(({ recording }) => isFinished(recording)); round += 1) {
      if (round > 100) throw new Error(`not all come to their end: ${school.worlds.map((world) => world.is('Succeeded'))}`)
      for (const world of school.worlds) {
        world.refuses = {}
        school.looksAt(world)
        // Not while something that was decided is to be carried out: one operator is at one Recording once at a time.
        world.kubeletsLetGo()
        world.after(300)
        check()
      }
      school.looksAtThoseWoken()
      check()
      const [first] = school.worlds.filter((world) => world.live.length > 0)
      first?.scheduled().inRoom().ends(stoppedBy('RoomDismissed'))
      check()
    }
  }
  fc.assert(fc.property(steps, play), {
    seed,
    numRuns: Math.ceil(Number(process.env.SEQUENCES ?? 1000) / 20),
    endOnFailure: true,
  })
})
