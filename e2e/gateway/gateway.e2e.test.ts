import { execFile } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { promisify } from 'node:util'
import { CommonClient } from 'tencentcloud-sdk-nodejs-common'
import { expect } from 'vitest'
import { stringify } from 'yaml'
import { identities } from '../../sandbox/src/identities.ts'
import { userSigFor } from '../../sandbox/src/user-sig.ts'
import { AppliedRecording, fileOf, whose } from '../system/applied-recording.ts'
import { forwarded } from '../system/forwarded.ts'
import { apply, getJson, kubectl, must } from '../system/kubectl.ts'
import { chartValues } from '../system/operator.ts'
import { recorderUserId, recordFor, type Scene, secrets, test } from '../system/scene.ts'
import { callFromPython, pythonSdk } from './python-sdk.ts'

const chart = new URL('../../charts/trtc-recorder', import.meta.url).pathname
const token = 'e2e-bearer-token-0001'
const key = { secretId: 'AKIDe2e', secretKey: 'e2e-secret-key-00001' }
const release = 'front'
const policy = { name: 'lessons', recorder: 'policy-recorder' }

/** The chart's gateway, and nothing else of the chart, in the namespace of the test. `tasksUrl`: who is told of tasks of TRTC's API. */
async function installGateway(scene: Scene, tasksUrl: string): Promise<void> {
  const { namespace, world } = scene
  const { sdkAppId, callbackKey } = identities.trtc
  const caller = {
    name: 'e2e',
    credentials: [
      { type: 'BearerToken', token },
      { type: 'KeyPair', ...key },
    ],
    grants: [
      {
        namespace,
        applications: [sdkAppId],
        recording: {
          cos: { endpoint: world.cosEndpoint },
          networkProxy: { unifiedProxy: world.unifiedProxy },
          limits: { startTimeoutSeconds: 90 },
          callback: { url: tasksUrl, signingKeySecretRef: { name: secrets.signing } },
        },
      },
    ],
  }
  const applications = [{ sdkAppId, callbackKeys: [callbackKey], namespaces: [namespace] }]
  await scene.secret('callers', { 'callers.yaml': stringify({ callers: [caller] }) })
  await scene.secret('applications', { 'applications.yaml': stringify({ applications }) })
  const values = chartValues(world, {
    ...{ callersSecret: 'callers', namespaces: [namespace], replicas: 1, drainSeconds: 1 },
    policies: { enabled: true, applicationsSecret: 'applications' },
  })
  const templates = ['gateway', 'gateway-rights'].flatMap((name) => ['--show-only', `templates/${name}.yaml`])
  const args = ['template', release, chart, '--namespace', namespace, '--values', '-', ...templates]
  const manifests = await must('helm', args, JSON.stringify(values))
  await must('kubectl', ['apply', '--namespace', namespace, '-f', '-'], manifests)
  await kubectl('rollout', 'status', `deployment/${release}-trtc-recorder-gateway`, '--namespace', namespace, '--timeout=120s')
}

/** Asks for a Recording of each session of the scene's room in which alice publishes. */
async function applyPolicy(scene: Scene): Promise<void> {
  const { namespace, room, world } = scene
  await scene.secret('trtc-application', { secretKey: identities.trtc.secretKey })
  await apply({
    ...{ apiVersion: 'trtc-recorder.dev/v1alpha1', kind: 'RecordingPolicy', metadata: { namespace, name: policy.name } },
    spec: {
      ...{ sdkAppId: room.sdkAppId, recorderUserId: policy.recorder },
      ...{ rooms: { type: 'Number', include: [String(room.roomId)] }, enters: { include: ['alice'] } },
      template: {
        ...{ appSecretKeyRef: { name: 'trtc-application' }, mode: '00', cos: scene.cos(policy.name) },
        networkProxy: { unifiedProxy: world.unifiedProxy },
        limits: { startTimeoutSeconds: 90 },
      },
    },
  })
}

/** The Recordings that the policy has made, by the number of their session. */
async function sessions({ namespace, room, world }: Scene): Promise<AppliedRecording[]> {
  const of = ['--namespace', namespace, '--selector', `trtc-recorder.dev/policy=${policy.name}`]
  const { items } = await getJson<{ items: { metadata: { name: string } }[] }>('recordings', ...of)
  return items.map(({ metadata }) => new AppliedRecording(namespace, metadata.name, room, policy.recorder, world))
}

const ofApiGateway = {
  'x-client-proto': 'https',
  'x-api-requestid': '6bf9e2c1',
  'x-b3-traceid': '6bf9e2c1',
  'x-qualifier': '$DEFAULT',
}
const requestKey = 'lesson 17'

