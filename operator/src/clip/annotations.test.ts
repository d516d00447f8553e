import {
  annotationName,
  apiVersion,
  clipKind,
  mostClipAttempts,
  type RecordingClip,
  type RecordingClipStatus,
  recordingClipSpecSchema,
} from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { answerEvents } from '../recording/answers.ts'
import { aRecording, at, start } from '../recording/testing.ts'
import { type ClipPlan, decideClip, type ObservedClip } from './decide.ts'
import { clipWork } from './pod.ts'

const callback = { url: 'https://school.example/clipped' }
const aClip = (annotations: Record<string, string> = {}, status: RecordingClipStatus = {}): RecordingClip => ({
  apiVersion,
  kind: clipKind,
  metadata: {
    ...{ name: 'proof', namespace: 'lessons', uid: 'clip-uid', resourceVersion: '1', generation: 1 },
    creationTimestamp: start.toISOString(),
    annotations: Object.fromEntries(Object.entries(annotations).map(([name, value]) => [`trtc-recorder.dev/${name}`, value])),
  },
  spec: recordingClipSpecSchema.parse({ recordingRef: { name: 'math' }, from: '10s', to: '70s', callback }),
  status,
})
const recording = {
  ...aRecording(),
  status: {
    startTime: at(0).toISOString(),
    completionTime: at(600).toISOString(),
    manifestUrl: 'https://lessons-1250000000.cos.ap-guangzhou.myqcloud.com/lessons/math_uid.manifest.json',
  },
}
const recordingIsOver = { is: 'over', recording, work: clipWork(aClip(), recording) } as const
const retry = { 'retry-upload': '1' }

function decide(clip: RecordingClip, observed: Partial<ObservedClip> = {}, seconds = 1000) {
  const plan = decideClip({ clip, recording: recordingIsOver, pod: { is: 'none' }, ...observed }, at(seconds))
  const events = answerEvents(clip.status, plan.status, plan.answers ?? {}).map(({ reason, note }) => `${reason}: ${note}`)
  return { ...plan, events, clip: { ...clip, status: plan.status } }
}
const reasonOf = ({ status }: Pick<ClipPlan, 'status'>) => status.conditions?.[0]?.reason
const says = (outcome: string): ObservedClip['pod'] =>
  ({ is: 'ended', name: 'proof-c1', attempt: 1, result: { version: 1, outcome, message: 'so it was', files: [] } }) as never
/** A clip that is over, and how its callback fared. */
const over = (outcome: string, told: object = { state: 'Delivered', attempts: 1, deliveredTime: at(950).toISOString() }) => {
  const { status } = decide(aClip(), { pod: says(outcome) }, 900)
  return { ...status, callback: { ...status.callback!, ...told } }
}

describe('retry-upload', () => {
  test.each(['StorageRefused', 'FilesFailed', 'NothingThere'])('begins a clip anew that is over with %s', (outcome) => {
    const anew = decide(aClip(retry, over(outcome)))
    expect(anew.events).toEqual([
      'AnnotationHeeded: Annotation trtc-recorder.dev/retry-upload with the value "1" was heeded. The clip is cut anew.',
    ])
    expect(anew.status.completionTime).toBeUndefined()
    const { action } = decide(anew.clip)
    expect(action).toMatchObject({ do: 'createPod', attempt: 2 })
  })

  test('gives one that was tried too often as many Pods once more', () => {
    const lost = (attempt: number) =>
      ({ is: 'lost', name: `proof-c${attempt}`, attempt, word: 'NoResult', message: 'evicted' }) as const
    const exhausted = decide(aClip(), { pod: lost(mostClipAttempts) })
    expect(reasonOf(exhausted)).toBe('AttemptsExhausted')
    const anew = decide(aClip(retry, exhausted.status))
    expect(decide(anew.clip).action).toMatchObject({ do: 'createPod', attempt: mostClipAttempts + 1 })
    const pauses = [1, 2, 3, 4].map((more) => decide(anew.clip, { pod: lost(mostClipAttempts + more) }).requeueAfterMillis)
    expect(pauses).toEqual([5000, 10_000, 20_000, 40_000])
    expect(reasonOf(decide(anew.clip, { pod: lost(2 * mostClipAttempts) }))).toBe('AttemptsExhausted')
  })

  test('has the new result told under a key of its own, and the former one no more', () => {
    const anew = decide(aClip(retry, over('StorageRefused', { state: 'Pending', attempts: 3 })))
    expect(anew.status.callback).toBeUndefined()
    const again = decide(anew.clip, { pod: { ...says('Completed'), attempt: 2 } as never })
    expect(again.status.callback).toMatchObject({ id: `clip-uid/clip/${at(1000).toISOString()}`, state: 'Pending', attempts: 0 })
  })

  test('does not wait for the time of the next Pod', () => {
    const refusal = { word: 'QuotaExceeded', message: 'exceeded quota', times: 9 } as const
    const refused = decide(aClip(), { refusal })
    const { action, events } = decide(aClip(retry, refused.status), {}, 1001)
    expect(action).toMatchObject({ do: 'createPod', attempt: 1 })
    expect(events[0]).toContain(`Pod 1 of the clip is made now, and not at ${refused.status.nextAttemptTime}`)
    const failed = decide(aClip(), { pod: says('StorageUnavailable') })
    expect(decide(aClip(retry, failed.status), {}, 1001).action).toMatchObject({ do: 'createPod', attempt: 2 })
  })

  test.each<[string, string, RecordingClipStatus, Partial<ObservedClip>]>([
    ['of which every file is stored', 'Every file of the clip is stored', over('Completed'), {}],
    ['whose Recording is gone', 'Recording math of then is not there', over('FilesFailed'), { recording: { is: 'missing' } }],
    ['whose Recording has a namesake', 'Recording math of then is not', over('FilesFailed'), { recording: { is: 'deleted' } }],
    [
      'whose Pod is at work',
      'Pod proof-c1 is at work on it',
      { attempts: 1 },
      { pod: { is: 'atWork', name: 'proof-c1', attempt: 1, word: 'AtWork', message: 'it cuts', since: at(990) } },
    ],
    ['that waits for its Recording', 'It waits for no time', {}, { recording: { is: 'missing' } }],
  ])('says why it does nothing for a clip %s', (_, why, status, observed) => {
    const { events, status: after } = decide(aClip(retry, status), observed)
    expect(events).toEqual([expect.stringMatching(new RegExp(`^AnnotationIgnored: .*${why}`))])
    expect(after.completionTime).toBe(status.completionTime)
  })
})

