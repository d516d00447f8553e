import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { KubeObject, New, Resource } from '../../kube/src/index.ts'
import { resources } from '../../kube/src/index.ts'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'
import { type ApiServer, startApiServer } from '../operator/api-server.ts'
import { newRecording } from '../operator/recordings.ts'

/** The plugin as it is shipped, found and started by a real kubectl, against a real API server. */
const run = promisify(execFile)
const dist = join(import.meta.dirname, '../../cli/dist')

let server: ApiServer
let namespace: string
let kubectl: string

beforeAll(async () => {
  await run(process.execPath, [join(import.meta.dirname, '../../cli/build.ts')])
  await run('cp', [join(dist, 'kubectl-trtc.js'), join(dist, 'kubectl-trtc')])
  kubectl = (await ensureBinaries(['kubectl'])).kubectl
  server = await startApiServer()
  namespace = await server.namespace()
  await makeReader()
})
afterAll(() => server?.stop())

/** The user tenant may see Recordings, and do nothing else. */
async function makeReader(): Promise<void> {
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { namespace, name: 'reader' } }
  const rbac = (plural: string, kind: string): Resource => ({
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    plural,
    kind,
    namespaced: true,
  })
  const rules = [{ apiGroups: ['trtc-recorder.dev'], resources: ['recordings'], verbs: ['get'] }]
  await server.client.create(rbac('roles', 'Role'), { ...role, kind: 'Role', rules } as New<KubeObject>)
  const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'tenant' }]
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' }
  await server.client.create(rbac('rolebindings', 'RoleBinding'), {
    ...role,
    kind: 'RoleBinding',
    subjects,
    roleRef,
  } as New<KubeObject>)
}

const trtc = (...args: string[]) =>
  run(kubectl, ['trtc', '--kubeconfig', server.kubeconfigPath, '--namespace', namespace, ...args], {
    env: { ...process.env, PATH: `${dist}:${dirname(kubectl)}:${process.env.PATH}` },
  }).then(({ stdout }) => stdout)

test('status, stop, the ways out and report do what they say', async () => {
  const withSecrets = {
    callback: { url: "https://us'er:s3cr3t-a@example.com/hooks/s3cr3t-b?k=s3cr3t-c#s3cr3t-d" },
    live: { pcm: { url: 'wss://asr.example/s3cr3t-e?user={userId}&key=s3cr3t-f' } },
    networkProxy: {
      websocketProxy: 'wss://proxy.example/s3cr3t-g',
      turnServer: { url: 'turn.example', username: 's3cr3t-h', credentialSecretRef: { name: 'turn' } },
    },
  }
  const marks = { annotations: { 'example.com/note': 's3cr3t-i' }, labels: { note: 's3cr3t-j' } }
  const wanted = newRecording(namespace, 'math', withSecrets as never)
  await server.client.create(resources.recordings, { ...wanted, metadata: { ...wanted.metadata, ...marks } })
  const message = "POST https://us'er:s3cr3t-a@example.com/hooks/s3cr3t-b?k=s3cr3t-c failed: /hooks/s3cr3t-b, X-Api-Key: s3cr3t-k"
  const condition = { type: 'Succeeded', status: 'Unknown', reason: 'Odd', message, lastTransitionTime: new Date().toISOString() }
  const body = { status: { conditions: [{ ...condition, observedGeneration: 1 }] } }
  expect(await trtc('status', 'math')).toContain('The operator has not looked at it yet')
  expect(await trtc('files', 'math')).toBe('math has no files yet\n')

  await expect(trtc('files', 'math', '--output', 'yaml')).rejects.toMatchObject({
    stderr: expect.stringContaining('table, json'),
  })
  expect(JSON.parse(await trtc('files', 'math', '--output', 'json'))).toEqual([])

  const wrongWait = { stderr: expect.stringContaining('a number of seconds') }
  await expect(trtc('stop', 'math', '--wait', 'abc')).rejects.toMatchObject(wrongWait)
  const untouched = await server.client.get(resources.recordings, { namespace, name: 'math' })
  expect(untouched.spec.desiredState).toBe('Running')
  await trtc('stop', 'math')
  await trtc('retry-upload', 'math')
  const { spec, metadata } = await server.client.get(resources.recordings, { namespace, name: 'math' })
  expect(spec.desiredState).toBe('Stopped')
  expect(Date.parse(metadata.annotations?.['trtc-recorder.dev/retry-upload'] ?? '')).toBeGreaterThan(Date.now() - 60_000)

  await server.client.patch(resources.recordings, { namespace, name: 'math' }, { type: 'merge', body }, { subresource: 'status' })
  const report = await trtc('report', 'math')
  expect(report).toContain('X-Api-Key: [removed]')
  expect(report).toContain('===== Recording =====')
  expect(report).toContain('"userSigSecretRef"')
  expect(report).not.toContain('s3cr3t')
})

