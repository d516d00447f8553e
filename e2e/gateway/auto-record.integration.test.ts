import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { recordingManifestSchema } from '../../api/src/index.ts'
import { signOf } from '../../gateway/src/events/applications.ts'
import { generationAnnotation } from '../../gateway/src/events/names.ts'
import { eventsOf, policyNamed, recorder } from '../../gateway/src/testing/trtc-events.ts'
import { createKubeClient, isForbidden, type Resource, resources } from '../../kube/src/index.ts'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'
import { identities } from '../../sandbox/src/identities.ts'
import { type RunningRoom, startRoomServer } from '../../sandbox/src/room/index.ts'
import { SignallingClient } from '../../sandbox/src/room/testing/signalling-client.ts'
import { type ApiServer, gatewayUser, startApiServer, until } from '../operator/api-server.ts'
import { applyGatewayRights } from './chart-rights.ts'
import { type GatewayProcess, startGateway } from './gateway-process.ts'

const { sdkAppId, callbackKey } = identities.trtc
const roomId = 43474

let api: ApiServer
let namespace: string
let home: string
let room: RunningRoom
let gateways: GatewayProcess[] = []

/** Two gateways with what the chart gives its gateway, and a room that tells them of its events. */
beforeAll(async () => {
  const [{ helm }, server] = await Promise.all([ensureBinaries(['helm']), startApiServer()])
  api = server
  namespace = await api.namespace()
  const namespaces: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false }
  const annotations = { 'trtc-recorder.dev/allowed-secrets': 'trtc' }
  await api.client.patch(namespaces, { name: namespace }, { type: 'merge', body: { metadata: { annotations } } })
  const policies = { enabled: true, applicationsSecret: 'applications' }
  await applyGatewayRights(api, helm, { policy: { secrets: 'Listed' }, gateway: { namespaces: [namespace], policies } })

  home = await mkdtemp(join(tmpdir(), 'trtc-recorder-gateway-'))
  await writeFile(join(home, 'callers.yaml'), '')
  await applications(sdkAppId)
  const env = {
    KUBECONFIG: await api.userConfigPath(gatewayUser),
    TRTC_RECORDER_GATEWAY_CALLERS_FILE: join(home, 'callers.yaml'),
    TRTC_RECORDER_GATEWAY_APPLICATIONS_FILE: join(home, 'applications.yaml'),
    TRTC_RECORDER_GATEWAY_POLICY_NAMESPACES: namespace,
    TRTC_RECORDER_GATEWAY_DRAIN_SECONDS: '0',
  }
  const started = await Promise.all([startGateway(env), startGateway(env), startRoomServer()])
  gateways = [started[0], started[1]]
  room = started[2]
})
afterAll(async () => {
  for (const gateway of gateways) gateway.signal('SIGKILL')
  await room?.close()
  await api?.stop()
  await rm(home, { recursive: true, force: true })
})

const url = (index: number) => `http://127.0.0.1:${gateways[index]!.port}/v1/events`
const enter = async (userId: string, role: 20 | 21) => {
  const client = await new SignallingClient(room, userId).open()
  await client.join(String(roomId), { role })
  return client
}
const sent = async (count: number) => {
  await until(`${count} callbacks are answered`, async () => (await room.control.callbacksSent({})).length >= count)
  const all = await room.control.callbacksSent({})
  expect(all.flatMap(({ statuses }) => statuses)).toEqual(all.map(() => 200))
}
const recordings = async () => (await api.client.list(resources.recordings, { namespace })).items
const applications = (...sdkAppIds: number[]) =>
  writeFile(
    join(home, 'applications.yaml'),
    stringify({
      applications: sdkAppIds.map((sdkAppId) => ({ sdkAppId, callbackKeys: [callbackKey], namespaces: [namespace] })),
    }),
  )
const reasonOf = async (name: string) =>
  (await api.client.get(resources.recordingPolicies, { namespace, name })).status?.conditions?.[0]?.reason
const policy = () => api.client.get(resources.recordingPolicies, { namespace, name: 'lessons' })

test('each session of a room is recorded once, whichever gateway hears of it, and however its events come', async () => {
  await api.client.create(
    resources.recordingPolicies,
    policyNamed('lessons', { sdkAppId, rooms: { include: ['43.*$'] } }, namespace),
  )
  await until('events are heard', async () => (await policy()).status?.conditions?.[0]?.status === 'True')

  // The first session, backwards and each twice, to one gateway; then what follows to the other.
  await room.control.sendCallbacks({ url: url(0), hold: true, times: 2 })
  const teacher = await enter('teacher', 20)
  await enter(recorder, 21)
  await room.control.releaseCallbacks({ order: 'Reversed' })
  const [first, ...more] = await recordings()
  expect(more).toEqual([])
  expect(recordingManifestSchema.safeParse(first).error).toBeUndefined()
  expect(first).toMatchObject({
    metadata: {
      name: expect.stringMatching(/^lessons-43474-[0-9a-f]{10}-1$/),
      labels: { 'trtc-recorder.dev/policy': 'lessons' },
    },
    spec: { sdkAppId, roomId, userId: recorder, mode: '02', appSecretKeyRef: { name: 'trtc', key: 'secretKey' } },
  })
  await room.control.sendCallbacks({ url: url(1) })
  await teacher.ask('change_role', 4110, { role: 20 })
  await enter('assistant', 20)
  await room.control.dismissRoom({ room: { sdkAppId, roomId } })
  await sent(12)
  expect((await recordings()).map(({ metadata }) => metadata.name)).toEqual([first!.metadata.name])

  // Another session, of which neither the beginning nor the entering is heard: only that somebody becomes an anchor.
  await room.control.sendCallbacks({ url: url(0), lose: [101, 103] })
  const pupil = await enter('pupil', 21)
  await pupil.ask('change_role', 4110, { role: 20 })
  await sent(13)
  const numbers = (await recordings()).map(({ metadata }) => metadata.labels?.['trtc-recorder.dev/session'])
  expect(numbers).toEqual(['1', '2'])
  expect((await policy()).status).toMatchObject({ recordingsMade: 2, lastRecording: expect.stringMatching(/-2$/) })
})