describe('redeliver-callback', () => {
  const redeliver = { 'redeliver-callback': '1' }

  test.each(['Delivered', 'GivenUp'] as const)('sends a callback again that was %s, under the same key', (state) => {
    const { status } = decide(aClip(redeliver, over('Completed', { state })))
    expect(status.callback).toMatchObject({ id: 'clip-uid/clip', state: 'Pending', dueSince: at(1000).toISOString() })
    expect(status.completionTime).toBe(at(900).toISOString())
  })

  test('does not wait for the time of the next delivery', () => {
    const pending = over('Completed', { state: 'Pending', attempts: 9, nextAttemptTime: at(2000).toISOString() })
    expect(decide(aClip(redeliver, pending)).status.callback?.nextAttemptTime).toBeUndefined()
  })

  test('says why it does nothing where nobody is to be told, or nothing is there to tell', () => {
    const { callback: _, ...spec } = aClip().spec
    expect(decide({ ...aClip(redeliver), spec }).events[0]).toContain('names nobody in spec.callback')
    expect(decide(aClip(redeliver)).events[0]).toContain('The clip is not over yet')
  })
})

describe('any annotation', () => {
  test.each(['give-up', 'force-new-attempt', 'retry-uplaod', 'task-id'])('that clips do not have is answered: %s', (name) => {
    const { events, clip } = decide(aClip({ [name]: 'now' }))
    expect(events).toEqual([
      expect.stringMatching(
        new RegExp(`^AnnotationIgnored: .*/${name} .* has no effect. There is no such annotation; there are retry-upload, `),
      ),
    ])
    expect(decide(clip).events).toEqual([])
  })

  test('is heeded once for each value, and a misspelt one forgotten when it is gone', () => {
    const first = decide(aClip({ ...retry, misspelt: 'x' }, over('StorageRefused')))
    expect(Object.keys(first.status.handled ?? {}).sort()).toEqual(['misspelt', 'retry-upload'])
    const failedAgain = decide(first.clip, { pod: { ...says('StorageRefused'), attempt: 2 } as never })
    expect(failedAgain.events).toEqual([])
    expect(failedAgain.status.completionTime).toBeDefined()
    expect(decide(failedAgain.clip).status.completionTime).toBeDefined()
    delete failedAgain.clip.metadata.annotations!['trtc-recorder.dev/misspelt']
    failedAgain.clip.metadata.annotations![annotationName('retry-upload')] = '2'
    expect(decide(failedAgain.clip).status).toMatchObject({ handled: { 'retry-upload': '2' } })
  })

  test('of others, and keep, ask for nothing; with keep a clip does not delete itself', () => {
    const clip = aClip({ keep: 'for the court' }, over('Completed'))
    clip.metadata.annotations!['example.com/retry-upload'] = 'x'
    clip.spec.ttlSecondsAfterFinished = 1
    expect(decide(clip)).toMatchObject({ events: [], action: { do: 'nothing' } })
    clip.metadata.annotations![`trtc-recorder.dev/keep`] = 'false'
    expect(decide(clip).action).toEqual({ do: 'deleteClip' })
  })
})
