import {
  type ConditionReason,
  conditionReasons,
  conditionTypes,
  type Recording,
  reasonRemedies,
  recordingManifestSchema,
} from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { filesBeyond, followed, story } from './story.ts'
import { bytes, duration } from './text.ts'

const now = new Date('2026-03-01T10:00:00Z')

function recording(status: object | undefined): Recording {
  const manifest = recordingManifestSchema.parse({
    apiVersion: 'trtc-recorder.dev/v1alpha1',
    kind: 'Recording',
    metadata: { name: 'math', namespace: 'school', creationTimestamp: '2026-03-01T09:00:00Z' },
    spec: {
      sdkAppId: 1400000001,
      roomId: 43474,
      userId: 'recorder',
      userSigSecretRef: { name: 'recorder-sig' },
      cos: { region: 'ap-guangzhou', bucket: 'lessons-1250000000', credentialsSecretRef: { name: 'cos' } },
    },
  })
  return { ...manifest, ...(status === undefined ? {} : { status }) } as unknown as Recording
}

const condition = (type: string, status: string, reason: string, message: string) => ({ type, status, reason, message })

test('what another release does not write, or writes otherwise, leaves no gap in the story', () => {
  const status = {
    startTime: 'yesterday',
    conditions: [
      { type: 'Stalled', status: 'True', reason: 'FromALaterRelease' },
      { type: 'Succeeded', status: 'Unknown', reason: 'toString' },
    ],
    attempts: [{ number: 1, pod: 'math-a1', state: 'LeftBehind', reason: 'constructor' }],
    files: [{ userId: 'alice', stream: 'main', status: 2 }],
    volumes: [{ name: 'math-v1' }],
  }
  const events = [
    { type: 'Warning', time: '', count: 2 },
    { time: 'never', count: 1 },
  ]
  const text = story(recording(status), events, now)
  expect(text).toContain('Recorded for ?.')
  expect(text).toMatch(/alice +main +missing +\? +\?/)
  expect(text).toContain('FromALaterRelease: see the condition’s message.')
  expect(text).not.toMatch(/undefined|NaN|null/)
})

test('a Recording nobody looked at says what may be wrong', () =>
  expect(story(recording(undefined), [], now)).toContain('Is it running, and does it watch this namespace?'))

test('while it records: since when, and how to end it', () => {
  const text = story(
    recording({
      startTime: '2026-03-01T09:48:00Z',
      conditions: [
        condition('Started', 'True', 'Entered', 'The recorder is in the room'),
        condition('Stored', 'Unknown', 'Recording', 'The recorder is in the room'),
      ],
      attempts: [{ number: 1, pod: 'math-1', node: 'n1', startTime: '2026-03-01T09:48:00Z' }],
    }),
    [],
    now,
  )
  expect(text).toContain('school/math: room 43474 of application 1400000001, as recorder, mode 00')
  expect(text).toContain('Recorded for 12 min 00 s.')
  expect(text).toContain('2026-03-01 09:48:00  attempt 1 entered the room (Pod math-1 on n1)')
  expect(text).toContain('To end it: kubectl trtc stop -n school math')
})

test('what is of one second stands in its order, and the end of an attempt once', () => {
  const text = story(
    recording({
      conditions: [condition('Succeeded', 'Unknown', 'StorageRefused', 'no')],
      attempts: [
        {
          number: 1,
          pod: 'a1',
          startTime: '2026-03-01T09:00:00.480Z',
          endTime: '2026-03-01T09:00:00Z',
          reason: 'UploadRefused',
          message: 'no',
        },
      ],
    }),
    [
      {
        type: 'Warning',
        reason: 'UploadRefused',
        message: 'Attempt 1 (Pod a1) ended: no',
        time: '2026-03-01T09:00:00.1Z',
        count: 1,
      },
      { type: 'Warning', reason: 'StorageRefused', message: 'Upload 2 begins', time: '2026-03-01T09:00:00.2Z', count: 1 },
    ],
    now,
  )
  const happened = text.slice(text.indexOf('What happened')).split('\n').slice(1, 5)
  expect(happened.map((line) => line.trim().split('  ')[1])).toEqual([
    'created',
    'attempt 1 entered the room (Pod a1)',
    'attempt 1 ended (Pod a1): UploadRefused: no',
    'StorageRefused: Upload 2 begins',
  ])
})