/** The request of the template's page; gives its id. */
async function startByCurl(url: string, body: string): Promise<string> {
  const user = `${key.secretId}:${key.secretKey}`
  const headers = ['Content-Type: application/json', `Idempotency-Key: ${requestKey}`].flatMap((header) => ['--header', header])
  // Not on the command line, which others look through for secrets.
  const args = ['--silent', '--include', '--request', 'POST', '--user', user, ...headers, '--data', '@-', url]
  const curl = promisify(execFile)('curl', args)
  curl.child.stdin!.end(body)
  const [head = '', said] = (await curl).stdout.split('\r\n\r\n')
  expect(said).toBe('Async run task submitted')
  return /^x-scf-reqid: (\S+)/im.exec(head)?.[1] ?? ''
}

/** A task of another room, begun by Tencent's SDK for Node and ended by the one for Python; and what SCF's API says of a request. */
async function callBySdks(port: number, { room, namespace }: Scene, requestId: string): Promise<void> {
  const profile = { httpProfile: { endpoint: `127.0.0.1:${port}`, protocol: 'http://' } }
  const node = (host: string, version: string) =>
    new CommonClient(host, version, { credential: key, region: 'ap-guangzhou', profile })
  const event = await node('scf.tencentcloudapi.com', '2018-04-16').request('GetAsyncEventStatus', { InvokeRequestId: requestId })
  expect(event).toMatchObject({ Result: { Status: 'RUNNING', InvokeRequestId: requestId } })

  const { secretId: AccessKey, secretKey: SecretKey, bucket: Bucket, region: Region } = identities.cos
  const trtc = node('trtc.tencentcloudapi.com', '2019-07-22')
  const { TaskId } = (await trtc.request('CreateCloudRecording', {
    ...{ SdkAppId: room.sdkAppId, RoomId: `${namespace}-tasks`, RoomIdType: 0, UserId: 'robot' },
    UserSig: userSigFor(identities.trtc, 'robot'),
    RecordParams: { RecordMode: 1, OutputFormat: 3 },
    StorageParams: { CloudStorage: { Vendor: 0, Region, Bucket, AccessKey, SecretKey } },
  })) as { TaskId: string }
  const of = { SdkAppId: room.sdkAppId, TaskId }
  const folder = await pythonSdk()
  const python = (action: string) =>
    folder === undefined ? trtc.request(action, of) : callFromPython(folder, { port, ...key, action, body: of })
  expect(await python('DescribeCloudRecording')).toMatchObject({ TaskId, Status: 'Idle', StorageFileList: [] })
  expect(await python('DeleteCloudRecording')).toMatchObject({ TaskId })
}

/** A task whose HLS is played while it records, and whose events are told as TRTC's own service tells them. */
async function isToldOf(port: number, scene: Scene, sink: Awaited<ReturnType<Scene['sink']>>): Promise<void> {
  const { room } = scene
  const { secretId: AccessKey, secretKey: SecretKey, bucket: Bucket, region: Region } = identities.cos
  const profile = { httpProfile: { endpoint: `127.0.0.1:${port}`, protocol: 'http://' } }
  const trtc = new CommonClient('trtc.tencentcloudapi.com', '2019-07-22', { credential: key, region: 'ap-guangzhou', profile })
  const { TaskId } = (await trtc.request('CreateCloudRecording', {
    ...{ SdkAppId: room.sdkAppId, RoomId: String(room.roomId), UserId: 'robot', UserSig: userSigFor(identities.trtc, 'robot') },
    RecordParams: { RecordMode: 1 },
    StorageParams: { CloudStorage: { Vendor: 0, Region, Bucket, AccessKey, SecretKey, FileNamePrefix: ['tasks'] } },
  })) as { TaskId: string }
  const task = new AppliedRecording(scene.namespace, `request-${TaskId}`, room, 'robot', scene.world)
  scene.recordings.push(task)
  const told = async () =>
    (await sink.requests('/tasks'))
      .map(({ headers, body: bytes }) => ({ headers, bytes, body: JSON.parse(bytes) }))
      .filter(({ body }) => body.EventInfo.TaskId === TaskId)
  const types = async () => (await told()).map(({ body }) => body.EventType)
  await expect.poll(types, { timeout: 120_000 }).toContain(307)
  expect(await trtc.request('DescribeCloudRecording', { SdkAppId: room.sdkAppId, TaskId })).toMatchObject({
    Status: 'InProgress',
  })
  await trtc.request('DeleteCloudRecording', { SdkAppId: room.sdkAppId, TaskId })
  await task.settled()
  await expect.poll(types, { timeout: 60_000 }).toEqual(expect.arrayContaining([301, 302, 303, 304, 305, 307, 310]))

  const all = await told()
  expect(new Set(all.map(({ body }) => body.EventType))).toEqual(new Set([301, 302, 303, 304, 305, 307, 310]))
  const of = { EventGroupId: 3, EventInfo: { RoomId: room.roomId, UserId: 'robot', TaskId } }
  for (const callback of all) {
    const sign = createHmac('sha256', identities.callback.signingKey).update(callback.bytes).digest('base64')
    expect(callback).toMatchObject({ headers: { sign, sdkappid: String(room.sdkAppId) }, body: of })
  }
  const payload = (type: number) => all.find(({ body }) => body.EventType === type)?.body.EventInfo.Payload
  const playlist = payload(304).FileList
  const stored = (await scene.world.cos.objects(Bucket, `tasks/${TaskId}/`)).map(({ key }) => key)
  expect(stored).toContain(`tasks/${TaskId}/${playlist}`)
  expect(payload(307)).toMatchObject({ FileName: playlist, UserId: 'alice', TrackType: 'audio_video' })
  const [file] = payload(310).FileMessage
  expect(Math.abs(payload(307).BeginTimeStamp - file.StartTimeStamp)).toBeLessThan(1000)
  expect(file.FileName).toMatch(new RegExp(`^${room.sdkAppId}_${room.roomId}__UserId_s_YWxpY2U\\.__UserId_e_main_\\d{17}\\.mp4$`))
  expect([payload(301), payload(302), payload(305)]).toEqual([{ Status: 0 }, { LeaveCode: 0 }, { Status: 0 }])
}

