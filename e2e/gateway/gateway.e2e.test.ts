import { expect } from 'vitest'
import { stringify } from 'yaml'
import { identities } from '../../sandbox/src/identities.ts'
import { userSigFor } from '../../sandbox/src/user-sig.ts'
import { AppliedRecording } from '../system/applied-recording.ts'
import { forwarded } from '../system/forwarded.ts'
import { kubectl, must } from '../system/kubectl.ts'
import { chartValues } from '../system/operator.ts'
import { recorderUserId, recordFor, type Scene, test } from '../system/scene.ts'

const chart = new URL('../../charts/trtc-recorder', import.meta.url).pathname
const token = 'e2e-bearer-token-0001'
const release = 'front'

/** The chart's gateway, and nothing else of the chart, in the namespace of the test. */
async function installGateway(scene: Scene): Promise<void> {
  const { namespace, world } = scene
  const caller = {
    name: 'e2e',
    credentials: [{ type: 'BearerToken', token }],
    grants: [
      {
        namespace,
        applications: [identities.trtc.sdkAppId],
        recording: {
          cos: { endpoint: world.cosEndpoint },
          networkProxy: { unifiedProxy: world.unifiedProxy },
          limits: { startTimeoutSeconds: 90 },
        },
      },
    ],
  }
  await scene.secret('callers', { 'callers.yaml': stringify({ callers: [caller] }) })
  const values = chartValues(world, { callersSecret: 'callers', namespaces: [namespace], replicas: 1, drainSeconds: 1 })
  const args = ['template', release, chart, '--namespace', namespace, '--values', '-', '--show-only', 'templates/gateway.yaml']
  const manifests = await must('helm', args, JSON.stringify(values))
  await must('kubectl', ['apply', '--namespace', namespace, '-f', '-'], manifests)
  await kubectl('rollout', 'status', `deployment/${release}-trtc-recorder-gateway`, '--namespace', namespace, '--timeout=120s')
}

test('a room is recorded by one HTTP request, followed, ended and told of', async ({ scene }) => {
  await installGateway(scene)
  const sink = await scene.sink()
  await scene.publish('alice', { audio: true, video: true })
  const { secretId, secretKey, bucket, region } = identities.cos
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  await forwarded(scene.namespace, `${release}-trtc-recorder-gateway`, async (url) => {
    const body = JSON.stringify({
      SdkAppId: scene.room.sdkAppId,
      RoomId: scene.room.roomId,
      UserId: recorderUserId,
      UserSig: userSigFor(identities.trtc, recorderUserId),
      CosConfig: { SecretId: secretId, SecretKey: secretKey, Region: region, Bucket: bucket, Path: `/${scene.namespace}/http` },
      Callback: `${sink.url}/http`,
      Mode: '02',
    })
    const answer = await fetch(`${url}/release/single_stream_record`, { method: 'POST', headers, body })
    expect(await answer.text()).toBe('Async run task submitted')
    const requestId = answer.headers.get('x-scf-reqid') ?? ''
    const recording = new AppliedRecording(scene.namespace, `request-${requestId}`, scene.room, recorderUserId, scene.world)
    scene.recordings.push(recording)
    await recording.inRoom()
    await recordFor(3)
    expect(await (await fetch(`${url}/v1/requests/${requestId}/logs`, { headers })).text()).toMatch(/entered the room.*"msg":/s)
    expect((await fetch(`${url}/v1/requests/${requestId}/terminate`, { method: 'POST', headers })).status).toBe(202)
    await recording.settled()
    const [callback] = await sink.waitFor('/http')
    const told = JSON.parse(callback!.body)
    expect(told).toMatchObject({ UserId: recorderUserId, Files: [{ UserId: 'alice', Status: 1, Message: 'ok' }] })
    const state = await (await fetch(`${url}/v1/requests/${requestId}`, { headers })).json()
    expect(state).toMatchObject({ state: 'ABORTED', stopReason: 'StopRequested', callback: 'Delivered', result: told })
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
