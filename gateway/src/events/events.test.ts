import { type Recording, type RecordingPolicy, recordingManifestSchema } from '@trtc-recorder/api'
import { resources } from '@trtc-recorder/kube'
import { describe, expect, test } from 'vitest'
import { apiError } from '../testing/fake-cluster.ts'
import { callbackKey, gatewayFor, sdkAppId } from '../testing/harness.ts'
import { beganMillis, eventsOf, policyNamed, recorder } from '../testing/trtc-events.ts'
import { parseApplications, signOf } from './applications.ts'
import { reviewPolicies } from './policies.ts'

const room = eventsOf()

/** A gateway whose cluster has these policies. */
async function listening(...specs: object[]) {
  const gateway = gatewayFor()
  for (const [index, spec] of specs.entries()) {
    await gateway.cluster.client.create(resources.recordingPolicies, policyNamed(`p${index}`, spec))
  }
  const outcomes = async (body: unknown) => {
    await gateway.tell(body)
    const line = gateway.lines.map((text) => JSON.parse(text)).findLast(({ msg }) => msg === 'Request answered')
    return line.outcomes as string[]
  }
  const policy = (index = 0) => gateway.cluster.policies[index]!
  return { ...gateway, outcomes, policy }
}

const readyOf = ({ status }: RecordingPolicy) => status?.conditions?.[0]

