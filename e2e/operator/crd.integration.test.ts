import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Recording, RecordingClip, RecordingPolicy, RecordingSpec } from '@trtc-recorder/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { leastClip } from '../../api/src/testing/clips.ts'
import { acceptedPolicies, leastPolicy, refusedPolicies } from '../../api/src/testing/policies.ts'
import { acceptedSpecs, leastSpec, refusedSpecs } from '../../api/src/testing/refusals.ts'
import { sameAndOther } from '../../api/src/testing/same.ts'
import type { KubeObject, New, Resource } from '../../kube/src/index.ts'
import { resources } from '../../kube/src/index.ts'
import { writeWithinLimits } from '../../operator/src/recording/within-limits.ts'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'
import { type ApiServer, startApiServer, until } from './api-server.ts'
import { documentedObjects } from './documented.ts'
import { aFile } from './recordings.ts'

const examples = new URL('../../examples/', import.meta.url)

let api: ApiServer
let namespace: string
beforeAll(async () => {
  api = await startApiServer()
  namespace = await api.namespace()
})
afterAll(() => api?.stop())

let count = 0

type Fields = Record<string, unknown>
const recording = (spec: Fields, name = `r${++count}`) =>
  ({
    apiVersion: 'trtc-recorder.dev/v1alpha1',
    kind: 'Recording',
    metadata: { namespace, name },
    spec,
  }) as unknown as New<Recording>

const create = (over: Fields = {}, name?: string) =>
  api.client.create(resources.recordings, recording({ ...leastSpec, ...over }, name))
const patch = ({ metadata }: Recording, spec: Fields) =>
  api.client.patch(resources.recordings, metadata, { type: 'merge', body: { spec } })
/** As `kubectl replace` and a GitOps tool that owns all fields do. */
const replace = async ({ metadata }: Recording, spec: Fields) => {
  const { resourceVersion } = (await api.client.get(resources.recordings, metadata)).metadata
  const { name } = metadata
  const again = recording({ ...leastSpec, ...spec }, name) as unknown as Recording
  return api.client.replace(resources.recordings, { ...again, metadata: { ...again.metadata, resourceVersion } })
}
const createPolicy = (over: Fields = {}, name = `p${++count}`) =>
  api.client.create(resources.recordingPolicies, {
    ...{ apiVersion: 'trtc-recorder.dev/v1alpha1', kind: 'RecordingPolicy', metadata: { namespace, name } },
    spec: { ...leastPolicy, ...over },
  } as unknown as New<RecordingPolicy>)
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('it was accepted'),
    (error: Error) => error.message,
  )