test('a room is recorded by one HTTP request, followed, ended and told of; and by a policy, once a session', async ({
  scene,
}) => {
  await applyPolicy(scene)
  const sink = await scene.sink()
  await installGateway(scene, `${sink.url}/tasks`)
  const { secretId, secretKey, bucket, region } = identities.cos
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  await forwarded(scene.namespace, `service/${release}-trtc-recorder-gateway`, 80, async (url) => {
    await kubectl(
      'wait',
      'recordingpolicy',
      policy.name,
      '--for=condition=Ready',
      '--namespace',
      scene.namespace,
      '--timeout=60s',
    )
    await scene.world.room.sendCallbacks({ url: `${url}/v1/events`, times: 2 })
    await scene.publish('alice', { audio: true, video: true })
    const body = JSON.stringify({
      SdkAppId: scene.room.sdkAppId,
      RoomId: scene.room.roomId,
      UserId: recorderUserId,
      UserSig: userSigFor(identities.trtc, recorderUserId),
      CosConfig: { SecretId: secretId, SecretKey: secretKey, Region: region, Bucket: bucket, Path: `/${scene.namespace}/http` },
      Callback: `${sink.url}/http`,
      Mode: '02',
    })
    const requestId = await startByCurl(`${url}/release/single_stream_record`, body)
    // What a caller of API Gateway sends, who did not hear the answer.
    const again = { ...headers, ...ofApiGateway, 'idempotency-key': requestKey }
    const answer = await fetch(`${url}/release/TRTC_record`, { method: 'POST', headers: again, body })
    expect([await answer.text(), answer.headers.get('x-scf-reqid')]).toEqual(['Async run task submitted', requestId])
    await callBySdks(Number(new URL(url).port), scene, requestId)
    const recording = new AppliedRecording(scene.namespace, `request-${requestId}`, scene.room, recorderUserId, scene.world)
    scene.recordings.push(recording)
    await expect.poll(() => sessions(scene), { timeout: 60_000 }).toHaveLength(1)
    const [session] = await sessions(scene)
    scene.recordings.push(session!)
    await Promise.all([recording.inRoom(), session!.inRoom()])
    await recordFor(3)
    expect(await (await fetch(`${url}/v1/requests/${requestId}/logs`, { headers })).text()).toMatch(/entered the room.*"msg":/s)
    expect((await fetch(`${url}/v1/requests/${requestId}/terminate`, { method: 'POST', headers })).status).toBe(202)
    await recording.settled()
    const [callback] = await sink.waitFor('/http')
    const told = JSON.parse(callback!.body)
    expect(told).toMatchObject({ UserId: recorderUserId, Files: [{ UserId: 'alice', Status: 1, Message: 'ok' }] })
    const state = await (await fetch(`${url}/v1/requests/${requestId}`, { headers })).json()
    expect(state).toMatchObject({ state: 'ABORTED', stopReason: 'StopRequested', callback: 'Delivered', result: told })

    await isToldOf(Number(new URL(url).port), scene, sink)

    // The room's end is the session's, and whoever publishes next begins another.
    await scene.world.room.dismissRoom({ room: scene.room })
    const recorded = await session!.settled()
    expect(recorded.status).toMatchObject({ stopReason: 'RoomDismissed' })
    expect(whose(recorded)).toEqual(['alice'])
    expect((await session!.check(recorded, fileOf(recorded, 'alice'))).findings).toEqual([])
    await scene.publish('alice')
    await expect.poll(async () => (await sessions(scene)).map(({ name }) => name.at(-1)), { timeout: 60_000 }).toEqual(['1', '2'])
    await scene.world.room.sendCallbacks({})
  })
  // What the gateway made goes with the Recording.
  await kubectl('delete', 'recordings', '--all', '--namespace', scene.namespace, '--timeout=60s')
  await kubectl(
    'wait',
    'secrets',
    '-l',
    'app.kubernetes.io/managed-by=trtc-recorder-gateway',
    '--for=delete',
    '--namespace',
    scene.namespace,
    '--timeout=60s',
  )
})