describe('a callback', () => {
  test('of an anchor who enters makes the Recording that the policy’s template says, and is answered as TRTC wants', async () => {
    const { cluster, tell } = await listening({
      template: { ...policyNamed('x').spec.template, subscribe: { exclude: ['bot_.*$'] } },
    })
    const answer = await tell(room.enters('teacher'))
    expect([answer.statusCode, answer.json()]).toEqual([200, { code: 0 }])
    const [made] = cluster.recordings
    expect(recordingManifestSchema.safeParse(made).error).toBeUndefined()
    expect(made).toMatchObject({
      metadata: {
        namespace: 'lessons',
        name: expect.stringMatching(/^p0-43474-[0-9a-f]{10}-1$/),
        labels: { 'trtc-recorder.dev/policy': 'p0', 'trtc-recorder.dev/session': '1' },
        annotations: { 'trtc-recorder.dev/session-event': '2026-03-01T10:00:00.100Z' },
      },
      spec: {
        ...{ sdkAppId, roomId: 43474, userId: recorder, mode: '02', desiredState: 'Running' },
        ...{ appSecretKeyRef: { name: 'trtc', key: 'secretKey' }, subscribe: { exclude: ['bot_.*$'] } },
      },
    })
    expect(made!.spec).not.toHaveProperty('userSigSecretRef')
    expect(cluster.secrets).toEqual([])
  })

  test('that TRTC’s own page shows is verified to the letter, tabs and all', () => {
    const body =
      '{\n\t"EventGroupId":\t2,\n\t"EventType":\t204,\n\t"CallbackTs":\t1664209748188,\n\t"EventInfo":\t{\n\t\t"RoomId":\t8489,\n\t\t"EventTs":\t1664209748,\n\t\t"EventMsTs":\t1664209748180,\n\t\t"UserId":\t"user_85034614",\n\t\t"Reason":\t0\n\t}\n}'
    expect(signOf('123654', Buffer.from(body))).toBe('kkoFeO3Oh2ZHnjtg8tEAQhtXK16/KI05W3BQff8IvGA=')
  })

  test.each([
    ['no signature', { sign: '' }],
    ['a signature of other bytes', { sign: signOf(callbackKey, Buffer.from('{}')) }],
    ['a signature with another key', { sign: signOf('anotherkey123', Buffer.from(JSON.stringify(room.enters('teacher')))) }],
    [
      'the signature in another writing',
      { sign: signOf(callbackKey, Buffer.from(JSON.stringify(room.enters('teacher')))).toLowerCase() },
    ],
    ['another application', { sdkappid: '1400000002' }],
    ['no application', { sdkappid: '' }],
  ])('with %s is refused, and that is in the audit log', async (_, headers) => {
    const { cluster, tell, lines } = await listening({})
    const answer = await tell(room.enters('teacher'), headers)
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'Unauthenticated'])
    expect(cluster.calls.filter((call) => !call.startsWith('create recordingpolicies'))).toEqual([])
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ action: 'Event', code: 'Unauthenticated', status: 401 })
    expect(lines.join()).not.toContain(callbackKey)
  })

  test('is taken with the former key, too, while keys change', async () => {
    const { tell } = await listening({})
    const body = JSON.stringify(room.enters('teacher'))
    expect((await tell(body, { sign: signOf('formerkey1', Buffer.from(body)) })).statusCode).toBe(200)
  })

  test.each([
    ['of a type nobody knows yet', { EventGroupId: 9, EventType: 999, EventInfo: null }, '9/999'],
    ['of somebody who leaves', room.leaves('teacher', 5), 'EXIT_ROOM'],
  ])('%s is accepted, ignored and named', async (_, body, name) => {
    const { cluster, tell, lines } = await listening({})
    expect((await tell(body)).json()).toEqual({ code: 0 })
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ application: sdkAppId, event: name, outcomes: ['Ignored'] })
    expect(cluster.recordings).toEqual([])
  })

  test.each([
    ['EventGroupId', { EventType: 103 }],
    ['EventInfo.RoomId', { ...room.enters('teacher'), EventInfo: { ...room.enters('teacher').EventInfo, RoomId: 0 } }],
    ['EventInfo.EventMsTs', { ...room.enters('teacher'), EventInfo: { RoomId: 1, UserId: 'teacher', Role: 20 } }],
    ['EventInfo.UserId', { ...room.enters('teacher'), EventInfo: { RoomId: 1, EventMsTs: beganMillis, Role: 20 } }],
    ['body', '{"EventGroupId": 1,'],
  ])('without a right %s is refused, and the field is named', async (field, body) => {
    const { tell } = await listening({})
    const answer = await tell(body)
    expect(answer.statusCode).toBe(400)
    expect(answer.json().fields.map(({ field: name }: { field: string }) => name)).toContain(field)
  })

  test('has a limit on its size and its number', async () => {
    const { tell, post } = await listening({})
    expect((await tell({ ...room.enters('teacher'), more: 'x'.repeat(140_000) })).statusCode).toBe(413)
    const answers = await Promise.all(Array.from({ length: 2001 }, () => tell({ EventGroupId: 9, EventType: 1 })))
    expect(answers.filter(({ statusCode }) => statusCode === 429)).toHaveLength(1)
    // The rate of an application is not that of the callers.
    expect((await post({ SdkAppId: sdkAppId })).statusCode).toBe(400)
  })

  test('finds no such path where events are not heard', async () => {
    const { tell } = gatewayFor(undefined, { events: undefined })
    expect((await tell(room.enters('teacher'))).statusCode).toBe(404)
  })
})

