import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Recording, RecordingClip } from '@trtc-recorder/api'
import { afterAll, test as base, beforeAll, describe, expect, onTestFinished } from 'vitest'
import { type KubeObject, type Lease, type New, type Resource, resources, servedFields } from '../../kube/src/index.ts'
import { aResult } from '../../operator/src/recording/testing.ts'
import { type ApiServer, startApiServer } from './api-server.ts'
import { messages, type Operator, runOperator, says } from './operator-process.ts'
import { finishedRecording, newRecording } from './recordings.ts'
import { ToyKubelet } from './toy-kubelet.ts'

let api: ApiServer
beforeAll(async () => {
  api = await startApiServer()
})
afterAll(() => api?.stop())

/** A namespace with a receiver of callbacks, and the operators that serve it. */
interface World {
  namespace: string
  /** Keys of the callbacks that have come. */
  received: string[]
  startOperator(identity: string, env?: Record<string, string>): Promise<Operator>
  /** A Recording that is over, and whose callback is to be delivered. */
  finish(name: string, inNamespace?: string): Promise<Recording>
  lease(): Promise<Lease>
}

const test = base.extend<{ world: World }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern which fixtures this one needs.
  world: async ({}, use) => {
    const namespace = await api.namespace()
    const received: string[] = []
    const sink = createServer((request, response) => {
      received.push(request.headers['idempotency-key'] as string)
      request.resume().on('end', () => response.end())
    })
    await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(sink.address() as AddressInfo).port}/`
    const operators: Operator[] = []
    await use({
      ...{ namespace, received },
      async startOperator(identity, env = {}) {
        const operator = await runOperator(api, namespace, identity, env)
        operators.push(operator)
        return operator
      },
      finish: (name, inNamespace = namespace) => finishedRecording(api.client, inNamespace, name, { callback: { url } }),
      lease: () => api.client.get(resources.leases, { namespace, name: 'trtc-recorder-operator' }),
    })
    for (const operator of operators) {
      operator.child.kill('SIGKILL')
      await operator.exit
    }
    await new Promise((resolve) => sink.close(resolve))
  },
})

describe.concurrent('the operator process', () => {
  test('becomes ready, works, tells its metrics, and leaves in order on SIGTERM', async ({
    world: { received, startOperator, finish, lease },
    expect,
  }) => {
    const operator = await startOperator('one')
    await expect.poll(() => operator.probe('/readyz'), { timeout: 20_000 }).toBe('200 ok\n')
    expect(await operator.probe('/healthz')).toBe('200 ok\n')
    const recording = await finish('math')
    await expect.poll(() => received, { timeout: 20_000 }).toEqual([`${recording.metadata.uid}/result`])
    await says(operator, 'Callback delivered')
    const metrics = await operator.probe('/metrics', 'metrics')
    for (const line of [
      'leader_election_master_status{name="trtc-recorder-operator"} 1',
      'trtc_recorder_recordings{state="succeeded"} 1',
      'trtc_recorder_callback_deliveries_total{outcome="delivered"} 1',
      'rest_client_requests_total{code="200",method="GET"',
    ]) {
      expect(metrics).toContain(line)
    }
    expect(metrics).not.toContain('math')

    operator.child.kill('SIGTERM')
    expect(await operator.exit).toBe(0)
    const steps = [
      'Watches stopped',
      'Controllers drained',
      'Events sent',
      'Gave the lease back',
      'Leadership ended',
      'Servers closed',
      'Connections closed',
    ]
    expect(messages(operator).filter((message) => steps.includes(message as string))).toEqual(steps)
    expect((await lease()).spec?.holderIdentity).toBe('')
    expect(operator.stderr()).toBe('')
  })

  test('makes a recorder Pod for a Recording', async ({ world: { namespace, startOperator }, expect }) => {
    await startOperator('one')
    await api.client.create(resources.recordings, newRecording(namespace, 'physics'))
    await expect
      .poll(async () => (await api.client.list(resources.pods, { namespace })).items.map(({ metadata }) => metadata.name), {
        timeout: 20_000,
      })
      .toEqual(['physics-a1'])
  })

  test('counts the recorders that it cannot ask how they are doing', async ({
    world: { namespace, startOperator },
    expect,
    onTestFinished,
  }) => {
    const kubelet = new ToyKubelet(api.client, namespace, () => aResult({ stopReason: 'Terminated' }))
    onTestFinished(() => kubelet.stop())
    const operator = await startOperator('one')
    await api.client.create(resources.recordings, newRecording(namespace, 'physics'))
    await expect
      .poll(() => operator.probe('/metrics', 'metrics'), { timeout: 20_000 })
      .toContain('\ntrtc_recorder_progress_unknown 1\n')
  })

  test('keeps as many finished Recordings as it is to, once they are told, and lets as many in as it may', async ({
    world: { namespace, received, startOperator, finish },
    expect,
  }) => {
    for (const name of ['first', 'second', 'third']) await finish(name)
    await startOperator('one', { TRTC_RECORDER_FINISHED_PER_NAMESPACE: '2', TRTC_RECORDER_RECORDINGS_PER_CLUSTER: '1' })
    const names = async () =>
      (await api.client.list(resources.recordings, { namespace })).items.map(({ metadata }) => metadata.name).toSorted()
    await expect.poll(names, { timeout: 20_000 }).toEqual(['second', 'third'])
    await expect.poll(() => received.length, { timeout: 20_000 }).toBe(3)
    for (const name of ['physics', 'history']) await api.client.create(resources.recordings, newRecording(namespace, name))
    const reasons = async () =>
      (await api.client.list(resources.recordings, { namespace })).items
        .map(({ status }) => status?.conditions?.find(({ type }) => type === 'Succeeded')?.reason)
        .toSorted()
    await expect.poll(reasons, { timeout: 20_000 }).toEqual(['Completed', 'Completed', 'Pending', 'Queued'])
  })

  test('hands over to another one at once when it is stopped, and after the lease when it is killed', async ({
    world: { received, startOperator, finish },
    expect,
  }) => {
    const first = await startOperator('first')
    await says(first, 'Became the leader')
    const second = await startOperator('second')
    await says(second, 'Waiting for leadership')
    await expect.poll(() => second.probe('/readyz'), { timeout: 20_000 }).toBe('200 ok\n')
    expect(messages(second)).not.toContain('Became the leader')

    first.child.kill('SIGTERM')
    await first.exit
    // Sooner than a lease runs out.
    await says(second, 'Became the leader', 12_000)

    const third = await startOperator('third')
    await says(third, 'Waiting for leadership')
    second.child.kill('SIGKILL')
    await says(third, 'Became the leader', 30_000)
    const recording = await finish('math')
    await expect.poll(() => received, { timeout: 20_000 }).toEqual([`${recording.metadata.uid}/result`])
  })

  test('ends when somebody else holds its lease', async ({ world: { namespace, startOperator, lease }, expect }) => {
    const operator = await startOperator('one')
    await says(operator, 'Became the leader')
    const held = await lease()
    const patch = { type: 'merge' as const, body: { spec: { ...held.spec, holderIdentity: 'usurper' } } }
    await api.client.patch(resources.leases, { namespace, name: held.metadata.name }, patch)
    expect(await operator.exit).toBe(1)
    await says(operator, 'Lost the lease')
  })

  test('serves the namespaces there are, says which it cannot read, and serves that one as soon as it can', async ({
    world: { namespace, received, startOperator, finish },
    expect,
  }) => {
    const later = await api.namespace()
    const mayServe = async (namespace: string) => {
      const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1', namespaced: true }
      const metadata = { namespace, name: 'operator' }
      const rules = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]
      const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules }
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'operator' }
      const subjects = [{ kind: 'User', name: 'operator' }]
      await api.client.create({ ...rbac, plural: 'roles', kind: 'Role' }, role as never)
      const binding = { ...role, kind: 'RoleBinding', roleRef, subjects }
      await api.client.create({ ...rbac, plural: 'rolebindings', kind: 'RoleBinding' }, binding as never)
    }
    await mayServe(namespace)
    const operator = await startOperator('one', {
      KUBECONFIG: await api.userConfigPath('operator'),
      TRTC_RECORDER_WATCH_NAMESPACES: `${later},${namespace}`,
    })
    const recording = await finish('math')
    await expect.poll(() => received, { timeout: 20_000 }).toEqual([`${recording.metadata.uid}/result`])
    expect(await operator.probe('/readyz')).toBe('200 ok\n')
    expect(await operator.probe('/metrics', 'metrics')).toContain('trtc_recorder_namespaces_unread 1\n')
    expect(operator.lines).toContainEqual(expect.objectContaining({ namespace: later, level: 'error' }))
    await mayServe(later)
    const second = await finish('math', later)
    await expect.poll(() => received.at(1), { timeout: 20_000 }).toEqual(`${second.metadata.uid}/result`)
  })

  test('says what is wrong with its settings, and does not start', async ({ world: { startOperator }, expect }) => {
    const operator = await startOperator('one', { TRTC_RECORDER_WORKERS: 'many', TRTC_RECORDER_RECORDER_IMAGE: '' })
    expect(await operator.exit).toBe(2)
    expect(operator.stderr()).toContain('TRTC_RECORDER_RECORDER_IMAGE (--recorder-image) must be set')
    expect(operator.stderr()).toContain('TRTC_RECORDER_WORKERS (--workers) is "many"')
  })
})

// Everybody else would miss it.
describe('an operator whose API server is away', () => {
  test('stays alive and comes back by itself when the API server goes away', async ({
    world: { received, startOperator, finish },
  }) => {
    const operator = await startOperator('one', { TRTC_RECORDER_LEADER_ELECTION: 'false' })
    await expect.poll(() => operator.probe('/readyz'), { timeout: 20_000 }).toBe('200 ok\n')
    await api.stopServer()
    await expect.poll(() => operator.lines.some(({ cause }) => cause === 'cut'), { timeout: 10_000 }).toBe(true)
    expect(await operator.probe('/healthz')).toBe('200 ok\n')
    await api.startServer()
    const recording = await finish('math')
    await expect.poll(() => received, { timeout: 60_000 }).toEqual([`${recording.metadata.uid}/result`])
  })

  test('says that the CRD was taken away, lets go of what goes with it, and goes on when it is back', async ({
    world: { namespace, received, startOperator, finish },
  }) => {
    const kubelet = new ToyKubelet(api.client, namespace, () => aResult({ stopReason: 'Terminated' }))
    onTestFinished(() => kubelet.stop())
    const operator = await startOperator('one', { TRTC_RECORDER_LEADER_ELECTION: 'false' })
    await expect.poll(() => operator.probe('/readyz'), { timeout: 20_000 }).toBe('200 ok\n')
    const podsOf = async () => (await api.client.list(resources.pods, { namespace })).items.map(({ metadata }) => metadata.name)
    await api.client.create(resources.recordings, newRecording(namespace, 'physics'))
    await expect.poll(podsOf, { timeout: 20_000 }).toEqual(['physics-a1'])

    // Nobody is left who would let go of those of the other tests.
    for (const { metadata } of (await api.client.list(resources.recordings)).items) {
      if (metadata.namespace === namespace) continue
      await api.client.patch(resources.recordings, metadata, { type: 'merge', body: { metadata: { finalizers: null } } })
    }
    await api.removeDefinition('recordings')
    await expect.poll(podsOf, { timeout: 20_000 }).toEqual([])
    const complaints = () => operator.lines.filter(({ msg }) => String(msg).startsWith('API server does not serve recordings: '))
    await expect.poll(complaints, { timeout: 20_000 }).toMatchObject([{ level: 'error', reflector: 'recordings' }])
    expect(await operator.probe('/healthz')).toBe('200 ok\n')
    expect(await operator.probe('/readyz')).toBe('200 ok\n')

    await api.installDefinition('recordings')
    const recording = await finish('math')
    await expect.poll(() => received, { timeout: 60_000 }).toEqual([`${recording.metadata.uid}/result`])
    await says(operator, 'API server serves recordings again')
    expect(complaints()).toHaveLength(1)
    await api.client.create(resources.recordings, newRecording(namespace, 'physics'))
    await expect.poll(podsOf, { timeout: 20_000 }).toEqual(['physics-a1'])
    expect(operator.stderr()).toBe('')
  })

  /** The API server publishes what it serves a moment after it serves it. */
  const forget = async (resource: Resource<KubeObject>, ...fields: string[]) => {
    await api.forgetFields(resource.plural, ...fields)
    const published = async () => [...(await servedFields(api.client, [resource], AbortSignal.timeout(20_000)))!.get(resource)!]
    for (const field of fields) await expect.poll(published, { timeout: 20_000 }).not.toContain(field)
  }
  const saidOf = async (namespace: string) => {
    const { items } = await api.client.list(resources.events, { namespace })
    const events = items as unknown as { reason: string; note: string; regarding: { kind: string; name: string } }[]
    return events
      .filter(({ reason }) => reason === 'CrdOutdated')
      .map(({ regarding, note }) => `${regarding.kind} ${regarding.name}: ${note}`)
      .toSorted()
  }
  const trouble =
    'the CRD recordings.trtc-recorder.dev is older than this operator and would drop status.handled, status.volumes: apply the CRDs of this release'

  test('does nothing while the CRD drops what it decides by, says so, and begins when the CRD is mended', async ({
    world: { namespace, startOperator },
  }) => {
    await forget(resources.recordings, 'status.volumes', 'status.handled')
    onTestFinished(() => api.forgetFields('recordings'))
    const own = { TRTC_RECORDER_LEASE_NAMESPACE: namespace, TRTC_RECORDER_POD_UID: 'uid-of-one' }
    const operator = await startOperator('one', { TRTC_RECORDER_LEADER_ELECTION: 'false', ...own })
    await expect.poll(() => operator.probe('/readyz'), { timeout: 20_000 }).toBe(`503 CRD: ${trouble}\n`)
    await expect.poll(() => saidOf(namespace), { timeout: 20_000 }).toEqual([`Pod one: It is not ready: ${trouble}`])
    expect(await operator.probe('/healthz')).toBe('200 ok\n')
    await api.client.create(resources.recordings, newRecording(namespace, 'physics'))

    await api.forgetFields('recordings')
    await says(operator, 'CRDs fit this operator now', 30_000)
    const podsOf = async () => (await api.client.list(resources.pods, { namespace })).items.map(({ metadata }) => metadata.name)
    await expect.poll(podsOf, { timeout: 20_000 }).toEqual(['physics-a1'])
    expect(await operator.probe('/readyz')).toBe('200 ok\n')
    expect(operator.lines.filter(({ level }) => level === 'error').map(({ msg }) => msg)).toEqual([
      `Waiting for CRDs that fit: ${trouble}`,
    ])
  })

  test('stops where an older CRD is applied while it runs, forgets nothing of what that drops, and goes on when it is mended', async ({
    world: { namespace, startOperator },
  }) => {
    const kubelet = new ToyKubelet(api.client, namespace, () => aResult({ stopReason: 'Terminated' }))
    onTestFinished(() => kubelet.stop())
    const operator = await startOperator('one', { TRTC_RECORDER_LEADER_ELECTION: 'false' })
    const { metadata } = await api.client.create(resources.recordings, newRecording(namespace, 'physics'))
    const physics = () => api.client.get(resources.recordings, metadata)
    await expect.poll(async () => (await physics()).status?.startTime, { timeout: 20_000 }).toBeDefined()
    const { volumes } = (await physics()).status!

    await forget(resources.recordings, 'status.volumes', 'status.handled')
    onTestFinished(() => api.forgetFields('recordings'))
    await expect.poll(() => operator.probe('/readyz'), { timeout: 20_000 }).toBe(`503 CRD: ${trouble}\n`)
    expect(await operator.probe('/healthz')).toBe('200 ok\n')
    await api.client.create(resources.recordings, newRecording(namespace, 'chemistry'))
    await expect
      .poll(() => saidOf(namespace), { timeout: 20_000 })
      .toEqual(['chemistry', 'physics'].map((name) => `Recording ${name}: It is left alone as it is: ${trouble}`))

    await api.forgetFields('recordings')
    await says(operator, 'CRDs fit this operator now', 30_000)
    await expect.poll(() => kubelet.seen.has('chemistry-a1'), { timeout: 20_000 }).toBe(true)
    // The API server still has what it did not show meanwhile, for nobody has written.
    expect((await physics()).status?.volumes).toMatchObject([{ uid: volumes![0]!.uid, state: 'Holding' }])
    await api.client.patch(resources.recordings, metadata, { type: 'merge', body: { spec: { desiredState: 'Stopped' } } })
    await expect.poll(async () => (await physics()).status?.completionTime, { timeout: 20_000 }).toBeDefined()
    expect(kubelet.seen).toEqual(new Set(['physics-a1', 'chemistry-a1']))
    await expect.poll(() => operator.probe('/readyz')).toBe('200 ok\n')
  })

  test('leaves clips alone where their CRD would drop which Recording they are of, and says so on each; Recordings go on', async ({
    world: { namespace, startOperator },
  }) => {
    await forget(resources.recordingClips, 'status.recordingUid')
    onTestFinished(() => api.forgetFields('recordingclips'))
    const operator = await startOperator('one', { TRTC_RECORDER_LEADER_ELECTION: 'false' })
    const dropped =
      'the CRD recordingclips.trtc-recorder.dev is older than this operator and would drop status.recordingUid: apply the CRDs of this release'
    await expect.poll(() => operator.probe('/readyz'), { timeout: 20_000 }).toBe(`503 CRD: ${dropped}\n`)
    await api.client.create(resources.recordings, newRecording(namespace, 'physics'))
    const clip = await api.client.create(resources.recordingClips, {
      ...{ apiVersion: 'trtc-recorder.dev/v1alpha1', kind: 'RecordingClip', metadata: { namespace, name: 'proof' } },
      spec: { recordingRef: { name: 'physics' }, from: '10s', to: '70s' },
    } as unknown as New<RecordingClip>)
    await expect
      .poll(() => saidOf(namespace), { timeout: 20_000 })
      .toEqual([`RecordingClip proof: It is left alone as it is: ${dropped}`])
    const podsOf = async () => (await api.client.list(resources.pods, { namespace })).items.map(({ metadata }) => metadata.name)
    await expect.poll(podsOf, { timeout: 20_000 }).toEqual(['physics-a1'])
    const statusOf = async () => (await api.client.get(resources.recordingClips, clip.metadata)).status
    expect((await statusOf())?.conditions).toBeUndefined()

    await api.forgetFields('recordingclips')
    const reasonOf = async () => (await statusOf())?.conditions?.[0]?.reason
    await expect.poll(reasonOf, { timeout: 30_000 }).toBe('RecordingUnderWay')
    expect(await saidOf(namespace)).toHaveLength(1)
  })

  test('stops on SIGTERM also while it cannot reach an API server', async ({ world: { namespace, startOperator } }) => {
    await api.stopServer()
    const operator = await startOperator('one')
    await says(operator, 'Operator started')
    expect(await operator.probe('/readyz')).toContain(`503 caches: nothing could be read yet of ${namespace}`)
    operator.child.kill('SIGTERM')
    expect(await operator.exit).toBe(0)
    await api.startServer()
  })
})