describe('the API server', () => {
  test('fills in the defaults, and a status that is not yet current', async () => {
    const { spec, status } = await create()
    expect(spec).toMatchObject({
      mode: '00',
      desiredState: 'Running',
      limits: { idleTimeoutSeconds: 300, startTimeoutSeconds: 60 },
      storage: { retention: 'DeleteWhenStored' },
      userSigSecretRef: { name: 'sig', key: 'userSig' },
      cos: { path: '/' },
    } satisfies Record<keyof RecordingSpec, unknown> | object)
    expect(status).toEqual({ observedGeneration: -1 })
  })

  test.each(refusedSpecs)('refuses $what and names the field', async ({ over, field }) => {
    const message = await refusal(create(over as Fields))
    // The API server writes the key of a map as spec.nodeSelector[pool].
    expect(message.replaceAll(/\[([a-z]\w*)\]/g, '.$1')).toContain(`${field}: `)
  })

  test('refuses two rooms, and says what a Recording has to have', async () => {
    expect(await refusal(create({ strRoomId: 'math' }))).toMatch(/spec\.strRoomId: .*exactly one of roomId and strRoomId/)
    expect(await refusal(create({ roomId: undefined }))).toMatch(/spec\.roomId: Required value: exactly one of roomId/)
  })

  test('says what would be right', async () => {
    expect(await refusal(create({ userSigSecretRef: { name: 'Sig' } }))).toMatch(/must be a name that an object can have/)
    expect(await refusal(create({ callback: { url: 'http://a:99999' } }))).toMatch(/a port from 1 to 65535/)
    expect(await refusal(create({ storage: { size: '0' } }))).toMatch(/must be at least 64Mi/)
  })

  test.each(acceptedSpecs)('accepts $what', async ({ over }) => {
    await create(over as Fields)
  })

  describe.each(sameAndOther)('of $what', ({ over, same, other, field }) => {
    test('other words are no change', async () => {
      const made = await create(over)
      for (const again of same) {
        await replace(made, { ...over, ...again })
        await replace(made, over)
      }
    })

    test('anything else is refused, and the field is named', async () => {
      const made = await create(over)
      for (const change of other)
        expect(await refusal(replace(made, { ...over, ...change }))).toMatch(new RegExp(`spec\\.${field}: .*is immutable`))
    })
  })

  test('a policy may be written in other words, or otherwise, at any time', async () => {
    const template = { ...leastPolicy.template, resources: { limits: { memory: '1024Mi' } } }
    const made = await createPolicy({ template })
    for (const memory of ['1Gi', '2Gi']) {
      const body = { spec: { template: { resources: { limits: { memory } } } } }
      await api.client.patch(resources.recordingPolicies, made.metadata, { type: 'merge', body })
    }
  })

  test('refuses a name that leaves no place for the number of the attempt', async () => {
    expect(await refusal(create({}, 'x'.repeat(53)))).toMatch(/metadata\.name must have at most 52 characters/)
    await create({}, 'x'.repeat(52))
  })

  test.each<[string, Fields, RegExp]>([
    ['another room', { roomId: 43475 }, /spec\.roomId: .*is immutable/],
    ['a string room instead', { roomId: null, strRoomId: 'math' }, /spec\.roomId: .*is immutable/],
    ['another mode', { mode: '02' }, /spec\.mode: .*is immutable/],
    ['another bucket', { cos: { bucket: 'other-1250000000' } }, /spec\.cos: .*is immutable/],
    ['a callback that was not there', { callback: { url: 'https://school.example' } }, /spec\.callback: .*is immutable/],
    ['other limits', { limits: { idleTimeoutSeconds: 10 } }, /spec\.limits: .*is immutable/],
    ['tolerations', { tolerations: [{ operator: 'Exists' }] }, /spec\.tolerations: .*is immutable/],
  ])('refuses to change %s and names the field', async (_, change, message) => {
    expect(await refusal(patch(await create(), change))).toMatch(message)
  })

  test('takes again what was applied before a recording was stopped', async () => {
    const stopped = await patch(await create(), { desiredState: 'Stopped' })
    expect(stopped.spec.desiredState).toBe('Stopped')
    expect((await patch(stopped, { desiredState: 'Running' })).spec.desiredState).toBe('Running')
  })

  test('changes, stops and takes again what an earlier release admitted although it means nothing', async () => {
    const crds: Resource = {
      ...{ group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' },
      ...{ kind: 'CustomResourceDefinition', namespaced: false },
    }
    const path = new URL('../../crds/trtc-recorder.dev_recordings.yaml', import.meta.url)
    const text = await readFile(path, 'utf8')
    const { spec } = parse(text)
    const earlier = structuredClone(spec)
    const rules = earlier.versions[0].schema.openAPIV3Schema.properties.spec
    rules['x-kubernetes-validations'] = rules['x-kubernetes-validations'].filter(
      ({ optionalOldSelf = false }) => !optionalOldSelf,
    )
    const serve = (spec: object) =>
      api.client.patch(crds, { name: 'recordings.trtc-recorder.dev' }, { type: 'merge', body: { spec } })
    const idle = { mode: '02', outputs: { mixFormat: 'Mp4' } }
    await serve(earlier)
    let made: Recording | undefined
    await until('it is admitted', async () => {
      made = await create(idle).catch(() => undefined)
      return made !== undefined
    })
    await serve(spec)
    await until('it is refused', async () => (await create(idle).catch((error: Error) => error)) instanceof Error)
    expect(await refusal(create(idle))).toContain('spec.outputs.mixFormat: ')
    const changed = await patch(made!, { ...idle, subscribe: { include: ['alice'] } })
    expect((await patch(changed, { desiredState: 'Stopped' })).spec.desiredState).toBe('Stopped')
    expect(await refusal(patch(changed, { outputs: { mix: true } }))).toMatch(/spec\.outputs: .*is immutable/)
  })

  test.each<[string, () => Promise<KubeObject>, Resource<KubeObject>, object]>([
    [
      'recordings',
      () =>
        create({
          resources: { limits: { cpu: '1m' } },
          nodeSelector: { 'kubernetes.io/os': 'windows' },
          storage: { size: '9Pi' },
        }),
      resources.recordings,
      { desiredState: 'Stopped' },
    ],
    [
      'recordingpolicies',
      () => createPolicy({ rooms: { exclude: ['.*$'] }, enters: { include: ['a1'], exclude: ['a.*$'] } }),
      resources.recordingPolicies,
      { suspend: true },
    ],
  ])(
    'lets of %s be changed, and its status written, what an earlier release admitted and this one would not',
    async (plural, make, resource, change) => {
      const definitions: Resource = {
        ...{ group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' },
        ...{ kind: 'CustomResourceDefinition', namespaced: false },
      }
      const { spec } = parse(await readFile(new URL(`../../crds/trtc-recorder.dev_${plural}.yaml`, import.meta.url), 'utf8'))
      const serve = (spec: object) =>
        api.client.patch(definitions, { name: `${plural}.trtc-recorder.dev` }, { type: 'merge', body: { spec } })
      // All that is judged is judged by rules.
      const earlier = JSON.parse(JSON.stringify(spec), (name, value) => (name === 'x-kubernetes-validations' ? undefined : value))
      await serve(earlier)
      let made: KubeObject | undefined
      await until('it is admitted', async () => {
        made = await make().catch(() => undefined)
        return made !== undefined
      })
      await serve(spec)
      await until('it is refused', async () => (await make().catch((error: Error) => error)) instanceof Error)
      const { metadata } = made!
      const changed = await api.client.patch(resource, metadata, { type: 'merge', body: { spec: change } })
      expect(changed).toMatchObject({ spec: change })
      const body = { metadata: { finalizers: ['trtc-recorder.dev/test'] } }
      await api.client.patch(resource, metadata, { type: 'merge', body })
      await api.client.patch(resource, metadata, { type: 'merge', body: { metadata: { finalizers: null } } })
      const written = { type: 'merge', body: { status: { observedGeneration: 2 } } } as const
      expect(await api.client.patch(resource, metadata, written, { subresource: 'status' })).toMatchObject(written.body)
    },
  )

  test('shows the story in one line', async () => {
    const made = await create({}, 'story')
    const status = {
      observedGeneration: 1,
      conditions: [condition('Succeeded', 'Unknown', 'Recording')],
      startTime: new Date(Date.now() - 300_000).toISOString(),
      fileCount: 2,
      recordedBytes: 12345,
      attempts: [
        { number: 1, pod: 'story-1', podUid: 'a', node: 'node-1' },
        { number: 2, pod: 'story-2', podUid: 'b', node: 'node-2' },
      ],
    }
    await api.client.replace(resources.recordings, { ...made, status } as Recording, { subresource: 'status' })
    const table = await tableRow('story')
    expect(table).toMatchObject({
      Name: 'story',
      Succeeded: 'Unknown',
      Reason: 'Recording',
      Started: '5m',
      Files: 2,
      Recorded: 12345,
      Mode: '00',
      Room: 43474,
      Pod: 'story-2',
      Node: 'node-2',
    })
  })

  test('takes a status as the operator writes it, and keeps all of it', async () => {
    const made = await create()
    const file = {
      ...{
        userId: 'alice',
        stream: 'main',
        path: 'a.mp4',
        url: 'https://x/a.mp4',
        status: 1,
        message: 'ok',
        bytes: 5_000_000_000,
      },
      ...{ durationSeconds: 1.5, startTime: '2026-03-01T10:00:00.123Z', attempt: 1, lostFrames: 0, lostSeconds: 0 },
      video: { codec: 'avc1.42e01f', width: 1280, height: 720 },
    }
    const status = {
      observedGeneration: 1,
      conditions: [condition('Stored', 'True', 'Completed')],
      files: [file],
      stopReason: 'Idle',
    }
    const written = await api.client.replace(resources.recordings, { ...made, status } as unknown as Recording, {
      subresource: 'status',
    })
    expect(written.status).toMatchObject(status)
  })

  test('that is larger than etcd takes is shortened, so that it says how the recording stands all the same', async () => {
    const created = await create()
    const long = (length: number) => 'x'.repeat(length)
    const output = { kind: 'speech' as const, path: long(1024), url: long(2048), message: long(512), bytes: 0 }
    const status = {
      conditions: [condition('Succeeded', 'True', 'Completed')],
      files: Array.from({ length: 500 }, (_, index) => ({ ...aFile, path: `${index}`, url: long(300) })),
      fileCount: 9000,
      moreFiles: long(655_360),
      outputs: Array.from({ length: 256 }, (_, index) => ({ ...output, status: index === 7 ? 0 : 1 })),
    }
    const { written, isShortened } = await writeWithinLimits(api.client, created, status as never, AbortSignal.any([]))
    expect(isShortened).toBe(true)
    expect(written.status).toMatchObject({ fileCount: 9000, conditions: status.conditions })
    expect(written.status?.files?.length).toBe(500)
  })

  // Each is refused by another one: etcd, the API server's client of it, the API server.
  test.each([7, 8, 12])(
    'takes a status with more to say of outputs than an object holds, shortened: %i files missing of each',
    async (count) => {
      const missing = Array.from({ length: count }, () => 'x'.repeat(1000))
      const output = { kind: 'speech', path: 'a', url: '', status: 0, message: 'ok', missing, bytes: 0 }
      const status = { outputs: Array.from({ length: 256 }, () => output), fileCount: 9000 }
      const { written, isShortened } = await writeWithinLimits(api.client, await create(), status as never, AbortSignal.any([]))
      expect(isShortened).toBe(true)
      expect(written.status).toMatchObject({ fileCount: 9000 })
    },
  )

  test('takes words of another release, for they must not make a status write fail', async () => {
    const made = await create()
    const status = {
      stopReason: 'Bored',
      conditions: [condition('Archived', 'True', 'Aged')],
      attempts: [{ number: 1, pod: 'x', state: 'Frozen' }],
    }
    const written = await api.client.replace(resources.recordings, { ...made, status } as unknown as Recording, {
      subresource: 'status',
    })
    expect(written.status).toEqual(status)
  })
})

const kindsOfObjects: Record<string, Resource> = {
  ...{ Recording: resources.recordings, RecordingPolicy: resources.recordingPolicies, Secret: resources.secrets },
  RecordingClip: resources.recordingClips,
}

/** What it does not know it refuses, instead of leaving it out. */
const strict = ({ plural, ...resource }: Resource) => ({ ...resource, plural: `${plural}?fieldValidation=Strict` })

describe('every example', async () => {
  const files = (await readdir(examples, { recursive: true })).filter(
    (name) => name.endsWith('.yaml') && name !== 'stop.yaml' && !name.startsWith('gitops/'),
  )
  test.each(files)('%s is accepted, and knows no other fields', async (name) => {
    for (const document of parseAllDocuments(await readFile(new URL(name, examples), 'utf8'))) {
      const object = document.toJS() as KubeObject
      const resource = kindsOfObjects[object.kind ?? '']!
      await api.client.create(strict(resource), { ...object, metadata: { ...object.metadata, namespace } } as New<KubeObject>)
    }
  })

  test('stop.yaml stops recording.yaml', async () => {
    const [document] = parseAllDocuments(await readFile(new URL('stop.yaml', examples), 'utf8'))
    const ref = { namespace, name: 'math-2026-03-01' }
    const stopped = await api.client.patch(resources.recordings, ref, { type: 'merge', body: document?.toJS() })
    expect(stopped.spec.desiredState).toBe('Stopped')
  })
})

describe('every spec in the documentation', async () => {
  test.each(await documentedObjects())('in $page, line $line, is accepted, and knows no other fields', async ({ object }) => {
    await api.client.create(strict(kindsOfObjects[object.kind!]!), {
      ...object,
      metadata: { ...object.metadata, namespace, name: `docs-${++count}` },
    } as New<KubeObject>)
  })
})

const condition = (type: string, status: string, reason: string) => ({
  ...{ type, status, reason, message: 'because', observedGeneration: 1 },
  lastTransitionTime: '2026-03-01T10:00:00.123Z',
})

/** What `kubectl get -o wide` would show of one Recording. */
async function tableRow(name: string): Promise<Record<string, unknown>> {
  const { server } = api.kubeConfig.getCurrentCluster() ?? { server: '' }
  const token = api.kubeConfig.getCurrentUser()?.token
  const { request, Agent } = await import('undici')
  const answer = await request(`${server}/apis/trtc-recorder.dev/v1alpha1/namespaces/${namespace}/recordings/${name}`, {
    headers: { authorization: `Bearer ${token}`, accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    dispatcher: new Agent({ connect: { rejectUnauthorized: false } }),
  })
  const table = (await answer.body.json()) as { columnDefinitions: { name: string }[]; rows: { cells: unknown[] }[] }
  return Object.fromEntries(table.columnDefinitions.map((column, index) => [column.name, table.rows[0]?.cells[index]]))
}

test.each(['recordings', 'recording', 'rec', 'recordingpolicies', 'recordingclips'])(
  'kubectl delete %s --all leaves the other kinds alone',
  async (word) => {
    const { kubectl } = await ensureBinaries(['kubectl'])
    const run = async (...args: string[]) => {
      const flags = ['--kubeconfig', api.kubeconfigPath, '--namespace', namespace]
      return (await promisify(execFile)(kubectl, [...args, ...flags])).stdout
    }
    await create()
    await createPolicy()
    const clip = { apiVersion: 'trtc-recorder.dev/v1alpha1', kind: 'RecordingClip', spec: leastClip }
    const metadata = { namespace, name: `c${++count}` }
    await api.client.create(resources.recordingClips, { ...clip, metadata } as unknown as New<RecordingClip>)
    const kindsIn = (names: string) =>
      [
        ...new Set(
          names
            .trim()
            .split('\n')
            .map((name) => name.split('.')[0]),
        ),
      ].toSorted()
    const gone = await run('delete', word, '--all', '--dry-run=server', '--output=name')
    expect(kindsIn(gone)).toEqual([/^rec(ordings?)?$/.test(word) ? 'recording' : word.replace('ies', 'y').replace(/s$/, '')])
    expect(kindsIn(await run('get', 'trtc-recorder', '--output=name'))).toEqual(['recording', 'recordingclip', 'recordingpolicy'])
  },
)

describe('a RecordingPolicy', () => {
  test('has its defaults, and a status that is not yet current', async () => {
    const { spec, status } = await createPolicy()
    expect(spec).toMatchObject({
      ...{ suspend: false, rooms: { type: 'Any', include: [], exclude: [] }, enters: { role: 'Anchor' } },
      ...{ limits: { activeRecordings: 100 }, template: { mode: '00', limits: { idleTimeoutSeconds: 300 } } },
    })
    expect(status).toEqual({ observedGeneration: -1 })
  })

  test.each(refusedPolicies)('with $what is refused and the field is named', async ({ over, field }) => {
    expect(await refusal(createPolicy(over as Fields))).toContain(`${field}: `)
  })

  test.each(acceptedPolicies)('with $what is accepted', async ({ over }) => {
    await createPolicy(over as Fields)
  })

  test('with a longer name than a label and a Recording’s name can begin with is refused', async () => {
    expect(await refusal(createPolicy({}, 'p'.repeat(41)))).toMatch(/metadata\.name must have at most 40 characters/)
  })

  test('may be changed at any time', async () => {
    const { metadata } = await createPolicy()
    const body = { spec: { sdkAppId: 1400000002, template: { mode: '02', cos: { bucket: 'others-1250000000' } } } }
    const changed = await api.client.patch(resources.recordingPolicies, metadata, { type: 'merge', body })
    expect(changed.spec).toMatchObject(body.spec)
  })
})