describe('a policy', () => {
  test.each([
    ['an anchor who enters', {}, room.enters('teacher'), 'Made'],
    ['an audience member who enters', {}, room.enters('pupil', 1, 21), 'NotAsked'],
    ['an audience member, where anyone will do', { enters: { role: 'Anyone' } }, room.enters('pupil', 1, 21), 'Made'],
    ['who made the room, where anyone will do', { enters: { role: 'Anyone' } }, room.created('pupil'), 'Made'],
    ['who made the room, where it has to be an anchor', {}, room.created('teacher'), 'NotAsked'],
    ['somebody who becomes an anchor', {}, room.changesRole('pupil', 5), 'Made'],
    ['somebody who is no anchor any more', {}, room.changesRole('pupil', 5, 21), 'NotAsked'],
    ['somebody who publishes', {}, room.startsAudio('teacher', 5), 'Made'],
    ['somebody asked for', { enters: { include: ['teacher_.*$'] } }, room.enters('teacher_7'), 'Made'],
    ['somebody not asked for', { enters: { include: ['teacher_.*$'] } }, room.enters('guest'), 'NotAsked'],
    ['somebody left out', { enters: { exclude: ['bot_.*$'] } }, room.enters('bot_1'), 'NotAsked'],
    ['the recorder itself', { enters: { role: 'Anyone' } }, room.enters(recorder, 1, 21), 'OfRecorder'],
    ['the recorder who made the room', { enters: { role: 'Anyone' } }, room.created(recorder), 'OfRecorder'],
    ['a room asked for', { rooms: { include: ['43.*$'] } }, room.enters('teacher'), 'Made'],
    ['another room', { rooms: { include: ['44.*$'] } }, room.enters('teacher'), 'NotAsked'],
    ['a room left out', { rooms: { exclude: ['43474'] } }, room.enters('teacher'), 'NotAsked'],
    ['a number, where rooms have names', { rooms: { type: 'String' } }, room.enters('teacher'), 'NotAsked'],
    ['a name, where rooms have numbers', { rooms: { type: 'Number' } }, eventsOf('43474').enters('teacher'), 'NotAsked'],
    ['another application', { sdkAppId: 1400000009 }, room.enters('teacher'), 'NotAsked'],
    ['one that is suspended', { suspend: true }, room.enters('teacher'), 'Suspended'],
    [
      'its hours',
      { schedule: { timeZone: 'Asia/Shanghai', windows: [{ days: ['Sun'], from: '18:00', to: '19:00' }] } },
      room.enters('teacher'),
      'Made',
    ],
    [
      'other hours',
      { schedule: { timeZone: 'UTC', windows: [{ from: '18:00', to: '19:00' }] } },
      room.enters('teacher'),
      'OffSchedule',
    ],
    ['what happened long ago', {}, room.enters('teacher', -301), 'OutOfTime'],
    ['what will happen', {}, room.enters('teacher', 301), 'OutOfTime'],
  ])('is asked about %s', async (_, spec, body, outcome) => {
    const { cluster, outcomes } = await listening(spec)
    expect(await outcomes(body)).toEqual([outcome])
    expect(cluster.recordings).toHaveLength(outcome === 'Made' ? 1 : 0)
  })

  test.each([
    ['is suspended', (policy: RecordingPolicy) => void Object.assign(policy.spec, { suspend: true }), 'Suspended'],
    ['asks for other rooms', ({ spec }: RecordingPolicy) => void spec.rooms.exclude.push('43474'), 'NotAsked'],
    ['is of another application', (policy: RecordingPolicy) => void Object.assign(policy.spec, { sdkAppId: 9 }), 'NotAsked'],
  ])('that %s since it was last read records nothing any more', async (_, change, outcome) => {
    const { cluster, outcomes, policy } = await listening({})
    expect(await outcomes(eventsOf(1).enters('teacher'))).toEqual(['Made'])
    change(policy())
    policy().metadata.generation = 2
    expect(await outcomes(room.enters('teacher'))).toEqual([outcome])
    expect(cluster.recordings).toHaveLength(1)
  })

  test('that was deleted, or deleted and made anew, since it was last read records nothing', async () => {
    const { cluster, outcomes } = await listening({})
    expect(await outcomes(eventsOf(1).enters('teacher'))).toEqual(['Made'])
    cluster.remove('recordingpolicies', 'lessons', 'p0')
    expect(await outcomes(eventsOf(2).enters('teacher'))).toEqual(['NotAsked'])
    await cluster.client.create(resources.recordingPolicies, policyNamed('p0', { recorderUserId: 'another' }))
    expect(await outcomes(eventsOf(3).enters('teacher'))).toEqual(['NotAsked'])
    expect(cluster.recordings).toHaveLength(1)
  })

  test('makes its Recordings as it says now, and says what becomes of them', async () => {
    const gateway = await listening({})
    expect(await gateway.outcomes(eventsOf(1).enters('teacher'))).toEqual(['Made'])
    Object.assign(gateway.policy().spec.template, { mode: '00' })
    gateway.policy().metadata.generation = 2
    expect(await gateway.outcomes(room.enters('teacher'))).toEqual(['Made'])
    expect(gateway.cluster.recordings[1]).toMatchObject({
      metadata: { annotations: { 'trtc-recorder.dev/policy-generation': '2' } },
      spec: { mode: '00' },
    })
  })

  test('names its Recordings apart by policy, room and session, as far as names can', async () => {
    const { cluster, tell } = await listening({}, { recorderUserId: 'second' })
    for (const name of [43474, '43474', 'Math 101: Fractions & more', '+', '-']) await tell(eventsOf(name).enters('teacher'))
    const names = cluster.recordings.map(({ metadata }) => metadata.name)
    expect(new Set(names).size).toBe(10)
    expect(names.map((name) => name.replace(/-[0-9a-f]{10}-1$/, ''))).toEqual(
      ['43474', '43474', 'math-101-fract', 'room', 'room'].flatMap((text) => [`p0-${text}`, `p1-${text}`]),
    )
    for (const name of names) expect(name).toMatch(/^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])$/)
    expect(cluster.recordings.filter(({ spec }) => spec.roomId === 43474)).toHaveLength(2)
    expect(cluster.recordings.filter(({ spec }) => spec.strRoomId === '43474')).toHaveLength(2)
  })

  test('has at most so many Recordings at once, and says so', async () => {
    const { cluster, clock, outcomes, policy } = await listening({ limits: { activeRecordings: 2 } })
    for (const id of [1, 2]) expect(await outcomes(eventsOf(id).enters('teacher'))).toEqual(['Made'])
    expect(await outcomes(eventsOf(3).enters('teacher'))).toEqual(['LimitReached'])
    expect(await outcomes(eventsOf(2).startsAudio('teacher', 2))).toEqual(['Recorded'])
    expect(readyOf(policy())).toMatchObject({
      status: 'False',
      reason: 'LimitReached',
      message: expect.stringContaining('Room 3'),
    })
    cluster.setStatus(cluster.recordings[0]!.metadata.name, { completionTime: clock.now.toISOString() })
    clock.now = new Date(clock.now.getTime() + 3000)
    expect(await outcomes(eventsOf(3).startsAudio('teacher', 3))).toEqual(['Made'])
    expect(readyOf(policy())).toMatchObject({ status: 'True', reason: 'Listening' })
    expect(policy().status).toMatchObject({ recordingsMade: 3, lastRecording: cluster.recordings[2]!.metadata.name })
  })

  test.each([
    ['a quota', apiError(403, 'Forbidden', 'exceeded quota: few'), 'LimitReached'],
    [
      'an admission policy',
      apiError(422, 'Invalid', 'denied request: spec.cos.endpoint: may only be left out'),
      'RecordingRefused',
    ],
  ])('whose Recordings %s refuses says why, and TRTC is not asked to repeat it', async (_, error, reason) => {
    const { cluster, tell, policy } = await listening({})
    cluster.fail('create', 'recordings', error)
    expect((await tell(room.enters('teacher'))).statusCode).toBe(200)
    expect(readyOf(policy())).toMatchObject({ status: 'False', reason, message: expect.stringContaining(error.message) })
    expect((await tell(room.startsAudio('teacher', 1))).statusCode).toBe(200)
    expect(readyOf(policy())).toMatchObject({ status: 'True' })
  })

  test('does not take for its own what somebody else has made under the name', async () => {
    const { cluster, outcomes } = await listening({})
    await outcomes(room.enters('teacher'))
    const [taken] = cluster.recordings
    taken!.metadata.labels = {}
    expect(await outcomes(room.startsAudio('teacher', 1))).toEqual(['RecordingRefused'])
  })

  test('in a namespace that cannot be read keeps no other from its Recording, and TRTC is asked to tell again', async () => {
    const { cluster, tell } = await listening({})
    await cluster.client.create(resources.recordingPolicies, policyNamed('other', { recorderUserId: 'b' }, 'studio'))
    cluster.fail('list', 'recordingpolicies')
    expect((await tell(room.enters('teacher'))).statusCode).toBe(503)
    expect(cluster.recordings).toHaveLength(1)
    expect((await tell(room.enters('teacher'))).statusCode).toBe(200)
    expect(cluster.recordings.map(({ metadata }) => metadata.namespace).sort()).toEqual(['lessons', 'studio'])
  })
})