test('a refused upload names what is missing, why, and the way out', () => {
  const text = story(
    recording({
      startTime: '2026-03-01T09:01:00Z',
      completionTime: '2026-03-01T09:31:00Z',
      stopReason: 'RoomDismissed',
      conditions: [
        condition('Stalled', 'True', 'UploadIncomplete', '1 of 2 files waits on the volume'),
        condition('Stored', 'False', 'UploadIncomplete', 'alice.mp3: access denied'),
      ],
      files: [
        { userId: 'bob', stream: 'main', status: 1, durationSeconds: 1800, bytes: 28_800_000, url: 'https://b/bob.mp3' },
        { userId: 'alice', stream: 'main', status: 0, durationSeconds: 12, bytes: 10, message: 'access denied' },
      ],
    }),
    [{ type: 'Warning', reason: 'UploadRefused', message: 'COS said no', time: '2026-03-01T09:31:01Z', count: 2 }],
    now,
  )
  expect(text).toContain('Recorded for 30 min 00 s, stopped by RoomDismissed.')
  expect(text).toMatch(/bob {4}main {4}stored {3}30 min 00 s {2}28\.8 MB {2}https:\/\/b\/bob\.mp3/)
  expect(text).toMatch(/alice {2}main {4}missing {2}12 s .* access denied/)
  expect(text).toContain('UploadRefused: COS said no (2 times)')
  expect(text).toContain('kubectl trtc retry-upload -n school math')
})

const nextOf = (of: Recording) => {
  const text = story(of, [], now)
  return text
    .slice(text.indexOf('What to do next'))
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
}

describe('what to do next', () => {
  const statuses = ['True', 'False', 'Unknown']
  const reasons = Object.keys(conditionReasons) as ConditionReason[]

  test('is never left open: there is a line for whatever stands in the conditions, and for nothing', () => {
    expect(nextOf(recording(undefined))).toEqual([expect.stringContaining('See that an operator runs')])
    for (const type of Object.keys(conditionTypes)) {
      for (const status of statuses) {
        for (const reason of reasons)
          expect(nextOf(recording({ conditions: [condition(type, status, reason, 'why')] }))).not.toEqual([])
      }
    }
  })

  test.each(reasons.filter((reason) => reasonRemedies[reason] !== 'Nothing.'))(
    'has what helps with %s, wherever it says that something is amiss',
    (reason) => {
      const says = `${reason}: ${reasonRemedies[reason]}`
      for (const type of ['Started', 'Stored', 'CallbackDelivered']) {
        expect(nextOf(recording({ conditions: [condition(type, 'False', reason, 'why')] }))).toContain(says)
      }
      for (const type of ['Stalled', 'Reconciling']) {
        expect(nextOf(recording({ conditions: [condition(type, 'True', reason, 'why')] }))).toContain(says)
      }
      for (const status of statuses) {
        expect(nextOf(recording({ conditions: [condition('Succeeded', status, reason, 'why')] }))).toContain(says)
      }
    },
  )

  const entered = condition('Started', 'True', 'Entered', 'The recorder is in the room')
  test.each<[string, object, Partial<Recording['spec']>, string[]]>([
    [
      'is paused',
      { conditions: [entered, condition('Succeeded', 'Unknown', 'Paused', 'Paused')] },
      { desiredState: 'Paused' },
      [
        'Paused: Set spec.desiredState to Running',
        'To go on: kubectl patch recording -n school math',
        'To end it: kubectl trtc stop',
      ],
    ],
    [
      'is over, and all is well',
      {
        completionTime: now.toISOString(),
        conditions: [entered, condition('Succeeded', 'True', 'Completed', ''), condition('Stored', 'True', 'Completed', '')],
      },
      {},
      ['Nothing.'],
    ],
    [
      'recorded nobody, which may be a mistake',
      { completionTime: now.toISOString(), conditions: [entered, condition('Succeeded', 'True', 'NothingRecorded', '')] },
      {},
      ['NothingRecorded: Nothing, if nobody was there. Else'],
    ],
    [
      'was stopped, and finishes its files',
      {
        stopRequestedTime: now.toISOString(),
        conditions: [
          entered,
          condition('Succeeded', 'Unknown', 'Finishing', ''),
          condition('Reconciling', 'True', 'Finishing', ''),
        ],
      },
      { desiredState: 'Stopped' },
      ['Finishing: Nothing; hours of a mix'],
    ],
    [
      'goes on elsewhere',
      {
        conditions: [entered, condition('Succeeded', 'Unknown', 'Recording', '')],
        attempts: [{ number: 1, pod: 'math-a1', state: 'LeftBehind', reason: 'NodeSilent' }],
      },
      {},
      ['Recording: ', 'Attempt 1, which was left behind: ', 'To end it: '],
    ],
    [
      'has lost its volume',
      {
        completionTime: now.toISOString(),
        conditions: [entered, condition('Stored', 'False', 'VolumeLost', '')],
        volumes: [{ name: 'math-v1', state: 'Lost' }],
      },
      {},
      ['VolumeLost: Look for a snapshot'],
    ],
  ])('of one that %s says so', (_, status, spec, says) => {
    const of = recording(status)
    expect(nextOf({ ...of, spec: { ...of.spec, ...spec } })).toEqual(says.map((part) => expect.stringContaining(part)))
  })

  test('of one that is being deleted and waits for COS is how to let it go', () => {
    const of = recording({ conditions: [condition('Stored', 'False', 'UploadIncomplete', 'COS is away')] })
    const metadata = { ...of.metadata, deletionTimestamp: now.toISOString() }
    expect(nextOf({ ...of, metadata })).toContain(
      'To let it go without what is not stored: kubectl trtc give-up --yes -n school math',
    )
  })
})

