import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CommonClient } from 'tencentcloud-sdk-nodejs-common'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import {
  createKubeClient,
  isForbidden,
  type KubeClient,
  type KubeObject,
  type New,
  type Resource,
  resources,
} from '../../kube/src/index.ts'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'
import { type ApiServer, gatewayUser, startApiServer, until } from '../operator/api-server.ts'
import { applyGatewayRights } from './chart-rights.ts'
import { type GatewayProcess, startGateway } from './gateway-process.ts'
import { exchange, oddRequests } from './odd-requests.ts'
import { callFromPython, pythonSdk } from './python-sdk.ts'

const run = promisify(execFile)

const sdkAppId = 1400000001
const key = { secretId: 'AKIDschool', secretKey: 'school-secret-key-0001' }
const token = 'school-bearer-token-1'
const starter = 'starter'

let api: ApiServer
let namespace: string
let home: string
let env: Record<string, string>
let gateway: GatewayProcess

/** With what the chart gives its gateway, and nothing else. */
beforeAll(async () => {
  const [{ helm }, server] = await Promise.all([ensureBinaries(['helm']), startApiServer()])
  api = server
  namespace = await api.namespace()
  home = await mkdtemp(join(tmpdir(), 'trtc-recorder-gateway-'))
  await applyGatewayRights(api, helm, {
    policy: { secrets: 'Listed' },
    gateway: { namespaces: [namespace], tokenReview: { enabled: true } },
  })
  const username = `system:serviceaccount:${namespace}:${starter}`
  const callersFile = join(home, 'callers.yaml')
  await writeFile(
    callersFile,
    stringify({
      callers: [
        {
          name: 'school',
          credentials: [
            { type: 'KeyPair', ...key },
            { type: 'BearerToken', token },
            { type: 'KubernetesUser', username },
          ],
          grants: [{ namespace, applications: [sdkAppId] }],
          limits: { requestsPerSecond: 1000, burst: 1000 },
        },
      ],
    }),
  )
  env = {
    KUBECONFIG: await api.userConfigPath(gatewayUser),
    TRTC_RECORDER_GATEWAY_CALLERS_FILE: callersFile,
    TRTC_RECORDER_GATEWAY_TOKEN_REVIEW: 'true',
    TRTC_RECORDER_GATEWAY_DRAIN_SECONDS: '1',
  }
  gateway = await startGateway(env)
})
afterAll(async () => {
  gateway?.signal('SIGKILL')
  await api?.stop()
  await rm(home, { recursive: true, force: true })
})

const templateBody = (over: object = {}) => ({
  SdkAppId: sdkAppId,
  RoomId: 43474,
  UserId: 'user_55952145',
  UserSig: 'eJwtzM0KgkAUhuF7mXW-the-signature',
  CosConfig: { SecretId: 'AKIDcos', SecretKey: 'cos-key', Region: 'ap-shanghai', Bucket: 'lessons-1250000000', Path: '/test' },
  Mode: '02',
  ...over,
})

const task = (over: object = {}) => ({
  SdkAppId: sdkAppId,
  RoomId: '43474',
  UserId: 'robot',
  UserSig: 'eJwtzM0KgkAUhuF7mXW-the-signature',
  RecordParams: { RecordMode: 1, OutputFormat: 3, AvMerge: 1, SubscribeStreamUserIds: { SubscribeAudioUserIds: ['alice'] } },
  StorageParams: {
    CloudStorage: { Vendor: 0, Region: 'ap-shanghai', Bucket: 'lessons-1250000000', AccessKey: 'AKIDcos', SecretKey: 'cos-key' },
  },
  ...over,
})

const recording = (requestId: string) => api.client.get(resources.recordings, { namespace, name: `request-${requestId}` })
const secret = (requestId: string) => api.client.get(resources.secrets, { namespace, name: `request-${requestId}` })

const url = (path = '/') => `http://127.0.0.1:${gateway.port}${path}`
const post = (body: object, headers: Record<string, string> = {}, path = '/') =>
  fetch(url(path), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
    body: JSON.stringify(body),
  })