test('tells the story also to who may not see Events, and says so', async () => {
  await server.client.create(resources.recordings, newRecording(namespace, 'seen'))
  const kubeconfig = await server.userConfigPath('tenant')
  const { stdout, stderr } = await run(
    kubectl,
    ['trtc', '--kubeconfig', kubeconfig, '--namespace', namespace, 'status', 'seen'],
    {
      env: { ...process.env, PATH: `${dist}:${dirname(kubectl)}:${process.env.PATH}` },
    },
  )
  expect(stdout).toContain('The operator has not looked at it yet')
  expect(stderr).toContain('Without Events: ')
})

test.each<[string, string[], string, string]>([
  ['status', ['math'], 'operator', 'get recordings.trtc-recorder.dev'],
  ['files', ['math'], 'operator', 'get recordings.trtc-recorder.dev'],
  ['logs', ['math'], 'operator', 'get recordings.trtc-recorder.dev'],
  ['report', ['math'], 'operator', 'get recordings.trtc-recorder.dev'],
  ['stop', ['math'], 'tenant', 'patch recordings.trtc-recorder.dev'],
  ['retry-upload', ['math'], 'tenant', 'patch recordings.trtc-recorder.dev'],
  ['give-up', ['math', '--yes'], 'tenant', 'patch recordings.trtc-recorder.dev'],
  ['clip', ['math', '--from', '1s', '--to', '2s'], 'tenant', 'create recordingclips.trtc-recorder.dev'],
])('%s says which right is missing to who has it not, and which role has it', async (command, args, user, right) => {
  const kubeconfig = await server.userConfigPath(user)
  const { stderr } = await run(kubectl, ['trtc', '--kubeconfig', kubeconfig, '--namespace', namespace, command, ...args], {
    env: { ...process.env, PATH: `${dist}:${dirname(kubectl)}:${process.env.PATH}` },
  }).then(
    () => expect.unreachable('it may'),
    (error: { stderr: string }) => error,
  )
  const role = right.startsWith('get') ? 'view' : 'edit'
  expect(stderr).toContain(`Missing is the right to ${right} in namespace ${namespace}. The role ${role} has it`)
})

test('logs says of each attempt which right is missing', async () => {
  await server.client.create(resources.recordings, newRecording(namespace, 'told'))
  const body = { status: { attempts: [{ number: 1, pod: 'told-a1' }] } }
  await server.client.patch(resources.recordings, { namespace, name: 'told' }, { type: 'merge', body }, { subresource: 'status' })
  const kubeconfig = await server.userConfigPath('tenant')
  const said = run(kubectl, ['trtc', '--kubeconfig', kubeconfig, '--namespace', namespace, 'logs', 'told'], {
    env: { ...process.env, PATH: `${dist}:${dirname(kubectl)}:${process.env.PATH}` },
  })
  await expect(said).rejects.toMatchObject({ stderr: expect.stringContaining('Missing is the right to get pods in namespace') })
})

