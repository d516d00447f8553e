import {
  apiVersion,
  type ClipFile,
  type ClipTrouble,
  type ClipTroubleWord,
  clipKind,
  clipTroubles,
  type Recording,
  type RecordingClip,
  type RecordingStatus,
  recordingClipSpecSchema,
  recordingClipStatusSchema,
} from '@trtc-recorder/api'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { aRecording, at, start } from '../recording/testing.ts'
import { type ClipRefusalWord, decideClip, type ObservedClip, type ObservedRecorder, type PodHolder } from './decide.ts'
import { clipWork } from './pod.ts'
import type { Heard } from './recorder-answers.ts'

const aClip = (over: Partial<RecordingClip> = {}): RecordingClip => ({
  apiVersion,
  kind: clipKind,
  metadata: {
    ...{ name: 'proof', namespace: 'lessons', uid: 'clip-uid', resourceVersion: '1', generation: 1 },
    creationTimestamp: start.toISOString(),
  },
  spec: recordingClipSpecSchema.parse({ recordingRef: { name: 'math' }, from: '10s', to: '1m10.5s' }),
  ...over,
})

const finished = () => ({
  ...aRecording(),
  status: {
    startTime: at(60).toISOString(),
    completionTime: at(600).toISOString(),
    manifestUrl: 'https://lessons-1250000000.cos.ap-guangzhou.myqcloud.com/le%20ssons/math_uid.manifest.json',
    moreManifestUrls: ['https://lessons-1250000000.cos.ap-guangzhou.myqcloud.com/lessons/math_uid_v2.manifest.json'],
  },
})

const over = (): ObservedClip['recording'] => ({ is: 'over', recording: finished(), work: clipWork(aClip(), finished()) })
/** The Recording goes on: it began at 60, so that the clip is from 70 to 130.5. */
const began = { startTime: at(60).toISOString() }
const volumes = { name: 'math-v1', state: 'Empty' } as const
const attempt = { number: 1, pod: 'math-a1', volume: 'math-v1', startTime: at(60).toISOString() }
const underWay = (recorder: ObservedRecorder, status: RecordingStatus = {}): ObservedClip['recording'] => ({
  is: 'underWay',
  recording: { ...aRecording(), status: { ...began, attempts: [attempt], volumes: [volumes], ...status } },
  recorder,
})
const recorder = { pod: 'math-a1', volume: 'math-v1' }
const notAsked = (since = 100): ObservedRecorder => ({ is: 'notAsked', ...recorder, since: at(since) })
const asked = (answer: Heard, { since = 100, heard }: { since?: number; heard?: number } = {}): ObservedRecorder => ({
  ...{ is: 'asked', ...recorder, since: at(since), heard: heard === undefined ? undefined : at(heard), answer },
})
const silent = { is: 'silent', why: 'it cannot be reached' } as const
const says = (outcome: string, files: Partial<ClipFile>[] = []) =>
  ({ is: 'over', uid: 'clip-uid', result: { version: 1, outcome, message: 'so it was', files } }) as Heard
const ended = (outcome: string, files: Partial<ClipFile>[] = []): ObservedClip['pod'] =>
  ({
    is: 'ended',
    name: 'proof-c1',
    attempt: 1,
    result: { version: 1, outcome, message: 'so it was', files },
  }) as ObservedClip['pod']
const lost = (attempt: number) =>
  ({ is: 'lost', name: `proof-c${attempt}`, attempt, word: 'NoResult', message: 'evicted' }) as const