describe('a gateway with the rights of the chart', () => {
  test('takes the request of the template’s page by curl', async () => {
    const data = JSON.stringify(templateBody())
    const args = ['--silent', '--include', '--request', 'POST', '--header', 'Content-Type: application/json', '--data', data]
    const { stdout } = await run('curl', [
      ...args,
      '--user',
      `${key.secretId}:${key.secretKey}`,
      url('/release/single_stream_record'),
    ])
    const [head = '', body] = stdout.split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 200 OK/)
    expect(body).toBe('Async run task submitted')
    const [, requestId = ''] = /^x-scf-reqid: (\S+)/im.exec(head) ?? []
    const { spec, metadata } = await recording(requestId)
    expect(spec).toMatchObject({ sdkAppId, roomId: 43474, mode: '02', userSigSecretRef: { name: metadata.name, key: 'userSig' } })
    expect((await secret(requestId)).metadata.ownerReferences).toMatchObject([{ kind: 'Recording', uid: metadata.uid }])
  })

  test('takes what a caller of API Gateway sends', async () => {
    const headers = {
      ...{ accept: '*/*', 'user-agent': 'python-requests/2.26.0', 'accept-encoding': 'gzip, deflate', connection: 'keep-alive' },
      ...{
        'x-client-proto': 'https',
        'x-client-proto-ver': 'HTTP/1.1',
        'x-real-ip': '203.0.113.7',
        'x-forwarded-for': '203.0.113.7',
      },
      ...{
        'x-api-requestid': randomUUID().replaceAll('-', ''),
        'x-b3-traceid': '0af7651916cd43dd8448eb211c80319c',
        'x-qualifier': '$DEFAULT',
      },
    }
    const sent = await new Promise<{ status: number; body: string; id: string }>((resolve, reject) => {
      const call = httpRequest(
        url('/release/TRTC_record'),
        { method: 'POST', headers: { ...headers, authorization: `Bearer ${token}`, 'content-type': 'application/json' } },
        (answer) => {
          let body = ''
          answer.setEncoding('utf8').on('data', (text) => {
            body += text
          })
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body, id: String(answer.headers['x-scf-reqid']) }))
        },
      )
      call.on('error', reject).end(JSON.stringify(templateBody({ RoomId: undefined, StrRoomId: 'math', Mode: '00' })))
    })
    expect([sent.status, sent.body]).toEqual([200, 'Async run task submitted'])
    expect((await recording(sent.id)).spec).toMatchObject({ strRoomId: 'math', mode: '00' })
  })

  test('tells, lists and ends requests', async () => {
    const requestId = (await post(templateBody({ RoomId: 7 }))).headers.get('x-scf-reqid') ?? ''
    const get = async (path: string) => (await fetch(url(path), { headers: { authorization: `Bearer ${token}` } })).json()
    expect(await get(`/v1/requests/${requestId}`)).toMatchObject({ requestId, state: 'RUNNING', roomId: 7 })
    expect((await get('/v1/requests?limit=100')).requests.map((request: { requestId: string }) => request.requestId)).toContain(
      requestId,
    )
    expect((await post({}, {}, `/v1/requests/${requestId}/terminate`)).status).toBe(202)
    expect((await recording(requestId)).spec.desiredState).toBe('Stopped')
    const log = await fetch(url(`/v1/requests/${requestId}/logs`), { headers: { authorization: `Bearer ${token}` } })
    expect(await log.text()).toContain('Request accepted')
  })

  test('is called by Tencent’s SDK for Node with only the endpoint changed', async () => {
    const httpProfile = { endpoint: `127.0.0.1:${gateway.port}`, protocol: 'http://' }
    const profile = { profile: { httpProfile } }
    const client = new CommonClient('trtc.tencentcloudapi.com', '2019-07-22', {
      credential: key,
      region: 'ap-guangzhou',
      ...profile,
    })
    const { TaskId } = (await client.request('CreateCloudRecording', task())) as { TaskId: string }
    const of = { SdkAppId: sdkAppId, TaskId }
    expect(await client.request('DescribeCloudRecording', of)).toMatchObject({ TaskId, Status: 'Idle' })
    await client.request('ModifyCloudRecording', { ...of, SubscribeStreamUserIds: { UnSubscribeVideoUserIds: ['bob'] } })
    expect((await recording(TaskId)).spec.subscribe).toMatchObject({ audio: { include: [] }, video: { exclude: ['bob'] } })
    await client.request('DeleteCloudRecording', of)
    expect((await recording(TaskId)).spec.desiredState).toBe('Stopped')
    const next = (await client.request('CreateCloudRecording', task())) as { TaskId: string }
    expect(next.TaskId).not.toBe(TaskId)
    await expect(client.request('CreateCloudRecording', task({ PrivateMapKey: 'x' }))).rejects.toMatchObject({
      code: 'UnsupportedOperation',
    })
  })

  test('is called by Tencent’s SDK for Python with only the endpoint changed', { timeout: 300_000 }, async ({ skip }) => {
    const folder = await pythonSdk()
    if (folder === undefined) return skip('there is no Python with pip on this machine')
    const call = (action: string, body: object, secretKey = key.secretKey) =>
      callFromPython(folder, { port: gateway.port, secretId: key.secretId, secretKey, action, body })
    // Its JSON has blanks, and \uXXXX for what is not ASCII: whoever verifies has to take the bytes as they are.
    const { TaskId, RequestId } = await call('CreateCloudRecording', task({ RoomId: 'class 1', RoomIdType: 0, UserSig: '签名' }))
    expect([TaskId, RequestId]).toEqual([expect.any(String), expect.any(String)])
    expect(Buffer.from((await secret(String(TaskId))).data?.userSig ?? '', 'base64').toString()).toBe('签名')
    const of = { SdkAppId: sdkAppId, TaskId }
    expect(await call('DescribeCloudRecording', of)).toMatchObject({ TaskId, Status: 'Idle', StorageFileList: [] })
    expect(await call('DeleteCloudRecording', of)).toMatchObject({ TaskId })
    const code = async (answer: Promise<Record<string, unknown>>) => (await answer).code
    expect(await code(call('DescribeCloudRecording', { ...of, TaskId: 'x' }))).toBe('ResourceNotFound')
    expect(await code(call('DescribeCloudRecording', of, 'wrong'))).toBe('AuthFailure.SignatureFailure')
  })

  test('takes tokens of Kubernetes that the API server knows', async () => {
    const accounts: Resource = { group: '', version: 'v1', plural: 'serviceaccounts', kind: 'ServiceAccount', namespaced: true }
    await api.client.create(accounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name: starter } })
    const issue: Resource = { ...accounts, plural: `serviceaccounts/${starter}/token`, kind: 'TokenRequest' }
    const issued = (await api.client.create(issue, {
      ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: { namespace, name: starter } },
      ...{ spec: {} },
    } as New<KubeObject>)) as KubeObject & { status: { token: string } }
    expect((await post(templateBody(), { authorization: `Bearer ${issued.status.token}` })).status).toBe(200)
    const forged = `${issued.status.token.slice(0, -8)}AAAAAAAA`
    expect((await post(templateBody(), { authorization: `Bearer ${forged}` })).status).toBe(401)
  })

  test('reads no Secret and no Pod, and makes nothing elsewhere', async () => {
    const client = createKubeClient(api.userConfig(gatewayUser))
    const elsewhere = await api.namespace()
    const refused = async (call: Promise<unknown>) => isForbidden(await call.catch((error) => error))
    expect(await refused(client.list(resources.secrets, { namespace }))).toBe(true)
    expect(await refused(client.get(resources.secrets, { namespace, name: 'x' }))).toBe(true)
    expect(await refused(client.list(resources.pods, { namespace }))).toBe(true)
    expect(await refused(client.list(resources.recordings, { namespace: elsewhere }))).toBe(true)
    const made = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: elsewhere, name: 'x' } }
    expect(await refused(client.create(resources.secrets, made as never))).toBe(true)
    await client.close()
  })

  describe('of the Recordings and Secrets that it has rights on', () => {
    const client = () => createKubeClient(api.userConfig(gatewayUser))
    const started = async (room: number) => {
      const name = `request-${(await post(templateBody({ RoomId: room }))).headers.get('x-scf-reqid')}`
      return { namespace, name }
    }
    /** What the API server says, or `done`. */
    const said = async (call: (client: KubeClient) => Promise<unknown>): Promise<string> => {
      const own = client()
      try {
        return await call(own).then(
          () => 'done',
          (error: Error) => error.message,
        )
      } finally {
        await own.close()
      }
    }
    const merge = (at: { namespace: string; name: string }, body: object) => (own: KubeClient) =>
      own.patch(resources.recordings, at, { type: 'merge', body })
    const label = { 'app.kubernetes.io/managed-by': 'trtc-recorder-gateway' }

    test('it touches and makes none but its own', async () => {
      const { spec } = await api.client.get(resources.recordings, await started(501))
      const theirs = { namespace, name: 'theirs' }
      const named = { userSigSecretRef: { name: 'theirs' }, cos: { ...spec.cos, credentialsSecretRef: undefined } }
      const manifest = (metadata: object) => ({
        ...{ apiVersion: 'trtc-recorder.dev/v1alpha1', kind: 'Recording', metadata: { namespace, ...metadata } },
        spec: { ...spec, ...named },
      })
      const namespaces: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false }
      const annotations = { 'trtc-recorder.dev/allowed-secrets': 'theirs' }
      await api.client.patch(namespaces, { name: namespace }, { type: 'merge', body: { metadata: { annotations } } })
      await until('the namespace lists it', () =>
        api.client.create(resources.recordings, manifest(theirs) as never).then(
          () => true,
          () => false,
        ),
      )
      const own = 'Recordings of its own only'
      expect(await said(merge(theirs, { spec: { desiredState: 'Stopped' } }))).toContain(own)
      expect(await said(merge(theirs, { metadata: { labels: label } }))).toContain(own)
      expect(await said((gateway) => gateway.delete(resources.recordings, theirs))).toContain(own)
      expect(await said((gateway) => gateway.create(resources.recordings, manifest({ name: 'more' }) as never))).toContain(own)
      const owned = { name: 'more', labels: label, finalizers: ['example.com/stays'] }
      expect(await said((gateway) => gateway.create(resources.recordings, manifest(owned) as never))).toContain('no finalizer')
    })

    test('it changes what its callers may have changed, and nothing else', async () => {
      const at = await started(502)
      expect(await said(merge(at, { spec: { subscribe: { include: ['alice'] } } }))).toBe('done')
      expect(await said(merge(at, { metadata: { annotations: { 'trtc-recorder.dev/task-expires': 'x' } } }))).toBe('done')
      for (const [body, words] of [
        [{ spec: { desiredState: 'Paused' } }, 'neither pause nor resume'],
        [{ spec: { ttlSecondsAfterFinished: 1 } }, 'ttlSecondsAfterFinished'],
        [{ metadata: { labels: { 'trtc-recorder.dev/caller': 'studio' } } }, 'no label'],
        [{ metadata: { finalizers: null } }, ''],
        [{ metadata: { finalizers: ['example.com/stays'] } }, 'no finalizer'],
        [{ metadata: { annotations: { 'trtc-recorder.dev/request-fingerprint': 'x' } } }, 'no other annotation'],
        [{ metadata: { annotations: { 'trtc-recorder.dev/request-fingerprint': null } } }, 'no other annotation'],
        [{ metadata: { annotations: { 'example.com/new': 'x' } } }, 'no other annotation'],
        [{ metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'x', uid: 'x' }] } }, 'no owner'],
      ] as [object, string][])
        expect([body, await said(merge(at, body))]).toEqual([body, expect.stringContaining(words)])
      expect(await said(merge(at, { spec: { desiredState: 'Stopped' } }))).toBe('done')
      expect(await said(merge(at, { spec: { desiredState: 'Running' } }))).not.toBe('done')
    })

    test('it deletes what never was in its room, and ends what was', async () => {
      const [never, was] = [await started(503), await started(504)]
      const status = { startTime: '2026-03-01T10:00:00Z' }
      await api.client.patch(resources.recordings, was, { type: 'merge', body: { status } }, { subresource: 'status' })
      expect(await said((gateway) => gateway.delete(resources.recordings, was))).toContain('it may only end')
      expect(await said(merge(was, { spec: { desiredState: 'Stopped' } }))).toBe('done')
      expect(await said((gateway) => gateway.delete(resources.recordings, never))).toBe('done')
    })

    test('it makes Secrets that a Recording owns, with what a request brings', async () => {
      const { name } = await started(505)
      const { metadata } = await api.client.get(resources.recordings, { namespace, name })
      await api.client.delete(resources.secrets, { namespace, name })
      const owner = { apiVersion: 'trtc-recorder.dev/v1alpha1', kind: 'Recording', name, uid: metadata.uid }
      const create = (over: object, more: object = {}) =>
        said((gateway) =>
          gateway.create(resources.secrets, {
            ...{ apiVersion: 'v1', kind: 'Secret', data: { userSig: 'eA==' }, ...more },
            metadata: { namespace, name, ownerReferences: [owner], ...over },
          } as never),
        )
      expect(await create({ ownerReferences: [] })).toContain('ownerReferences')
      expect(await create({ ownerReferences: [{ ...owner, kind: 'RecordingClip' }] })).toContain('ownerReferences')
      expect(await create({ name: 'another' })).toContain('ownerReferences')
      const annotations = { 'kubernetes.io/service-account.name': 'default' }
      expect(await create({ annotations }, { type: 'kubernetes.io/service-account-token' })).toContain('Opaque')
      expect(await create({}, { data: { 'tls.key': 'eA==' } })).toContain('data: ')
      expect(await create({}, { data: undefined, stringData: { password: 'x' } })).toContain('data: ')
      expect(await create({})).toBe('done')
    })
  })

  test('where Secrets have to be listed, may name those that it makes; nobody else may name them', async () => {
    const requestId = (await post(templateBody({ RoomId: 8 }))).headers.get('x-scf-reqid') ?? ''
    const { spec } = await recording(requestId)
    const name = 'thief'
    const stolen = { apiVersion: 'trtc-recorder.dev/v1alpha1', kind: 'Recording', metadata: { namespace, name }, spec }
    await expect(api.client.create(resources.recordings, stolen as never)).rejects.toThrow('allowed-secrets')
  })

  test('answers odd requests by name, and starts nothing for them', async () => {
    const kept = async () => (await api.client.list(resources.recordings, { namespace })).items.length
    const before = await kept()
    const odd = oddRequests({ token, key, body: templateBody, task }, new Date())
    const wrong: string[] = []
    for (const { what, bytes, status, says } of odd) {
      const { head, body, status: answered } = await exchange(gateway.port, bytes)
      if (answered !== status || !`${head}${body}`.includes(says))
        wrong.push(`${what}: ${status} ${says}, not ${answered} ${body}`)
    }
    expect(wrong).toEqual([])
    expect((await kept()) - before).toBe(odd.filter(({ started }) => started).length)
  })

  test('takes an idempotency key again for the same request only', async () => {
    const send = (over: object) => post(templateBody({ RoomId: 9, ...over }), { 'idempotency-key': 'lesson 9' })
    const id = (await send({})).headers.get('x-scf-reqid')
    expect((await send({})).headers.get('x-scf-reqid')).toBe(id)
    const other = await send({ Mode: '00' })
    expect([other.status, ((await other.json()) as { code: string }).code]).toEqual([409, 'IdempotencyKeyReused'])
  })

  test('starts one recording for a key and one task for an identity, asked at once of two replicas', async () => {
    const other = await startGateway(env)
    const twenty = Array.from({ length: 20 }, (_, at) => [gateway, other][at % 2]!.port)
    const headers = {
      ...{ 'content-type': 'application/json', authorization: `Bearer ${token}`, 'idempotency-key': 'at once' },
    }
    const body = JSON.stringify(templateBody({ RoomId: 10 }))
    const answers = await Promise.all(
      twenty.map((port) => fetch(`http://127.0.0.1:${port}/release/f`, { method: 'POST', headers, body })),
    )
    expect(answers.map(({ status }) => status)).toEqual(twenty.map(() => 200))
    expect(new Set(answers.map((answer) => answer.headers.get('x-scf-reqid'))).size).toBe(1)
    const tasks = await Promise.all(
      twenty.map((port) => {
        const profile = { httpProfile: { endpoint: `127.0.0.1:${port}`, protocol: 'http://' } }
        const client = new CommonClient('trtc.tencentcloudapi.com', '2019-07-22', {
          credential: key,
          region: 'ap-guangzhou',
          profile,
        })
        return client.request('CreateCloudRecording', task({ RoomId: '10' })) as Promise<{ TaskId: string }>
      }),
    )
    expect(new Set(tasks.map(({ TaskId }) => TaskId)).size).toBe(1)
    other.signal('SIGKILL')
  })

  test('goes on answering while it is replaced: no call fails', async () => {
    const next = await startGateway(env)
    const agent = new Agent({ keepAlive: true })
    // Who balances hears of it a moment later.
    const ready = { first: true, atMillis: 0 }
    const codes: (number | string)[] = []
    let isOver = false
    const load = async () => {
      while (!isOver) {
        const { port } = ready.first ? gateway : next
        codes.push(await listOnce(agent, port))
      }
    }
    const loads = [load(), load(), load()]
    await until('some calls are answered', async () => codes.length > 30)
    gateway.signal('SIGTERM')
    await until('the first says that it is not ready', async () => !(await gateway.isReady()))
    const before = codes.length
    await until('it goes on answering', async () => codes.length > before + 30)
    ready.first = false
    expect(await gateway.ended).toBe(0)
    const after = codes.length
    await until('the next one answers', async () => codes.length > after + 30)
    isOver = true
    await Promise.all(loads)
    agent.destroy()
    expect(new Set(codes)).toEqual(new Set([200]))
    gateway = next
  })

  test('has said no secret in its log', async () => {
    const output = gateway.output()
    for (const text of [key.secretKey, token, 'cos-key', templateBody().UserSig]) expect(output).not.toContain(text)
  })
})

function listOnce(agent: Agent, port: number): Promise<number | string> {
  return new Promise((resolve) => {
    const options = {
      host: '127.0.0.1',
      port,
      path: '/v1/requests?limit=1',
      agent,
      headers: { authorization: `Bearer ${token}` },
    }
    httpRequest(options, (answer) => answer.resume().on('end', () => resolve(answer.statusCode ?? 0)))
      .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      .end()
  })
}