test.each([
  ['True', 'All is stored', {}],
  ['False', '1 of 2 files is on the volume', { code: 1, stderr: '1 of 2 files is on the volume\n' }],
])('stop --wait waits for the end, and where Stored is %s it says so', async (stored, message, failure) => {
  const name = `waited-${stored.toLowerCase()}`
  await server.client.create(resources.recordings, newRecording(namespace, name))
  const lastTransitionTime = new Date().toISOString()
  const condition = { type: 'Stored', status: stored, reason: 'Said', message, lastTransitionTime, observedGeneration: 1 }
  const body = { status: { completionTime: lastTransitionTime, conditions: [condition] } }
  await server.client.patch(resources.recordings, { namespace, name }, { type: 'merge', body }, { subresource: 'status' })
  const said = await trtc('stop', name, '--wait', '20').then(
    () => ({}),
    ({ code, stderr }) => ({ code, stderr }),
  )
  expect(said).toEqual(failure)
})

test('clip makes a RecordingClip, waits for it, and tells where its files are', async () => {
  const moments = ['--from', '12m30s', '--to', '14m']
  const created = await trtc('clip', 'math', ...moments, '--user', 'teacher', '--user', 'student_.*$', '--stream', 'main')
  const [, made] = /^recordingclips\.trtc-recorder\.dev\/(math-\w+) created\n$/.exec(created) ?? []
  const { spec } = await server.client.get(resources.recordingClips, { namespace, name: made! })
  expect(spec).toMatchObject({
    ...{ recordingRef: { name: 'math' }, from: '12m30s', to: '14m' },
    ...{ users: ['teacher', 'student_.*$'], streams: ['main'] },
  })
  const long = `${'a'.repeat(45)}.lesson`
  expect(await trtc('clip', long, ...moments)).toMatch(new RegExp(`/${'a'.repeat(45)}-\\w+ created\n$`))
  await trtc('clip', 'math', ...moments, '--name', 'told', '--callback', 'https://example.com/clips', '--signing-key', 'signing')
  const { spec: told } = await server.client.get(resources.recordingClips, { namespace, name: 'told' })
  expect(told.callback).toEqual({
    url: 'https://example.com/clips',
    signingKeySecretRef: { name: 'signing', key: 'signingKey' },
  })
  await trtc('clip', 'math', ...moments, '--name', 'exact', '--exact')
  expect((await server.client.get(resources.recordingClips, { namespace, name: 'exact' })).spec.exact).toBe(true)
  expect([spec.exact, told.exact]).toEqual([false, false])
  await expect(trtc('clip', 'math', ...moments, '--signing-key', 'signing')).rejects.toMatchObject({
    stderr: expect.stringContaining('give an address, too'),
  })
  await expect(trtc('clip', 'math', '--from', '14m', '--to', '12m')).rejects.toMatchObject({
    stderr: expect.stringContaining('must be later than from'),
  })

  const waited = trtc('clip', 'math', ...moments, '--name', 'proof', '--wait', '20')
  const ref = { namespace, name: 'proof' }
  await expect
    .poll(() => server.client.get(resources.recordingClips, ref).catch(() => undefined), { timeout: 20_000 })
    .toBeDefined()
  const lastTransitionTime = new Date().toISOString()
  const condition = {
    type: 'Succeeded',
    status: 'True',
    reason: 'Completed',
    message: '',
    lastTransitionTime,
    observedGeneration: 1,
  }
  const file = {
    ...{
      userId: 'teacher',
      stream: 'main',
      source: 'teacher.mp4',
      path: 'proof.teacher.mp4',
      url: 'https://cos.example/proof.mp4',
    },
    ...{ status: 1, message: 'ok', bytes: 1, readBytes: 1, durationSeconds: 90, startTime: lastTransitionTime },
  }
  const body = { status: { completionTime: lastTransitionTime, conditions: [condition], files: [file] } }
  await server.client.patch(resources.recordingClips, ref, { type: 'merge', body }, { subresource: 'status' })
  expect(await waited).toContain('\nhttps://cos.example/proof.mp4\n')
})

test('a Recording that is not there is said to be not there, and nothing is given up without --yes', async () => {
  await expect(trtc('status', 'history')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('"history" not found'),
  })
  for (const odd of ['recording/math', 'Math']) {
    await expect(trtc('status', odd)).rejects.toMatchObject({ stderr: expect.stringContaining('give the name alone') })
  }
  await expect(trtc('give-up', 'math')).rejects.toMatchObject({ stderr: expect.stringContaining('--yes') })
})
