import { createHmac } from 'node:crypto'
import {
  type ClipAnswer,
  type ClipRequest,
  type ClipResult,
  clipsAnnotation,
  type Recording,
  type RecordingClip,
} from '@trtc-recorder/api'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { acceptedClips, leastClip, refusedClips } from '../../api/src/testing/clips.ts'
import { sameAndOtherClips } from '../../api/src/testing/same.ts'
import { isNotFound, type New, type Pod, type ResourceQuota, resources, type Secret } from '../../kube/src/index.ts'
import { createCaches } from '../../operator/src/caches.ts'
import { callbackController, toldClips } from '../../operator/src/callback/controller.ts'
import { clipController } from '../../operator/src/clip/controller.ts'
import { recorderPod } from '../../operator/src/recording/pod.ts'
import type { Get } from '../../operator/src/recording/progress.ts'
import { aProgress, podConfig } from '../../operator/src/recording/testing.ts'
import { enter } from '../../operator/src/recording/testing-pods.ts'
import { createLog } from '../../operator/src/telemetry/log.ts'
import { createMetrics } from '../../operator/src/telemetry/metrics.ts'
import { type ApiServer, startApiServer, until } from './api-server.ts'
import { newRecording } from './recordings.ts'
import { ok, startSink, unavailable } from './scripted-sink.ts'

let api: ApiServer
beforeAll(async () => {
  api = await startApiServer()
})
afterAll(() => api?.stop())
const cleanUp: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of cleanUp.splice(0)) await end()
})

/** The operator's work on clips, in this process. */
async function runClips(namespace: string, get?: Get): Promise<void> {
  const log = createLog('error', { write: (line: string) => process.env.SHOW_LOG && process.stderr.write(line) })
  const metrics = createMetrics()
  const caches = createCaches({ client: api.client, namespaces: [namespace], resyncMillis: 600_000, log, metrics })
  const events = { record() {}, flush: async () => {} }
  const controller = clipController({
    ...{ client: api.client, caches, events, pod: podConfig, log, metrics },
    ...(get === undefined ? {} : { get }),
  })
  const callbacks = callbackController(toldClips(caches.clips), {
    ...{ client: api.client, events, log, metrics, workers: 2, timeoutMillis: 1000 },
    policy: { allow: ['127.0.0.0/8'], deny: [], apiServer: [], allowPrivate: true },
    limits: { giveUpMillis: 86_400_000, giveUpDeletedMillis: 600_000 },
  })
  const stop = new AbortController()
  const running = caches.run(stop.signal)
  await caches.synced
  controller.start()
  callbacks.start()
  cleanUp.push(async () => {
    stop.abort()
    await Promise.all([controller.stop(2000), callbacks.stop(2000)])
    await running.catch(() => {})
  })
}

let count = 0
const apply = (namespace: string, over: object = {}, name = `clip${++count}`) =>
  api.client.create(resources.recordingClips, {
    ...{ apiVersion: 'trtc-recorder.dev/v1alpha1', kind: 'RecordingClip', metadata: { namespace, name } },
    spec: { ...leastClip, ...over },
  } as unknown as New<RecordingClip>)
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('it was accepted'),
    (error: Error) => error.message,
  )
const succeeded = async ({ metadata }: RecordingClip) => {
  const { status } = await api.client.get(resources.recordingClips, metadata)
  const condition = status?.conditions?.find(({ type }) => type === 'Succeeded')
  return condition && `${condition.status} ${condition.reason}`
}
const untilSucceededIs = (clip: RecordingClip, wanted: string) =>
  until(`Succeeded is ${wanted}`, async () => (await succeeded(clip)) === wanted, 20_000)