describe('a session that', () => {
  const left = (cluster: { recordings: Recording[] }, stopReason: string, seconds: number) => {
    const leftTime = new Date(beganMillis + seconds * 1000).toISOString()
    Object.assign(cluster.recordings.at(-1)!, { status: { stopReason, attempts: [{ number: 1, pod: 'p', leftTime }] } })
  }

  test.each([
    ['was dismissed, as the recorder saw,', 'RoomDismissed', 1, 'Made'],
    ['had no anchor for so long', 'Idle', 1, 'Made'],
    ['was stopped by hand', 'StopRequested', 1, 'Recorded'],
    ['had its longest time', 'MaxDuration', 1, 'Recorded'],
    ['sent the recorder away', 'RemovedByApi', 1, 'Recorded'],
  ])('%s is followed by another one, or goes on', async (_, stopReason, number, outcome) => {
    const { cluster, outcomes } = await listening({})
    await outcomes(room.enters('teacher'))
    left(cluster, stopReason, 50)
    expect(cluster.recordings).toHaveLength(number)
    expect(await outcomes(room.enters('teacher', 40))).toEqual(['Recorded'])
    expect(await outcomes(room.enters('teacher', 60))).toEqual([outcome])
  })

  test('was stopped by hand is over when TRTC says that the room is, or was made anew', async () => {
    for (const body of [room.dismissed(55), room.created('teacher', 58)]) {
      const { cluster, outcomes } = await listening({})
      await outcomes(room.enters('teacher'))
      left(cluster, 'StopRequested', 50)
      expect(await outcomes(body)).toEqual(['Noted'])
      expect(await outcomes(body)).toEqual(['NotAsked'])
      expect(await outcomes(room.enters('teacher', 54))).toEqual(['Recorded'])
      expect(await outcomes(room.enters('teacher', 60))).toEqual(['Made'])
    }
  })

  test('nobody has told the end of is over after a day', async () => {
    const { cluster, clock, outcomes } = await listening({})
    await outcomes(room.enters('teacher'))
    left(cluster, 'MaxDuration', 50)
    for (const [hours, outcome] of [
      [23, 'Recorded'],
      [25, 'Made'],
    ] as const) {
      clock.now = new Date(beganMillis + hours * 3600_000)
      expect(await outcomes(room.enters('teacher', hours * 3600))).toEqual([outcome])
    }
  })
})