function decide(observed: Partial<ObservedClip>, seconds = 700) {
  const clip = observed.clip ?? aClip()
  const { status, action, requeueAfterMillis } = decideClip(
    { clip, recording: over(), pod: { is: 'none' }, ...observed },
    at(seconds),
  )
  const conditions = status.conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`)
  return { clip: { ...clip, status }, status, action, conditions, requeueAfterMillis }
}

describe('a clip', () => {
  test('waits for its Recording to be there, and for a recorder', () => {
    expect(decide({ recording: { is: 'missing' } })).toMatchObject({
      conditions: ['Succeeded Unknown RecordingNotFound', 'Stalled True RecordingNotFound'],
      action: { do: 'nothing' },
    })
    expect(decide({ recording: underWay({ is: 'none', why: 'no recorder is in the room' }) })).toMatchObject({
      conditions: ['Succeeded Unknown RecordingUnderWay', 'Reconciling True RecordingUnderWay'],
      action: { do: 'nothing' },
    })
  })

  test('keeps the conditions of another release', () => {
    const theirs = {
      type: 'Archived',
      status: 'True',
      reason: 'Cold',
      message: '',
      observedGeneration: 1,
      lastTransitionTime: '',
    }
    const clip = aClip({ status: { conditions: [theirs] } } as unknown as Partial<RecordingClip>)
    expect(decide({ clip, recording: { is: 'missing' } }).conditions).toEqual([
      ...['Succeeded Unknown RecordingNotFound', 'Stalled True RecordingNotFound'],
      'Archived True Cold',
    ])
  })

  test('is of the first Recording that there was of its name, and over where that was deleted', () => {
    const { uid } = aRecording().metadata
    expect(decide({ recording: { is: 'missing' } }).status.recordingUid).toBeUndefined()
    for (const recording of [over(), underWay({ is: 'none', why: 'no recorder is in the room' })])
      expect(decide({ recording }).status.recordingUid).toBe(uid)
    const bound = aClip({ status: { recordingUid: uid } })
    const deleted = decide({ clip: bound, recording: { is: 'deleted' } })
    expect(deleted).toMatchObject({
      conditions: ['Succeeded False RecordingDeleted', 'Stalled True RecordingDeleted'],
      action: { do: 'nothing' },
      status: { recordingUid: uid, completionTime: at(700).toISOString() },
    })
    expect(deleted.status.conditions?.[0]?.message).toContain(`Recording math, of UID ${uid}, was deleted`)
  })

  test('is cut when that is over, at the times that its offsets are, from every manifest there is', () => {
    const { action, status, conditions } = decide({})
    expect(conditions).toEqual(['Succeeded Unknown Cutting', 'Reconciling True Cutting'])
    expect(status).toMatchObject({ startTime: at(70).toISOString(), endTime: at(130.5).toISOString() })
    expect(action).toMatchObject({
      do: 'createPod',
      attempt: 1,
      job: { manifests: ['le ssons/math_uid.manifest.json', 'lessons/math_uid_v2.manifest.json'], from: at(70).toISOString() },
    })
  })

  test('of a Recording that has recorded nothing is over at once', () => {
    const observed = { recording: { is: 'over', recording: aRecording(), work: { is: 'nothing' } } } as const
    expect(decide(observed)).toMatchObject({
      conditions: ['Succeeded False NothingThere', 'Stalled True NothingThere'],
      action: { do: 'nothing' },
      status: { completionTime: at(700).toISOString() },
    })
  })

  test.each([
    ['Completed', [{ status: 1 as const }], ['Succeeded True Completed'], 1],
    ['NothingThere', [], ['Succeeded False NothingThere', 'Stalled True NothingThere'], 0],
    ['FilesFailed', [{ status: 0 as const }], ['Succeeded False FilesFailed', 'Stalled True FilesFailed'], 1],
    ['StorageRefused', [], ['Succeeded False StorageRefused', 'Stalled True StorageRefused'], 0],
    ['SomethingLater', [{ status: 1 as const }], ['Succeeded True Completed'], 1],
    ['SomethingLater', [{ status: 0 as const }], ['Succeeded False FilesFailed', 'Stalled True FilesFailed'], 1],
  ])('whose Pod says %s of %j is over, and its Pod goes', (outcome, files, conditions, fileCount) => {
    const plan = decide({ pod: ended(outcome, files) })
    expect(plan).toMatchObject({ conditions, action: { do: 'deletePod' }, status: { fileCount, attempts: 1 } })
    expect(plan.status.completionTime).toBe(at(700).toISOString())
  })

  test.each([
    ['a Pod without a result', lost(1)],
    ['COS that did not answer', ended('StorageUnavailable')],
  ] as const)('is tried again after %s, with growing pauses', (_, pod) => {
    const failed = decide({ pod })
    expect(failed).toMatchObject({
      conditions: ['Succeeded Unknown Retrying', 'Reconciling True Retrying'],
      action: { do: 'deletePod' },
      status: { attempts: 1, nextAttemptTime: at(705).toISOString() },
      requeueAfterMillis: 5000,
    })
    // The Pod that is still going changes nothing of that.
    expect(decide({ clip: failed.clip, pod }, 704.5)).toMatchObject({ status: failed.status, requeueAfterMillis: 500 })
    expect(decide({ clip: failed.clip }, 704.5)).toMatchObject({ action: { do: 'nothing' }, requeueAfterMillis: 500 })
    expect(decide({ clip: failed.clip }, 705)).toMatchObject({ action: { do: 'createPod', attempt: 2 } })
    expect([1, 2, 3, 4].map((number) => decide({ pod: lost(number) }).requeueAfterMillis)).toEqual([5000, 10_000, 20_000, 40_000])
  })

  test.each<[string, object, string]>([
    ['a start that is no time', { startTime: 'yesterday' }, 'status.startTime "yesterday"'],
    ['an address that is none', { manifestUrl: 'lessons/math.json' }, 'manifest address "lessons/math.json"'],
    ['an address that cannot be decoded', { moreManifestUrls: ['https://b.example/a%zz.json'] }, '"https://b.example/a%zz.json"'],
    [
      'a beginning after which there is no time',
      { startTime: '+275760-09-13T00:00:00.000Z' },
      'spec.from is no time, nor an offset',
    ],
    ['the address of no object', { manifestUrl: 'https://b.example/' }, '"https://b.example/"'],
  ])('of a Recording whose status has %s is over, and says so', (_, status, says) => {
    const recording = { ...finished(), status: { ...finished().status, ...status } }
    const {
      conditions,
      status: after,
      action,
    } = decide({ recording: { is: 'over', recording, work: clipWork(aClip(), recording) } })
    expect(conditions).toEqual(['Succeeded False RecordingUnusable', 'Stalled True RecordingUnusable'])
    expect(after.conditions![0]!.message).toContain(says)
    expect(after.completionTime).toBe(at(700).toISOString())
    expect(action).toEqual({ do: 'nothing' })
  })

  test('makes something of whatever stands in a Recording that is over', () => {
    const anything = fc.oneof(fc.string(), fc.webUrl(), fc.date({ noInvalidDate: true }).map(String), fc.anything())
    const status = fc.record(
      { startTime: anything, manifestUrl: anything, moreManifestUrls: fc.oneof(fc.array(anything), anything) },
      { requiredKeys: [] },
    )
    const cos = fc.oneof(fc.constant(finished().spec.cos), fc.anything())
    fc.assert(
      fc.property(status, cos, fc.string(), (status, cos, from) => {
        const recording = {
          ...finished(),
          spec: { ...finished().spec, cos },
          status: { ...finished().status, ...status },
        } as Recording
        const clip = aClip({ spec: { ...aClip().spec, from } })
        const work = clipWork(clip, recording)
        const plan = decide({ clip, recording: { is: 'over', recording, work } })
        expect(plan.action.do === 'createPod' || plan.status.completionTime !== undefined).toBe(true)
        expect(recordingClipStatusSchema.safeParse(plan.status).error).toBeUndefined()
      }),
    )
  })

  test('whose Pod does not go, on a node that is silent, is looked at less and less often, not without a pause', () => {
    const { clip } = decide({ pod: lost(1) })
    const look = (seconds: number) => decide({ clip, pod: lost(1) }, seconds)
    expect(look(900).action).toEqual({ do: 'deletePod' })
    expect([705, 900, 9000].map((seconds) => look(seconds).requeueAfterMillis)).toEqual([30_000, 195_000, 600_000])
  })

  test.each<[PodHolder, string]>([
    ['AtWork', 'Cutting'],
    ['Unschedulable', 'Unschedulable'],
    ['ImagePullFailed', 'ImagePullFailed'],
    ['ContainerNotStarted', 'ContainerNotStarted'],
  ])('whose Pod is %s says so, and is looked at less and less often', (word, reason) => {
    const pod = { is: 'atWork', name: 'proof-c1', attempt: 1, word, message: 'so it is', since: at(700) } as const
    const plan = decide({ pod })
    expect(plan).toMatchObject({
      conditions: [`Succeeded Unknown ${reason}`, `Reconciling True ${reason}`],
      action: { do: 'nothing' },
      status: { attempts: 1 },
    })
    expect([700, 800, 9000].map((seconds) => decide({ pod }, seconds).requeueAfterMillis)).toEqual([30_000, 100_000, 600_000])
    // One that was deleted is looked at when it is to be taken for lost.
    expect(decide({ pod: { ...pod, isLostAt: at(710) } }).requeueAfterMillis).toBe(10_000)
  })

  test('is given up after five tries', () => {
    const conditions = ['Succeeded False AttemptsExhausted', 'Stalled True AttemptsExhausted']
    expect(decide({ pod: lost(5) })).toMatchObject({ conditions, action: { do: 'deletePod' } })
    expect(decide({ clip: aClip({ status: { attempts: 5 } }) })).toMatchObject({ conditions, action: { do: 'nothing' } })
  })

  test('that has a callback is told of when it is over, and stays until that has arrived or was given up', () => {
    const spec = { ...aClip().spec, callback: { url: 'https://example.com/clips' }, ttlSecondsAfterFinished: 0 }
    const cutting = decide({ clip: aClip({ spec }) })
    expect(cutting.conditions).toEqual([
      'Succeeded Unknown Cutting',
      'CallbackDelivered Unknown Waiting',
      'Reconciling True Cutting',
    ])
    expect(cutting.status.callback).toBeUndefined()
    const over = decide({ clip: cutting.clip, pod: ended('Completed', [{ status: 1 }]) }).clip
    const pending = { id: 'clip-uid/clip', state: 'Pending', attempts: 0, dueSince: at(700).toISOString() } as const
    expect(over.status.callback).toEqual(pending)
    expect(decide({ clip: over }, 9000)).toMatchObject({ action: { do: 'nothing' }, requeueAfterMillis: undefined })
    for (const state of ['Delivered', 'GivenUp'] as const) {
      const told = { ...over, status: { ...over.status, callback: { ...pending, state } } }
      expect(decide({ clip: told }, 9000).action).toEqual({ do: 'deleteClip' })
    }
    // Whoever wants to know what became of the callback has the whole time for it.
    const callback = { ...pending, state: 'Delivered', attempts: 9, lastAttemptTime: at(8990).toISOString() } as const
    const told = { ...over, spec: { ...over.spec, ttlSecondsAfterFinished: 60 }, status: { ...over.status, callback } }
    expect(decide({ clip: told }, 9000)).toMatchObject({ action: { do: 'nothing' }, requeueAfterMillis: 50_000 })
  })

  test.each<[ClipRefusalWord, string[]]>([
    ['QuotaExceeded', ['Succeeded Unknown QuotaExceeded', 'Reconciling True QuotaExceeded']],
    ['PodRejected', ['Succeeded Unknown PodRejected', 'Stalled True PodRejected']],
    ['NamespaceTerminating', ['Succeeded Unknown PodRejected', 'Stalled True PodRejected']],
  ])(
    'whose Pod the API server refuses (%s) says its answer and when it asks again, which it does less and less often',
    (word, conditions) => {
      const waiting = decide({ recording: underWay({ is: 'none', why: 'no recorder is in the room' }) }, 10).clip
      let [clip, seconds] = [waiting, 700]
      const pauses: number[] = []
      for (let time = 0; time < 10; time += 1) {
        expect(decide({ clip }, seconds).action).toMatchObject({ do: 'createPod', attempt: 1 })
        const refused = decide({ clip, refusal: { word, message: `exceeded quota, ${time}`, times: 1 } }, seconds)
        expect(refused.conditions).toEqual(conditions)
        expect(refused.status.conditions?.[0]?.message).toBe(`exceeded quota, ${time}`)
        const pause = refused.requeueAfterMillis! / 1000
        expect(refused.status.nextAttemptTime).toBe(at(seconds + pause).toISOString())
        // Whoever wakes it before that, its own status for one.
        const early = { status: refused.status, action: { do: 'nothing' }, requeueAfterMillis: 1000 }
        expect(decide({ clip: refused.clip }, seconds + pause - 1)).toMatchObject(early)
        ;[clip, seconds] = [refused.clip, seconds + pause]
        pauses.push(pause)
      }
      expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300, 300])
      expect(decide({ clip, mayBeGrantedNow: true }, seconds - 200).action).toMatchObject({ do: 'createPod', attempt: 1 })
      // A clock was set back by a day.
      expect(decide({ clip }, seconds - 86_400).action).toMatchObject({ do: 'createPod', attempt: 1 })
      const atWork = {
        is: 'atWork',
        name: 'proof-c1',
        attempt: 1,
        word: 'AtWork',
        message: 'is at work',
        since: at(seconds),
      } as const
      const taken = decide({ clip, pod: atWork }, seconds)
      expect(taken.conditions).toEqual(['Succeeded Unknown Cutting', 'Reconciling True Cutting'])
      for (const field of ['nextAttemptTime', 'refusedTimes', 'refusedTime']) expect(taken.status).not.toHaveProperty(field)
    },
  )

  test('that is over stays, or goes when its time is up, after its Pod', () => {
    const status = { completionTime: at(700).toISOString() }
    const spec = { ...aClip().spec, ttlSecondsAfterFinished: 60 }
    expect(decide({ clip: aClip({ status }) }, 9000)).toMatchObject({ action: { do: 'nothing' }, requeueAfterMillis: undefined })
    expect(decide({ clip: aClip({ status, spec }) }, 730)).toMatchObject({
      action: { do: 'nothing' },
      requeueAfterMillis: 30_000,
    })
    expect(decide({ clip: aClip({ status, spec }), pod: lost(1) }, 760)).toMatchObject({ action: { do: 'deletePod' } })
    expect(decide({ clip: aClip({ status, spec }) }, 760)).toMatchObject({ action: { do: 'deleteClip' } })
  })
})

describe('a clip of a Recording that goes on', () => {
  const messageOf = ({ status }: ReturnType<typeof decide>) => status.conditions![0]!.message
  const waits = ['Succeeded Unknown RecordingUnderWay', 'Reconciling True RecordingUnderWay']
  const isCut = ['Succeeded Unknown Cutting', 'Reconciling True Cutting']

  test('waits for a recorder in the room, by which its offsets are counted', () => {
    const plan = decide({
      recording: { is: 'underWay', recording: aRecording(), recorder: { is: 'none', why: 'nobody is there' } },
    })
    expect(plan).toMatchObject({ conditions: waits, action: { do: 'nothing' }, requeueAfterMillis: undefined })
    expect(messageOf(plan)).toContain('no recorder has been in the room yet')
  })

  test('whose end is more than a minute ahead waits until then, and says when that is', () => {
    const plan = decide({ recording: underWay(notAsked()) }, 70)
    expect(plan).toMatchObject({ conditions: waits, action: { do: 'nothing' }, requeueAfterMillis: 500 })
    expect(messageOf(plan)).toContain(at(130.5).toISOString())
  })

  test('has the recorder asked a minute before its end, or at once', () => {
    for (const seconds of [70.5, 100, 160]) {
      const plan = decide({ recording: underWay(notAsked()) }, seconds)
      expect(plan).toMatchObject({
        ...{ conditions: isCut, action: { do: 'askRecorder', pod: 'math-a1' } },
        status: { startTime: at(70).toISOString(), endTime: at(130.5).toISOString() },
      })
      expect(messageOf(plan)).toContain('Pod math-a1')
    }
  })

  test.each<[string, ObservedRecorder, string]>([
    ['is not in the room', { is: 'none', why: 'the recorder of Pod math-a1 is not in the room' }, 'is not in the room'],
    ['cannot be asked', { is: 'none', why: 'Pod math-a1 was made by an earlier release' }, 'earlier release'],
    ['is asked for others', { is: 'busy', ...recorder }, 'Pod math-a1 is asked for 16 others'],
  ])('waits while its recorder %s', (_, recorder, says) => {
    const plan = decide({ recording: underWay(recorder) }, 140)
    expect(plan).toMatchObject({ conditions: waits, action: { do: 'nothing' } })
    expect(messageOf(plan)).toContain(says)
    expect(messageOf(plan)).toContain('when the recording is over')
  })

  test('that was asked for is looked at when its end has come, soon, and then less and less often', () => {
    const after = (seconds: number, answer: Heard = { is: 'waiting', uid: 'clip-uid', message: 'a key frame is awaited' }) =>
      decide({ recording: underWay(asked(answer, { since: 100 })) }, seconds)
    expect(after(120, silent)).toMatchObject({ conditions: isCut, action: { do: 'nothing' }, requeueAfterMillis: 10_500 })
    expect(messageOf(after(131))).toBe('Pod math-a1: a key frame is awaited')
    const pauses = [130.5, 140.5, 150.5, 330.5, 9000].map((seconds) => after(seconds).requeueAfterMillis)
    expect(pauses).toEqual([300, 300, 2000, 20_000, 30_000])
    // What was asked for long after its end is looked at as soon.
    expect(decide({ recording: underWay(asked(silent, { since: 900 })) }, 901).requeueAfterMillis).toBe(300)
  })

  test.each([
    ['Completed', [{ status: 1 as const }], ['Succeeded True Completed'], 1],
    ['NothingThere', [], ['Succeeded False NothingThere', 'Stalled True NothingThere'], 0],
    ['FilesFailed', [{ status: 0 as const }], ['Succeeded False FilesFailed', 'Stalled True FilesFailed'], 1],
    ['StorageRefused', [], ['Succeeded False StorageRefused', 'Stalled True StorageRefused'], 0],
    ['SomethingLater', [{ status: 1 as const }], ['Succeeded True Completed'], 1],
    ['toString', [{ status: 0 as const }], ['Succeeded False FilesFailed', 'Stalled True FilesFailed'], 1],
  ])('of which the recorder says %s of %j is over', (outcome, files, conditions, fileCount) => {
    const plan = decide({ recording: underWay(asked(says(outcome, files))) }, 132)
    expect(plan).toMatchObject({ conditions, action: { do: 'nothing' }, requeueAfterMillis: undefined })
    expect(plan.status).toMatchObject({
      ...{ attempts: 0, fileCount, completionTime: at(132).toISOString() },
      ...{ startTime: at(70).toISOString(), endTime: at(130.5).toISOString() },
    })
  })

  test.each([
    ['of an earlier release', undefined, waits, 'which encodes nothing anew'],
    ['that says that it is not', 'CodecNotEncoded' as const, ['Succeeded True NotExact'], 'so it was'],
    ['that says that it is', 'Exact' as const, ['Succeeded True Completed'], 'so it was'],
  ])('that is to be exact is over with a recorder %s, or waits for another', (_, exactness, conditions, message) => {
    const clip = aClip()
    clip.spec.exact = true
    const files = [{ status: 1, ...(exactness === undefined ? {} : { exactness }) }]
    const outcome = exactness === 'CodecNotEncoded' ? 'NotExact' : 'Completed'
    const plan = decide({ clip, recording: underWay(asked(says(outcome, files))) }, 132)
    expect(plan.conditions).toEqual(conditions)
    expect(messageOf(plan)).toContain(message)
  })

  test('that is to be exact and was cut by a Pod of an earlier release is not exact, and says so', () => {
    const clip = aClip()
    clip.spec.exact = true
    const plan = decide({ clip, pod: ended('Completed', [{ status: 1 }]) })
    expect(plan.conditions).toEqual(['Succeeded True NotExact'])
    expect(messageOf(plan)).toContain('of an earlier release')
    expect(decide({ clip, pod: ended('NothingThere') }).conditions?.[0]).toBe('Succeeded False NothingThere')
  })

  test.each<[string, Heard, string]>([
    ['COS does not answer', says('StorageUnavailable'), 'so it was'],
    ['the recorder says so', { is: 'later', uid: 'clip-uid', message: 'the volume is full' }, 'the volume is full'],
  ])('waits for the end where %s, and is looked at now and then', (_, answer, cause) => {
    const after = (seconds: number) => decide({ recording: underWay(asked(answer)) }, seconds)
    expect(after(132)).toMatchObject({ conditions: waits, action: { do: 'nothing' }, requeueAfterMillis: 60_000 })
    expect(messageOf(after(132))).toContain(`Pod math-a1 has not cut it: ${cause}`)
    expect([330.5, 90_000].map((seconds) => after(seconds).requeueAfterMillis)).toEqual([100_000, 600_000])
    const over = decide({ clip: after(132).clip }, 700)
    expect(over).toMatchObject({ conditions: isCut, action: { do: 'createPod', attempt: 1 } })
  })

  test('of which nothing is heard for a minute waits for the end, and is cut if something is heard after all', () => {
    const after = (seconds: number, answer: Heard, heard?: number) =>
      decide({ recording: underWay(asked(answer, heard === undefined ? {} : { heard })) }, seconds)
    expect(after(190.5, silent).conditions).toEqual(isCut)
    const silence = after(190.6, silent)
    expect(silence.conditions).toEqual(waits)
    expect(messageOf(silence)).toContain('it cannot be reached')
    expect(after(191, silent, 180).conditions).toEqual(isCut)
    const heard = decide({ clip: silence.clip, recording: underWay(asked(says('Completed', [{ status: 1 }]))) }, 300)
    expect(heard.conditions).toEqual(['Succeeded True Completed'])
  })

  test('that the recorder could not be told of for a minute waits for the end, and goes on trying', () => {
    const plan = decide({ recording: underWay(notAsked(100)) }, 161)
    expect(plan).toMatchObject({ conditions: waits, action: { do: 'askRecorder', pod: 'math-a1' }, requeueAfterMillis: 60_000 })
    expect(messageOf(plan)).toContain('could not be told of')
  })

  test.each<[string, RecordingStatus, boolean]>([
    ['another volume had the room then', { attempts: [{ ...attempt, volume: 'math-v0', endTime: at(90).toISOString() }] }, true],
    ['a recorder on another volume was left behind', { attempts: [{ ...attempt, volume: 'math-v0' }] }, true],
    [
      'the attempts of then are not listed any more',
      { attempts: [{ ...attempt, number: 4, startTime: at(100).toISOString() }] },
      true,
    ],
    [
      'it is not known when the first listed attempt began',
      { attempts: [{ number: 4, pod: 'math-a4', volume: 'math-v1' }] },
      true,
    ],
    ['another volume was left before', { attempts: [{ ...attempt, volume: 'math-v0', endTime: at(69).toISOString() }] }, false],
    ['an attempt on another volume only uploaded', { attempts: [{ ...attempt, volume: 'math-v0', uploadOnly: true }] }, false],
    ['an attempt on another volume never entered', { attempts: [{ number: 1, pod: 'math-a1', volume: 'math-v0' }] }, false],
    ['all attempts of then were on its volume', { attempts: [{ ...attempt, number: 4 }] }, false],
  ])('of a recorder without the whole of its time waits for the end: %s', (_, status, isElsewhere) => {
    const plan = decide({ recording: underWay(notAsked(), status) }, 120)
    expect(plan.conditions).toEqual(isElsewhere ? waits : isCut)
    expect(plan.action.do).toBe(isElsewhere ? 'nothing' : 'askRecorder')
    if (isElsewhere) expect(messageOf(plan)).toContain('which the recorder of Pod math-a1 does not have')
  })

  test('is not taken for empty on the word of a recorder that has not the whole recording', () => {
    const status = { volumes: [{ name: 'math-v0', state: 'Holding' as const }, volumes] }
    const plan = decide({ recording: underWay(asked(says('NothingThere')), status) }, 132)
    expect(plan).toMatchObject({ conditions: waits, requeueAfterMillis: 60_000 })
    const stored = decide({ recording: underWay(asked(says('Completed', [{ status: 1 }])), status) }, 132)
    expect(stored.conditions).toEqual(['Succeeded True Completed'])
  })

  test('makes something of whatever stands in the Recording and in the answer', () => {
    const anything = fc.oneof(fc.string(), fc.date({ noInvalidDate: true }).map(String), fc.anything())
    const attempts = fc.array(fc.record({ number: fc.nat(), volume: anything, startTime: anything, endTime: anything }))
    const status = fc.record({ startTime: fc.oneof(fc.constant(began.startTime), anything), attempts }, { requiredKeys: [] })
    const message = fc.string()
    const answer = fc.oneof(
      fc.constant(silent),
      fc.record({ is: fc.constantFrom('waiting' as const, 'later' as const), uid: fc.string(), message }),
      fc
        .tuple(fc.string({ minLength: 1 }), fc.array(fc.constant({ status: 1 as const })))
        .map(([word, files]) => says(word, files)),
    )
    const recorders = fc.oneof(
      ...[
        answer.map((answer) => asked(answer)),
        fc.constant(notAsked()),
        fc.constant<ObservedRecorder>({ is: 'busy', ...recorder }),
      ],
    )
    const moment = fc.oneof(fc.constantFrom('10s', '1m10s'), fc.string())
    fc.assert(
      fc.property(status, recorders, moment, moment, fc.nat(1e6), (status, recorder, from, to, seconds) => {
        const clip = aClip({ spec: { ...aClip().spec, from, to } })
        const recording = { is: 'underWay', recording: { ...aRecording(), status: status as RecordingStatus }, recorder } as const
        const plan = decide({ clip, recording }, seconds)
        expect(plan.requeueAfterMillis ?? 1).toBeGreaterThan(0)
        expect(recordingClipStatusSchema.omit({ files: true }).safeParse(plan.status).error).toBeUndefined()
      }),
    )
  })
})

/** What a clip may wait for without end. */
type Waited = {
  [Word in ClipTroubleWord]: (typeof clipTroubles)[Word]['next'] extends 'stay' | 'wait' ? Word : never
}[ClipTroubleWord]

const atWork = (word: PodHolder): ObservedClip['pod'] => ({
  ...{ is: 'atWork', name: 'proof-c1', attempt: 1, word, message: 'it is so' },
  since: at(200),
})

describe('a clip to which nothing happens is looked at less and less often, or not at all', () => {
  // TypeScript wants a scene for each row of the table.
  const scenes: Record<Waited, Partial<ObservedClip>> = {
    RecordingNotFound: { recording: { is: 'missing' } },
    TooEarly: { recording: { is: 'underWay', recording: aRecording(), recorder: { is: 'none', why: 'nobody is there' } } },
    NoRecorder: { recording: underWay({ is: 'none', why: 'nobody is there' }) },
    RecorderBusy: { recording: underWay({ is: 'busy', ...recorder }) },
    OtherVolume: { recording: underWay(notAsked(), { attempts: [{ ...attempt, volume: 'math-v0' }] }) },
    RecorderAsked: { recording: underWay(asked({ is: 'waiting', uid: 'clip-uid', message: 'a key frame is awaited' })) },
    RecorderSilent: { recording: underWay(asked(silent)) },
    RecorderPutOff: { recording: underWay(asked({ is: 'later', uid: 'clip-uid', message: 'the volume is full' })) },
    QuotaExceeded: {},
    PodRejected: {},
    NamespaceTerminating: {},
    AtWork: { pod: atWork('AtWork') },
    Unschedulable: { pod: atWork('Unschedulable') },
    ImagePullFailed: { pod: atWork('ImagePullFailed') },
    ContainerNotStarted: { pod: atWork('ContainerNotStarted') },
  }

  test.each(Object.entries(scenes) as [Waited, Partial<ObservedClip>][])('%s', (word, scene) => {
    const { after, seen, condition }: ClipTrouble = clipTroubles[word]
    const looks: number[] = []
    let [clip, seconds, times] = [aClip(), 200, 0]
    while (seconds < 20_000) {
      let plan = decide({ clip, ...scene }, seconds)
      if (plan.action.do === 'createPod' && seen === 'refusal') {
        times += 1
        plan = decide({ clip, refusal: { word: word as ClipRefusalWord, message: 'no', times } }, seconds)
      }
      expect(plan.status.conditions?.[0]?.reason).toBe(condition)
      if (plan.requeueAfterMillis === undefined) break
      looks.push(plan.requeueAfterMillis / 1000)
      ;[clip, seconds] = [plan.clip, seconds + looks.at(-1)!]
    }
    expect(looks.at(-1)).toBe(after?.longestSeconds)
    expect(looks).toEqual(looks.toSorted((a, b) => a - b))
    if (after !== undefined) expect(after.longestSeconds).toBeGreaterThan(after.firstSeconds)
  })
})