describe('the API server', () => {
  let namespace: string
  beforeAll(async () => {
    namespace = await api.namespace()
  })

  test.each(refusedClips)('refuses $what and names the field', async ({ over, field }) => {
    const message = await refusal(apply(namespace, over))
    expect(message).toContain(`${field}: `)
    // A rule that cannot be reckoned says nothing that a person could mend.
    expect(message).not.toContain('evaluating rule')
  })

  test.each(acceptedClips)('accepts $what', async ({ over }) => {
    await apply(namespace, over)
  })

  test('says what would be right', async () => {
    expect(await refusal(apply(namespace, { from: 'noon' }))).toContain('an offset from the start of the recording such as 90s')
    expect(await refusal(apply(namespace, { to: '90m', from: '2026-03-01T09:00:00Z' }))).toContain('must both be times')
  })

  describe.each(sameAndOtherClips)('of $what', ({ over, same, other, field }) => {
    /** As a GitOps tool that owns all fields does. */
    const replace = async ({ metadata: { name } }: RecordingClip, spec: object) => {
      const { metadata, ...clip } = await api.client.get(resources.recordingClips, { namespace, name })
      return api.client.replace(resources.recordingClips, { ...clip, metadata, spec: { ...leastClip, ...spec } as never })
    }

    test('other words are no change', async () => {
      const made = await apply(namespace, over)
      for (const again of same) {
        await replace(made, { ...over, ...again })
        await replace(made, over)
      }
    })

    test('anything else is refused, and the field is named', async () => {
      const made = await apply(namespace, over)
      for (const change of other)
        expect(await refusal(replace(made, { ...over, ...change }))).toMatch(new RegExp(`spec\\.${field}: .*is immutable`))
    })
  })

  test('freezes a clip, but for how long it stays', async () => {
    const { metadata } = await apply(namespace)
    const patch = (spec: object) => api.client.patch(resources.recordingClips, metadata, { type: 'merge', body: { spec } })
    expect(await refusal(patch({ to: '3m' }))).toMatch(/spec\.to: .*is immutable; create a new RecordingClip/)
    expect((await patch({ ttlSecondsAfterFinished: 60 })).spec.ttlSecondsAfterFinished).toBe(60)
  })
})