test('what is not signed is refused, and said in the audit log', async () => {
  const before = await recordings()
  const body = JSON.stringify(eventsOf(4399, Date.now()).enters('teacher'))
  const headers = { sdkappid: String(sdkAppId), sign: Buffer.alloc(32).toString('base64') }
  const answer = await fetch(url(0), { method: 'POST', headers, body })
  expect([answer.status, await answer.json()]).toMatchObject([401, { code: 'Unauthenticated' }])
  expect(await recordings()).toHaveLength(before.length)
  await until('it is in the audit log', async () => /"action":"Event","code":"Unauthenticated"/.test(gateways[0]!.output()))
  for (const gateway of gateways) expect(gateway.output()).not.toContain(callbackKey)
})

test('a policy of an application that is not heard says so, and the gateway may write nothing but the status', async () => {
  const made = await api.client.create(resources.recordingPolicies, policyNamed('deaf', { sdkAppId: 1400000002 }, namespace))
  await until('it says so', async () => {
    const { status } = await api.client.get(resources.recordingPolicies, made.metadata)
    return status?.conditions?.[0]?.reason === 'ApplicationUnknown'
  })
  const client = createKubeClient(api.userConfig(gatewayUser))
  const refused = async (call: Promise<unknown>) => isForbidden(await call.catch((error) => error))
  const suspend = { type: 'merge' as const, body: { spec: { suspend: true } } }
  expect(await refused(client.patch(resources.recordingPolicies, made.metadata, suspend))).toBe(true)
  expect(await refused(client.delete(resources.recordingPolicies, made.metadata))).toBe(true)
  expect(await refused(client.list(resources.secrets, { namespace }))).toBe(true)
  await client.close()
})

test('where an older CRD of policies is applied, nothing is begun that a policy may not have asked for, and each says so, until it is mended', async () => {
  const send = (id: number) => {
    const body = JSON.stringify(eventsOf(id, Date.now()).enters('teacher'))
    const headers = { sdkappid: String(sdkAppId), sign: signOf(callbackKey, Buffer.from(body)) }
    return fetch(url(0), { method: 'POST', headers, body })
  }
  await api.forgetFields('recordingpolicies', 'spec.suspend', 'spec.limits')
  try {
    await until('it says so', async () => (await reasonOf('lessons')) === 'CrdOutdated', 30_000)
    const { message } = (await policy()).status!.conditions![0]!
    expect(message).toContain('is older than this gateway and would drop spec.suspend, spec.limits.activeRecordings')
    // TRTC tells it again.
    await until('the event is refused', async () => (await send(4321)).status === 503, 30_000)
    const meanwhile = (await recordings()).length
    expect((await send(4320)).status).toBe(503)
    expect(await recordings()).toHaveLength(meanwhile)
  } finally {
    await api.forgetFields('recordingpolicies')
  }
  await until('it listens again', async () => (await reasonOf('lessons')) === 'Listening', 30_000)
  await until('the event is heard', async () => (await send(4320)).status === 200, 30_000)
  expect((await recordings()).map(({ spec }) => spec.roomId)).toContain(4320)
}, 90_000)

test('a policy says what has become of it as soon as that is so, and not when somebody happens to look', async () => {
  const soon = 8000
  const says = (name: string, reason: string) =>
    until(`${name} says ${reason}`, async () => (await reasonOf(name)) === reason, soon)
  const suspend = (suspend: boolean) =>
    api.client.patch(resources.recordingPolicies, { namespace, name: 'lessons' }, { type: 'merge', body: { spec: { suspend } } })
  await suspend(true)
  await says('lessons', 'Suspended')
  await suspend(false)
  await says('lessons', 'Listening')

  // The Recording that it made last waits for a Secret, and then it does not any more.
  const send = (id: number) => {
    const body = JSON.stringify(eventsOf(id, Date.now()).enters('teacher'))
    return fetch(url(0), {
      method: 'POST',
      headers: { sdkappid: String(sdkAppId), sign: signOf(callbackKey, Buffer.from(body)) },
      body,
    })
  }
  let name = ''
  let room = 43_100
  // The gateway knows a policy for two seconds.
  await until('a Recording is made by the policy as it is', async () => {
    room += 1
    expect((await send(room)).status).toBe(200)
    const { metadata, status } = await policy()
    name = status!.lastRecording!
    const made = await api.client.get(resources.recordings, { namespace, name })
    return made.metadata.annotations?.[generationAnnotation] === String(metadata.generation)
  })
  const lastTransitionTime = new Date().toISOString()
  const waits = (status: 'Unknown' | 'True', reason: string) => {
    const started = { type: 'Started', status, reason, message: 'so it is', observedGeneration: 1, lastTransitionTime }
    const patch = { type: 'merge' as const, body: { status: { conditions: [started] } } }
    return api.client.patch(resources.recordings, { namespace, name }, patch, { subresource: 'status' })
  }
  await waits('Unknown', 'SecretNotFound')
  await says('lessons', 'SecretNotFound')
  await waits('True', 'Recording')
  await says('lessons', 'Listening')

  // The gateway gets a key of an application that it did not hear.
  await says('deaf', 'ApplicationUnknown')
  await applications(sdkAppId, 1400000002)
  await says('deaf', 'Listening')
  for (const gateway of gateways) expect(gateway.output()).not.toContain('cannot be watched')
}, 60_000)
