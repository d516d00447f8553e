import {
  apiVersion,
  type ClipFile,
  clipKind,
  type Recording,
  type RecordingClip,
  recordingClipSpecSchema,
  recordingClipStatusSchema,
} from '@trtc-recorder/api'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { aRecording, at, start } from '../recording/testing.ts'
import { decideClip, type ObservedClip } from './decide.ts'
import { clipWork } from './pod.ts'

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
const underWay = { is: 'underWay' } as const
const ended = (outcome: string, files: Partial<ClipFile>[] = []): ObservedClip['pod'] =>
  ({
    is: 'ended',
    name: 'proof-c1',
    attempt: 1,
    result: { version: 1, outcome, message: 'so it was', files },
  }) as ObservedClip['pod']
const lost = (attempt: number) => ({ is: 'lost', name: `proof-c${attempt}`, attempt, message: 'evicted' }) as const

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
  test('waits for its Recording to be there, and to be over', () => {
    expect(decide({ recording: { is: 'missing' } })).toMatchObject({
      conditions: ['Succeeded Unknown RecordingNotFound', 'Stalled True RecordingNotFound'],
      action: { do: 'nothing' },
    })
    expect(decide({ recording: underWay })).toMatchObject({
      conditions: ['Succeeded Unknown RecordingUnderWay', 'Reconciling True RecordingUnderWay'],
      action: { do: 'nothing' },
    })
  })

  test('is cut then, at the times that its offsets are, from every manifest there is', () => {
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
      status: { attempts: 1, nextAttemptTime: at(701).toISOString() },
      requeueAfterMillis: 1000,
    })
    // The Pod that is still going changes nothing of that.
    expect(decide({ clip: failed.clip, pod }, 700.5)).toMatchObject({ status: failed.status, requeueAfterMillis: 500 })
    expect(decide({ clip: failed.clip }, 700.5)).toMatchObject({ action: { do: 'nothing' }, requeueAfterMillis: 500 })
    expect(decide({ clip: failed.clip }, 701)).toMatchObject({ action: { do: 'createPod', attempt: 2 } })
    expect(decide({ pod: lost(4) }).requeueAfterMillis).toBe(60_000)
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

  test('whose Pod does not go, on a node that is silent, is looked at now and then, not without a pause', () => {
    const { clip } = decide({ pod: lost(1) })
    expect(decide({ clip, pod: lost(1) }, 900)).toMatchObject({ action: { do: 'deletePod' }, requeueAfterMillis: 30_000 })
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
  })

  test('whose Pod the API server refuses says its answer and when it asks again, which it does less and less often', () => {
    const waiting = decide({ recording: underWay }, 10).clip
    let [clip, seconds] = [waiting, 700]
    const pauses: number[] = []
    for (let time = 0; time < 10; time += 1) {
      expect(decide({ clip }, seconds).action).toMatchObject({ do: 'createPod', attempt: 1 })
      const refused = decide({ clip, refusal: `exceeded quota, ${time}` }, seconds)
      expect(refused.conditions).toEqual(['Succeeded Unknown PodRejected', 'Stalled True PodRejected'])
      expect(refused.status.conditions?.[0]?.message).toBe(`exceeded quota, ${time}`)
      const pause = refused.requeueAfterMillis! / 1000
      expect(refused.status.nextAttemptTime).toBe(at(seconds + pause).toISOString())
      // Whoever wakes it before that, its own status for one.
      const early = { status: refused.status, action: { do: 'nothing' }, requeueAfterMillis: 1000 }
      expect(decide({ clip: refused.clip }, seconds + pause - 1)).toMatchObject(early)
      ;[clip, seconds] = [refused.clip, seconds + pause]
      pauses.push(pause)
    }
    expect(pauses).toEqual([5, 5, 10, 20, 40, 80, 160, 300, 300, 300])
    const atWork = { is: 'atWork', name: 'proof-c1', attempt: 1, message: 'is at work' } as const
    const taken = decide({ clip, pod: atWork }, seconds)
    expect(taken.conditions).toEqual(['Succeeded Unknown Cutting', 'Reconciling True Cutting'])
    expect(taken.status).not.toHaveProperty('nextAttemptTime')
  })

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