describe('on a real API server, a clip', () => {
  const pods = async (namespace: string) => (await api.client.list(resources.pods, { namespace })).items
  const podOf = async (namespace: string): Promise<Pod> => {
    await until('there is a Pod', async () => (await pods(namespace)).length > 0, 20_000)
    return (await pods(namespace))[0]!
  }
  /** As a kubelet would: the Pod has ended. */
  async function end(pod: Pod, result: ClipResult | undefined): Promise<void> {
    const message = result === undefined ? {} : { message: JSON.stringify(result) }
    const terminated = { exitCode: result === undefined ? 137 : 0, finishedAt: new Date().toISOString(), ...message }
    const container = { name: 'recorder', image: '', imageID: '', ready: false, restartCount: 0, state: { terminated } }
    const status = { phase: result === undefined ? 'Failed' : 'Succeeded', containerStatuses: [container] }
    await api.client.patch(resources.pods, pod.metadata, { type: 'merge', body: { status } }, { subresource: 'status' })
  }
  /** A Recording that is over, which nobody works on any more. */
  async function finish({ metadata }: Recording): Promise<void> {
    const status = {
      startTime: '2026-03-01T09:00:00.000Z',
      completionTime: '2026-03-01T10:00:00.000Z',
      manifestUrl: 'https://recordings-1250000000.cos.ap-guangzhou.myqcloud.com/lessons/math.manifest.json',
    }
    await api.client.patch(resources.recordings, metadata, { type: 'merge', body: { status } }, { subresource: 'status' })
  }
  const file = {
    ...{ userId: 'alice', stream: 'main' as const, source: 'lessons/alice.mp4', path: 'lessons/proof.alice.mp4' },
    ...{ url: 'https://recordings-1250000000.cos.ap-guangzhou.myqcloud.com/lessons/proof.alice.mp4', status: 1, message: 'ok' },
    ...{ bytes: 1000, readBytes: 1200, durationSeconds: 30, startTime: '2026-03-01T09:01:30.000Z' },
  }

  test('waits for its Recording, is cut when that is over, once more where its Pod was lost, and tells what became of it', async () => {
    const namespace = await api.namespace()
    await runClips(namespace)
    const clip = await apply(namespace, { ttlSecondsAfterFinished: 3600 }, 'proof')
    await untilSucceededIs(clip, 'Unknown RecordingNotFound')
    const recording = await api.client.create(resources.recordings, newRecording(namespace, 'math'))
    await untilSucceededIs(clip, 'Unknown RecordingUnderWay')
    await finish(recording)

    const pod = await podOf(namespace)
    expect(pod.metadata.name).toBe('proof-c1')
    expect(pod.metadata.ownerReferences).toMatchObject([{ kind: 'RecordingClip', name: 'proof', controller: true }])
    expect(pod.spec).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } })
    const job = pod.spec?.containers[0]?.env?.find(({ name }) => name === 'TRTC_RECORDER_CLIP')?.value
    expect(JSON.parse(job!)).toMatchObject({
      ...{ manifests: ['lessons/math.manifest.json'], from: '2026-03-01T09:01:30.000Z', to: '2026-03-01T09:02:00.000Z' },
      cos: { bucket: 'recordings-1250000000' },
    })

    await end(pod, undefined)
    await untilSucceededIs(clip, 'Unknown Retrying')
    await until(
      'the next Pod is there',
      async () => (await pods(namespace)).some(({ metadata }) => metadata.name === 'proof-c2'),
      30_000,
    )
    await end((await podOf(namespace))!, { version: 1, outcome: 'Completed', message: '1 files are stored', files: [file] })
    await untilSucceededIs(clip, 'True Completed')
    await until('its Pod is gone', async () => (await pods(namespace)).length === 0)
    const { status } = await api.client.get(resources.recordingClips, clip.metadata)
    expect(status).toMatchObject({
      ...{ observedGeneration: 1, attempts: 2, fileCount: 1, files: [file] },
      ...{ startTime: '2026-03-01T09:01:30.000Z', endTime: '2026-03-01T09:02:00.000Z' },
    })

    await api.client.patch(resources.recordingClips, clip.metadata, {
      type: 'merge',
      body: { spec: { ttlSecondsAfterFinished: 0 } },
    })
    await until('it is gone', async () =>
      api.client.get(resources.recordingClips, clip.metadata).then(
        () => false,
        (error) => isNotFound(error),
      ),
    )
  })

  test('is of the first Recording that there was of its name, and of no later one', async () => {
    const namespace = await api.namespace()
    await runClips(namespace)
    const clip = await apply(namespace, {}, 'proof')
    await untilSucceededIs(clip, 'Unknown RecordingNotFound')
    const first = await api.client.create(resources.recordings, newRecording(namespace, 'math'))
    await untilSucceededIs(clip, 'Unknown RecordingUnderWay')
    const of = async ({ metadata }: RecordingClip) =>
      (await api.client.get(resources.recordingClips, metadata)).status?.recordingUid
    expect(await of(clip)).toBe(first.metadata.uid)

    await api.client.delete(resources.recordings, first.metadata)
    const second = await api.client.create(resources.recordings, newRecording(namespace, 'math'))
    await untilSucceededIs(clip, 'False RecordingDeleted')
    await finish(second)
    const body = { metadata: { annotations: { 'trtc-recorder.dev/retry-upload': '1' } } }
    await api.client.patch(resources.recordingClips, clip.metadata, { type: 'merge', body })
    await until(
      'it is answered',
      async () => (await api.client.get(resources.recordingClips, clip.metadata)).status?.handled !== undefined,
    )
    expect(await succeeded(clip)).toBe('False RecordingDeleted')
    expect(await pods(namespace)).toEqual([])

    const later = await apply(namespace, {}, 'later')
    expect((await podOf(namespace)).metadata.name).toBe('later-c1')
    await until('it says whose it is', async () => (await of(later)) === second.metadata.uid)
  })

  test('whose Pod a quota does not allow says so and when it asks again, and is cut when there is room', async () => {
    const namespace = await api.namespace()
    const quota = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { namespace, name: 'none' },
      spec: { hard: { pods: '0' } },
    }
    const made = await api.client.create(resources.resourceQuotas, quota as unknown as New<ResourceQuota>)
    const status = { hard: { pods: '0' }, used: { pods: '0' } }
    await api.client.replace(resources.resourceQuotas, { ...made, status }, { subresource: 'status' })
    await runClips(namespace)
    const clip = await apply(namespace, {}, 'proof')
    await finish(await api.client.create(resources.recordings, newRecording(namespace, 'math')))
    await untilSucceededIs(clip, 'Unknown QuotaExceeded')
    const refused = (await api.client.get(resources.recordingClips, clip.metadata)).status
    expect(refused?.conditions?.[0]?.message).toContain('exceeded quota: none')
    expect(Date.parse(refused?.nextAttemptTime ?? '')).toBeGreaterThan(Date.parse(clip.metadata.creationTimestamp))
    await api.client.delete(resources.resourceQuotas, made.metadata)
    expect((await podOf(namespace)).metadata.name).toBe('proof-c1')
    await untilSucceededIs(clip, 'Unknown Cutting')
  })

  test('is told of to its receiver, signed, as often as it takes; then its time to live begins', async () => {
    const namespace = await api.namespace()
    const sink = await startSink()
    cleanUp.push(() => sink.stop())
    sink.answer = (response) => {
      sink.answer = ok
      unavailable(response)
    }
    await api.client.create(resources.secrets, {
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: 'signing' } },
      data: { signingKey: Buffer.from('the key').toString('base64') },
    } as unknown as New<Secret>)
    await runClips(namespace)
    const callback = { url: sink.url, signingKeySecretRef: { name: 'signing' } }
    const clip = await apply(namespace, { callback, ttlSecondsAfterFinished: 3600 }, 'proof')
    await finish(await api.client.create(resources.recordings, newRecording(namespace, 'math')))
    const result = { version: 1, outcome: 'Completed', message: '1 files are stored', files: [file] } as const
    await end(await podOf(namespace), { ...result, files: [...result.files] })
    const conditionOf = async () =>
      (await api.client.get(resources.recordingClips, clip.metadata)).status?.conditions?.find(
        ({ type }) => type === 'CallbackDelivered',
      )
    await until('it is delivered', async () => (await conditionOf())?.status === 'True', 20_000)
    expect(await conditionOf()).toMatchObject({ reason: 'Delivered', message: 'Delivery 2 was answered with 200.' })
    expect(sink.received).toHaveLength(2)
    for (const { body, headers } of sink.received) {
      expect(JSON.parse(body)).toEqual({
        ...{ ClipName: 'proof', RecordingName: 'math', Result: 'Completed', Message: '1 files are stored' },
        ...{ StartTime: '2026-03-01T09:01:30.000Z', EndTime: '2026-03-01T09:02:00.000Z' },
        Files: [{ UserId: 'alice', RecordFile: file.url, Status: 1, Message: 'ok' }],
      })
      expect(headers['idempotency-key']).toBe(`${clip.metadata.uid}/clip`)
      expect(headers.sign).toBe(createHmac('sha256', 'the key').update(body).digest('base64'))
    }
    expect(await succeeded(clip)).toBe('True Completed')
  })

  describe('of a Recording that goes on', () => {
    /** The recorder of a Recording that has been in the room for five minutes. It answers as soon as `answers` has something. */
    async function startRecorder(namespace: string, without?: { annotation: string }) {
      const recording = await api.client.create(resources.recordings, newRecording(namespace, 'math'))
      const startTime = new Date(Date.now() - 300_000).toISOString()
      const order = { attempt: 1, volume: 'math-v1', uploadOnly: false, isBesideOthers: false }
      const wanted = recorderPod(recording, order, podConfig)
      wanted.spec!.nodeName = 'node-1'
      if (without !== undefined) delete (wanted.metadata.annotations as Record<string, string>)[without.annotation]
      const made = await api.client.create(resources.pods, wanted)
      const asked = async (): Promise<ClipRequest[]> => {
        const { metadata } = await api.client.get(resources.pods, made.metadata)
        return JSON.parse(metadata.annotations?.[clipsAnnotation] ?? '{"clips":[]}').clips
      }
      return {
        recording,
        pod: made,
        startTime,
        asked,
        /** In any order: of two that are made in the same second either may be the older. */
        untilAsked: (...names: string[]) =>
          until(
            `it is asked for ${names}`,
            async () =>
              (await asked())
                .map(({ clip }) => clip.name)
                .toSorted()
                .join() === names.toSorted().join(),
            20_000,
          ),
        /** As the operator's other half would, and a kubelet. */
        async enterRoom() {
          const attempts = [{ number: 1, pod: 'math-a1', podUid: made.metadata.uid, volume: 'math-v1', startTime }]
          const status = { startTime, attempts }
          await api.client.patch(
            resources.recordings,
            recording.metadata,
            { type: 'merge', body: { status } },
            { subresource: 'status' },
          )
          const inRoom = structuredClone(made)
          enter(inRoom, new Date())
          const phase = { ...inRoom.status, podIP: '127.0.0.1' }
          await api.client.patch(
            resources.pods,
            made.metadata,
            { type: 'merge', body: { status: phase } },
            { subresource: 'status' },
          )
        },
      }
    }
    const played = () => {
      const answers = new Map<string, ClipAnswer>()
      const asked: string[] = []
      const get: Get = async (url) => {
        asked.push(url)
        return aProgress({ clips: [...answers.values()] })
      }
      const say = (answer: ClipAnswer) => answers.set(answer.uid, answer)
      return { get, asked, say }
    }
    const stored = (uid: string): ClipAnswer => ({
      ...{ is: 'over', uid },
      result: { version: 1, outcome: 'Completed', message: '1 files are stored', files: [file] },
    })

    test('is asked of its recorder when that is in the room, and is over when it says so; nothing else of its Pod changes', async () => {
      const namespace = await api.namespace()
      const { get, asked, say } = played()
      const recorder = await startRecorder(namespace)
      await runClips(namespace, get)
      const clip = await apply(namespace, { from: '90s', to: '2m' }, 'proof')
      await untilSucceededIs(clip, 'Unknown RecordingUnderWay')
      expect(await recorder.asked()).toEqual([])
      await recorder.enterRoom()
      await recorder.untilAsked('proof')
      const at = (seconds: number) => new Date(Date.parse(recorder.startTime) + seconds * 1000).toISOString()
      const { name, uid } = clip.metadata
      expect(await recorder.asked()).toEqual([
        { clip: { namespace, name, uid }, from: at(90), to: at(120), users: [], streams: ['main', 'aux'], exact: false },
      ])
      await untilSucceededIs(clip, 'Unknown Cutting')
      say({ is: 'waiting', uid, message: 'its last picture is awaited' })
      const conditionOf = async () => (await api.client.get(resources.recordingClips, clip.metadata)).status?.conditions?.[0]
      await until(
        'it says what it waits for',
        async () => (await conditionOf())?.message.includes('last picture') === true,
        20_000,
      )
      expect(new Set(asked)).toEqual(new Set(['http://127.0.0.1:8080/status']))

      say(stored(uid))
      const said = performance.now()
      await untilSucceededIs(clip, 'True Completed')
      // It is looked at a few times a second, and its end should be known in three.
      expect(performance.now() - said).toBeLessThan(2000)
      const { status } = await api.client.get(resources.recordingClips, clip.metadata)
      expect(status).toMatchObject({ attempts: 0, fileCount: 1, files: [file], startTime: at(90), endTime: at(120) })
      await recorder.untilAsked()
      expect((await pods(namespace)).map(({ metadata }) => metadata.name)).toEqual(['math-a1'])
      const { metadata } = await api.client.get(resources.pods, recorder.pod.metadata)
      const { [clipsAnnotation]: _, ...others } = metadata.annotations!
      const { [clipsAnnotation]: __, ...before } = recorder.pod.metadata.annotations!
      expect(others).toEqual(before)
      expect(metadata.labels).toEqual(recorder.pod.metadata.labels)
    })

    test('is asked for beside others, and no more once it is deleted', async () => {
      const namespace = await api.namespace()
      const { get } = played()
      const recorder = await startRecorder(namespace)
      await recorder.enterRoom()
      await runClips(namespace, get)
      const first = await apply(namespace, {}, 'a-first')
      await recorder.untilAsked('a-first')
      await apply(namespace, {}, 'b-second')
      await apply(namespace, { from: '10m', to: '11m' }, 'c-later')
      await recorder.untilAsked('a-first', 'b-second')
      await api.client.delete(resources.recordingClips, first.metadata, {})
      await recorder.untilAsked('b-second')
    })

    test('that the recorder cannot cut is cut by a Pod when the Recording is over', async () => {
      const namespace = await api.namespace()
      const { get, say } = played()
      const recorder = await startRecorder(namespace)
      await recorder.enterRoom()
      await runClips(namespace, get)
      const clip = await apply(namespace, {}, 'proof')
      await recorder.untilAsked('proof')
      say({ is: 'later', uid: clip.metadata.uid, message: 'the volume is full' })
      await untilSucceededIs(clip, 'Unknown RecordingUnderWay')
      const { status } = await api.client.get(resources.recordingClips, clip.metadata)
      expect(status?.conditions?.[0]?.message).toContain('the volume is full')
      await finish(recorder.recording)
      await until(
        'there is a Pod that cuts',
        async () => (await pods(namespace)).some(({ metadata }) => metadata.name === 'proof-c1'),
        20_000,
      )
    })

    test('is never asked of a recorder that an earlier release made', async () => {
      const namespace = await api.namespace()
      const { get, asked } = played()
      const recorder = await startRecorder(namespace, { annotation: clipsAnnotation })
      await recorder.enterRoom()
      await runClips(namespace, get)
      const clip = await apply(namespace, {}, 'proof')
      await untilSucceededIs(clip, 'Unknown RecordingUnderWay')
      const { status } = await api.client.get(resources.recordingClips, clip.metadata)
      expect(status?.conditions?.[0]?.message).toContain('earlier release')
      const { metadata } = await api.client.get(resources.pods, recorder.pod.metadata)
      expect(metadata.annotations).not.toHaveProperty([clipsAnnotation])
      expect(asked).toEqual([])
    })
  })
})
