import { readdir, readFile } from 'node:fs/promises'
import type { Recording, RecordingSpec } from '@trtc-recorder/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { resources } from '../../operator/src/kube/resources.ts'
import type { KubeObject, New, Resource } from '../../operator/src/kube/types.ts'
import { type ApiServer, startApiServer } from './api-server.ts'

const examples = new URL('../../examples/', import.meta.url)

let api: ApiServer
let namespace: string
beforeAll(async () => {
  api = await startApiServer()
  namespace = await api.namespace()
})
afterAll(() => api?.stop())

let count = 0
const aSpec = {
  sdkAppId: 1400000001,
  roomId: 43474,
  userId: 'recorder',
  userSigSecretRef: { name: 'sig' },
  cos: { region: 'ap-guangzhou', bucket: 'lessons-1250000000', credentialsSecretRef: { name: 'cos' } },
}

type Fields = Record<string, unknown>
const recording = (spec: Fields, name = `r${++count}`) =>
  ({
    apiVersion: 'trtc-recorder.dev/v1alpha1',
    kind: 'Recording',
    metadata: { namespace, name },
    spec,
  }) as unknown as New<Recording>

const create = (over: Fields = {}, name?: string) =>
  api.client.create(resources.recordings, recording({ ...aSpec, ...over }, name))
const patch = ({ metadata }: Recording, spec: Fields) =>
  api.client.patch(resources.recordings, metadata, { type: 'merge', body: { spec } })
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
      storage: { size: '10Gi', retention: 'DeleteWhenStored' },
      userSigSecretRef: { name: 'sig', key: 'userSig' },
      cos: { path: '/' },
    } satisfies Record<keyof RecordingSpec, unknown> | object)
    expect(status).toEqual({ observedGeneration: -1 })
  })

  test.each<[string, Fields, RegExp]>([
    ['no room', { roomId: undefined }, /spec\.roomId: Required value: exactly one of roomId and strRoomId/],
    ['two rooms', { strRoomId: 'math' }, /spec\.strRoomId: .*exactly one of roomId and strRoomId/],
    ['a room number of 0', { roomId: 0 }, /spec\.roomId: .*greater than or equal to 1/],
    ['a user id with a blank', { userId: 'the recorder' }, /spec\.userId: /],
    ['a mode there is not', { mode: '03' }, /spec\.mode: .*"00", "01", "02"/],
    ['a bucket without its APPID', { cos: { ...aSpec.cos, bucket: 'lessons' } }, /spec\.cos\.bucket: /],
    ['a callback that is not http', { callback: { url: 'ftp://school.example' } }, /spec\.callback\.url: /],
    ['no Secret for the UserSig', { userSigSecretRef: {} }, /spec\.userSigSecretRef\.name: Required/],
    ['an endpoint with a path', { cos: { ...aSpec.cos, endpoint: 'http://cos/x' } }, /spec\.cos\.endpoint: /],
    ['an endpoint that is an address', { cos: { ...aSpec.cos, endpoint: 'http://10.0.0.7:8080' } }, /spec\.cos\.endpoint: /],
    ['a size that is no quantity', { storage: { size: 'large' } }, /spec\.storage\.size: /],
  ])('refuses %s and names the field', async (_, over, message) => {
    expect(await refusal(create(over))).toMatch(message)
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

  test('lets a recording be stopped once and for all', async () => {
    const stopped = await patch(await create(), { desiredState: 'Stopped' })
    expect(stopped.spec.desiredState).toBe('Stopped')
    expect(await refusal(patch(stopped, { desiredState: 'Running' }))).toMatch(/spec\.desiredState: .*cannot run again/)
  })

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
      ...{ durationSeconds: 1.5, startTime: '2026-03-01T10:00:00.123Z', attempt: 1 },
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
    expect(written.status).toEqual(status)
    const wrong = { ...made, metadata: written.metadata, status: { ...status, stopReason: 'Bored' } } as unknown as Recording
    expect(await refusal(api.client.replace(resources.recordings, wrong, { subresource: 'status' }))).toMatch(
      /status\.stopReason/,
    )
  })
})

describe('every example', async () => {
  const files = (await readdir(examples)).filter((name) => name.endsWith('.yaml') && name !== 'stop.yaml')
  test.each(files)('%s is accepted', async (name) => {
    for (const document of parseAllDocuments(await readFile(new URL(name, examples), 'utf8'))) {
      const object = document.toJS() as KubeObject
      const resource: Resource = object.kind === 'Secret' ? resources.secrets : resources.recordings
      await api.client.create(resource, { ...object, metadata: { ...object.metadata, namespace } } as New<KubeObject>)
    }
  })

  test('stop.yaml stops recording.yaml', async () => {
    const [document] = parseAllDocuments(await readFile(new URL('stop.yaml', examples), 'utf8'))
    const ref = { namespace, name: 'math-2026-03-01' }
    const stopped = await api.client.patch(resources.recordings, ref, { type: 'merge', body: document?.toJS() })
    expect(stopped.spec.desiredState).toBe('Stopped')
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