describe('the status', () => {
  const applications = parseApplications(
    `applications: [{sdkAppId: ${sdkAppId}, callbackKeys: [${callbackKey}], namespaces: [lessons]}]`,
  )
  const review = ({ cluster, clock }: Awaited<ReturnType<typeof listening>>, heard = applications) =>
    reviewPolicies(
      { client: cluster.client, applications: () => heard, trouble: () => undefined, now: () => clock.now },
      'lessons',
    )
  const writes = (cluster: { calls: string[] }) =>
    cluster.calls.filter((call) => call.startsWith('patch recordingpolicies')).length

  test('says that events are heard, once', async () => {
    const gateway = await listening({})
    await review(gateway)
    expect(gateway.policy().status).toMatchObject({
      observedGeneration: 1,
      conditions: [{ type: 'Ready', status: 'True', reason: 'Listening' }],
    })
    await review(gateway)
    expect(writes(gateway.cluster)).toBe(1)
  })

  test.each([
    ['an application without a key', { sdkAppId: 1400000009 }, 'False', 'ApplicationUnknown'],
    ['one that is suspended', { suspend: true }, 'True', 'Suspended'],
  ])('of %s says so', async (_, spec, status, reason) => {
    const gateway = await listening(spec)
    await review(gateway)
    expect(readyOf(gateway.policy())).toMatchObject({ status, reason })
  })

  test('says what the last Recording waits for, until the policy is changed', async () => {
    const gateway = await listening({})
    await gateway.tell(room.enters('teacher'))
    const [{ metadata }] = gateway.cluster.recordings as [Recording]
    const message = 'Secret trtc does not exist'
    gateway.cluster.setStatus(metadata.name, {
      conditions: [{ type: 'Started', status: 'False', reason: 'SecretNotFound', message }],
    })
    await review(gateway)
    expect(readyOf(gateway.policy())).toMatchObject({
      status: 'False',
      reason: 'SecretNotFound',
      message: `Recording ${metadata.name}: ${message}`,
    })
    gateway.policy().metadata.generation = 2
    await review(gateway)
    expect(readyOf(gateway.policy())).toMatchObject({ status: 'True', observedGeneration: 2 })
  })

  test('is of what the last Recording says when it is written, also where another replica came before', async () => {
    const gateway = await listening({})
    await gateway.tell(room.enters('teacher'))
    const { cluster } = gateway
    const conditions = [{ type: 'Started', status: 'False', reason: 'SecretNotFound', message: 'Secret trtc does not exist' }]
    gateway.policy().metadata.generation = 2
    cluster.recordings[0]!.metadata.annotations!['trtc-recorder.dev/policy-generation'] = '2'
    cluster.before('patch', 'recordingpolicies', () => {
      cluster.setStatus(cluster.recordings[0]!.metadata.name, { conditions })
      gateway.policy().metadata.resourceVersion = '99'
    })
    await review(gateway)
    expect(readyOf(gateway.policy())).toMatchObject({ status: 'False', reason: 'SecretNotFound', observedGeneration: 2 })
  })

  test('keeps the conditions of another release', async () => {
    const gateway = await listening({})
    const theirs = { type: 'Audited', status: 'True', reason: 'Fine', message: '', observedGeneration: 1, lastTransitionTime: '' }
    Object.assign(gateway.policy(), { status: { conditions: [theirs] } })
    await gateway.tell(room.enters('teacher'))
    expect(gateway.policy().status?.conditions).toMatchObject([{ type: 'Ready', reason: 'Listening' }, theirs])
  })

  test('tells of a Recording that was made without an answer, once', async () => {
    const gateway = await listening({})
    gateway.cluster.fail('create', 'recordings', undefined, 'after')
    expect(await gateway.outcomes(room.enters('teacher'))).toEqual(['Made'])
    expect(await gateway.outcomes(room.startsAudio('teacher', 1))).toEqual(['Recorded'])
    const [{ metadata }] = gateway.cluster.recordings as [Recording]
    expect(gateway.policy().status).toMatchObject({ recordingsMade: 1, lastRecording: metadata.name })
  })

  test('of a policy that an earlier release admitted does not say that its Recordings are refused', async () => {
    const gateway = await listening({})
    Object.assign(gateway.policy().spec.template, { outputs: { mixFormat: 'Mp4', replay: true } })
    expect(await gateway.outcomes(room.enters('teacher'))).toEqual(['Made'])
    expect(gateway.cluster.recordings[0]?.spec.outputs).toMatchObject({ replay: true, mixFormat: 'Mp3' })
  })

  test('is written for each Recording, and for events every five minutes', async () => {
    const gateway = await listening({})
    for (let seconds = 1; seconds <= 900; seconds += 10) {
      gateway.clock.now = new Date(beganMillis + seconds * 1000)
      await gateway.tell(room.startsAudio('teacher', seconds))
    }
    expect(gateway.policy().status).toMatchObject({
      recordingsMade: 1,
      lastEventTime: new Date(beganMillis + 601_000).toISOString(),
    })
    expect(writes(gateway.cluster)).toBe(3)
  })

  test('counts what two replicas make at the same time', async () => {
    const first = await listening({})
    const second = gatewayFor(undefined, {}, first.cluster)
    await Promise.all([1, 2, 3, 4].map((id) => (id % 2 ? first : second).tell(eventsOf(id).enters('teacher'))))
    expect(first.policy().status?.recordingsMade).toBe(4)
  })
})

test.each([
  ['applications.0.callbackKeys.0', { callbackKeys: ['short'] }],
  ['applications.0.namespaces', { namespaces: [] }],
  ['applications.0', { key: 'callbackkey' }],
])('a document of applications is refused with %s named, and not quoted', (words, over) => {
  const text = JSON.stringify({ applications: [{ sdkAppId, callbackKeys: ['abc123'], namespaces: ['a'], ...over }] })
  expect(() => parseApplications(text)).toThrow(words)
  expect(() => parseApplications(text)).not.toThrow(/short/)
})