test.each([
  ['RecorderFailed', 'The message names the field. Make a new Recording without it'],
  ['AttemptsExhausted', 'Mend what the last attempt failed of'],
  ['FromALaterRelease', 'see the condition’s message.'],
])('of %s it says what can be done, not what it means', (reason, says) =>
  expect(story(recording({ conditions: [condition('Stalled', 'True', reason, 'why')] }), [], now)).toContain(
    `${reason}: ${says}`,
  ),
)

test.each([
  ['Reconciling', 'True', 'NodeLost', 'Bring the node back'],
  ['Reconciling', 'True', 'SecretNotFound', 'Make the Secret'],
  ['Stored', 'Unknown', 'VolumeLow', 'VolumeLow: '],
  ['Started', 'True', 'UserSigExpiring', 'Put a fresh UserSig'],
])('what is amiss while it has been in the room (%s=%s, %s) has its remedy, too', (type, status, reason, says) => {
  const started = type === 'Started' ? [] : [condition('Started', 'True', 'Entered', 'The recorder has been in the room')]
  const text = story(recording({ conditions: [...started, condition(type, status, reason, 'why')] }), [], now)
  expect(text.slice(text.indexOf('What to do next'))).toContain(says)
})

test('what others wrote stays in its line, and tells the terminal nothing', () => {
  const message = 'first\nsecond\u001b[2Jthird'
  const event = { type: 'Warning', reason: 'Odd', message, time: '2026-03-01T09:31:01Z', count: 1 }
  const text = story(recording({ conditions: [condition('Stalled', 'True', 'RoomRefused', message)] }), [event], now)
  expect(text).toContain('Odd: first second [2Jthird')
  expect(text).not.toContain('\u001b')
  expect(text.match(/second/g)).toHaveLength(2)
  expect(text).not.toMatch(/^ *second/m)
})

test('a callback that was given up can be delivered again', () =>
  expect(
    story(recording({ conditions: [condition('CallbackDelivered', 'False', 'GivenUp', '401 for a day')] }), [], now),
  ).toContain('kubectl trtc redeliver-callback -n school math'))

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [28_800_000, '28.8 MB'],
])('%d bytes are %s', (count, text) => expect(bytes(count)).toBe(text))

test.each([
  [7, '7 s'],
  [725, '12 min 05 s'],
  [3720, '1 h 02 min'],
])('%d seconds are %s', (seconds, text) => expect(duration(seconds)).toBe(text))

test('follows the attempt that goes on, not the one on a node that is silent', () => {
  const attempts = [
    { number: 1, pod: 'math-a1', state: 'LeftBehind' as const },
    { number: 2, pod: 'math-a2', state: 'Running' as const },
    { number: 3, pod: 'math-a3', state: 'Ended' as const, endTime: '2026-03-01T09:59:00Z' },
  ]
  expect(followed(attempts)?.pod).toBe('math-a2')
  expect(followed(attempts.slice(0, 1))).toBeUndefined()
})

test('says where the files are that the status has no place for', () => {
  const said = filesBeyond(recording({ fileCount: 3, files: [], manifestUrl: 'https://b/m.json' }))
  expect(said).toEqual(['… and 3 more: https://b/m.json'])
  expect(filesBeyond(recording({ files: [] }))).toEqual([])
})
