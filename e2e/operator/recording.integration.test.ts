import { isDeepStrictEqual } from 'node:util'
import type { Recording } from '@trtc-recorder/api'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { KubeObject, New, PersistentVolumeClaim, PriorityClass, Resource, ResourceQuota } from '../../kube/src/index.ts'
import { isNotFound, resources } from '../../kube/src/index.ts'
import { findCondition } from '../../operator/src/recording/conditions.ts'
import { holds } from '../../operator/src/recording/fencing.ts'
import { podOptionsSchema, restricted } from '../../operator/src/recording/pod-options.ts'
import { aFile, aRecording, aResult } from '../../operator/src/recording/testing.ts'
import { jobIn } from '../../operator/src/recording/testing-world.ts'
import { type ApiServer, startApiServer, until } from './api-server.ts'
import { ToyKubelet } from './toy-kubelet.ts'
import { clientThatDies, type RunningOperator, runOperator } from './toy-operator.ts'

let api: ApiServer
beforeAll(async () => {
  api = await startApiServer()
})
afterAll(() => api?.stop())

const cleanUp: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end()
})

const alice = aFile('alice')
const whenAsked = () => aResult({ stopReason: 'Terminated', startedAt: new Date().toISOString(), files: [alice] })
const whenRemoved = () => aResult({ stopReason: 'RemovedByApi', startedAt: new Date().toISOString(), files: [alice] })

async function aNamespace(labels: Record<string, string> = {}) {
  const namespace = await api.namespace()
  if (Object.keys(labels).length > 0) {
    const all: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false }
    await api.client.patch(all, { name: namespace }, { type: 'merge', body: { metadata: { labels } } })
  }
  const kubelet = new ToyKubelet(api.client, namespace, whenAsked)
  cleanUp.push(() => kubelet.stop())
  return { namespace, kubelet }
}

async function anOperator(namespace?: string, limits?: Parameters<typeof runOperator>[2]): Promise<RunningOperator> {
  const operator = await runOperator(api.client, namespace, limits)
  cleanUp.push(() => operator.stop())
  return operator
}

const apply = (namespace: string, spec: Partial<Recording['spec']> = {}, name = 'math') => {
  const { apiVersion, kind, spec: full } = aRecording(spec)
  return api.client.create(resources.recordings, {
    apiVersion,
    kind,
    metadata: { namespace, name },
    spec: full,
  } as New<Recording>)
}

const read = (namespace: string, name = 'math') =>
  api.client.get(resources.recordings, { namespace, name }).catch((error) => {
    if (isNotFound(error)) return undefined
    throw error
  })

const succeeded = async (namespace: string, name?: string) => {
  const condition = findCondition((await read(namespace, name))?.status?.conditions, 'Succeeded')
  return condition && `${condition.status} ${condition.reason}`
}

const untilSucceededIs = (namespace: string, wanted: string, name?: string) =>
  until(`Succeeded is ${wanted}`, async () => (await succeeded(namespace, name)) === wanted, 20_000)

const itemsIn = async <T extends KubeObject>(resource: Resource<T>, namespace: string) =>
  (await api.client.list(resource, { namespace })).items

const nothingIsLeft = (namespace: string) =>
  until(
    'nothing is left',
    async () => {
      const left: KubeObject[] = []
      for (const kind of [resources.recordings, resources.pods, resources.persistentVolumeClaims] as Resource[]) {
        left.push(...(await itemsIn(kind, namespace)))
      }
      return left.length === 0
    },
    20_000,
  )

/** It has been refused so often that it would come by itself in five minutes. */
const waitsForLong = (namespace: string) =>
  until('it waits for long', async () => {
    const { status, ...known } = (await read(namespace))!
    const refusedTime = new Date().toISOString()
    const attempts = status!.attempts!.map((attempt) => ({ ...attempt, refusedTimes: 9, refusedTime }))
    const later = { ...known, status: { ...status, attempts } }
    return api.client.replace(resources.recordings, later, { subresource: 'status' }).then(
      () => true,
      () => false,
    )
  })

/** What keeps the Pods of a namespace from being made, of which nobody tells the operator when it is gone. */
const obstacles: Record<string, { inTheWay(namespace: string): Promise<() => Promise<void>>; says: RegExp }> = {
  'a LimitRange': {
    says: /minimum cpu usage per Container is 1/,
    inTheWay: (namespace) =>
      put({
        ...{ apiVersion: 'v1', kind: 'LimitRange', metadata: { namespace, name: 'large' } },
        spec: { limits: [{ type: 'Container', min: { cpu: '1' } }] },
      }),
  },
  'an admission webhook that does not answer': {
    says: /failed calling webhook "pods.obstacle.example"/,
    inTheWay: async (namespace) => {
      const mend = await put({
        ...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration' },
        metadata: { name: `webhook-${namespace}` },
        webhooks: [
          {
            ...{ name: 'pods.obstacle.example', failurePolicy: 'Fail', sideEffects: 'None', admissionReviewVersions: ['v1'] },
            ...{ clientConfig: { url: 'https://127.0.0.1:1/' }, namespaceSelector: only(namespace), rules: [creating] },
          },
        ],
      })
      await untilRefused(namespace, 'failed calling webhook')
      return mend
    },
  },
  'an admission policy': {
    says: /no Pods before noon/,
    inTheWay: async (namespace) => {
      const name = `policy-${namespace}`
      const apiVersion = 'admissionregistration.k8s.io/v1'
      const mend = await put({
        ...{ apiVersion, kind: 'ValidatingAdmissionPolicy', metadata: { name } },
        spec: {
          ...{ failurePolicy: 'Fail', matchConstraints: { namespaceSelector: only(namespace), resourceRules: [creating] } },
          validations: [{ expression: 'false', message: 'no Pods before noon' }],
        },
      })
      const unbind = await put({
        ...{ apiVersion, kind: 'ValidatingAdmissionPolicyBinding', metadata: { name } },
        spec: { policyName: name, validationActions: ['Deny'] },
      })
      await untilRefused(namespace, 'no Pods before noon')
      return async () => {
        await unbind()
        await mend()
      }
    },
  },
}
const only = (namespace: string) => ({ matchLabels: { 'kubernetes.io/metadata.name': namespace } })
const creating = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods', 'configmaps'] }

/** It is in force a moment after it was made. */
async function untilRefused(namespace: string, why: string): Promise<void> {
  const configMaps: Resource = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true }
  let probes = 0
  await until(`it is refused: ${why}`, () => {
    const probe = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name: `probe-${++probes}` } }
    return api.client.create(configMaps, probe as unknown as New<KubeObject>).then(
      () => false,
      (error: Error) => error.message.includes(why),
    )
  })
}

/** Makes an object, and gives the way to take it away. */
async function put(object: {
  apiVersion: string
  kind: string
  metadata: { namespace?: string; name: string }
  [more: string]: unknown
}) {
  const { apiVersion, kind, metadata } = object
  const [group, version] = apiVersion.includes('/') ? (apiVersion.split('/') as [string, string]) : ['', apiVersion]
  const plural = kind === 'ValidatingAdmissionPolicy' ? 'validatingadmissionpolicies' : `${kind.toLowerCase()}s`
  const resource: Resource = { group, version, plural, kind, namespaced: metadata.namespace !== undefined }
  await api.client.create(resource, object as unknown as New<KubeObject>)
  let isThere = true
  const remove = async () => {
    if (!isThere) return
    isThere = false
    await api.client.delete(resource, metadata as KubeObject['metadata'])
  }
  cleanUp.push(remove)
  return remove
}

describe('on a real API server, a Recording', () => {
  test('whose recorder tolerates what the API server does not know (Gt, with its feature gate off) says so, and lets another have its identity', async () => {
    const { namespace } = await aNamespace()
    const tolerations = [{ key: 'cores', operator: 'Gt' as const, value: '8' }]
    await anOperator(namespace, { recorderPod: podOptionsSchema.parse({ ...restricted, tolerations }) })
    await apply(namespace)
    await untilSucceededIs(namespace, 'Unknown PodRejected')
    const said = findCondition((await read(namespace))?.status?.conditions, 'Succeeded')?.message
    expect(said).toMatch(/tolerations.*"Gt"/)
    expect(holds((await read(namespace))!)).toBe(false)
  })

  test('whose ttlSecondsAfterFinished is set while it is kept goes when its time is up, with all that was its', async () => {
    const { namespace, kubelet } = await aNamespace()
    await anOperator(namespace)
    await apply(namespace)
    kubelet.onRunning = whenRemoved
    await untilSucceededIs(namespace, 'True Completed')
    const body = { spec: { ttlSecondsAfterFinished: 0 } }
    await api.client.patch(resources.recordings, { namespace, name: 'math' }, { type: 'merge', body })
    await nothingIsLeft(namespace)
  })

  test('is recorded, stored and tidied up after, and nothing of it is written but status and finalizer', async () => {
    const { namespace, kubelet } = await aNamespace({ 'pod-security.kubernetes.io/enforce': 'restricted' })
    const operator = await anOperator(namespace)
    const applied = await apply(namespace)
    await untilSucceededIs(namespace, 'Unknown Recording')
    expect(await itemsIn(resources.persistentVolumeClaims, namespace)).toMatchObject([{ metadata: { name: 'math-v1' } }])

    kubelet.onRunning = whenRemoved
    await untilSucceededIs(namespace, 'True Completed')
    await until('Pod and volume are gone', async () => {
      const left = [
        ...(await itemsIn(resources.pods, namespace)),
        ...(await itemsIn(resources.persistentVolumeClaims, namespace)),
      ]
      return left.length === 0
    })
    const finished = await read(namespace)
    expect(finished?.status).toMatchObject({ stopReason: 'RemovedByApi', fileCount: 1, files: [{ userId: 'alice', status: 1 }] })
    expect(finished?.spec).toEqual(applied.spec)
    expect([finished?.metadata.labels, finished?.metadata.annotations, finished?.metadata.generation]).toEqual([
      undefined,
      undefined,
      1,
    ])
    expect(operator.events.map(({ event }) => event.reason)).toEqual(['Completed'])

    await api.client.delete(resources.recordings, { namespace, name: 'math' })
    await nothingIsLeft(namespace)
  })

  test('is finished by its recorder when it is deleted while recording', async () => {
    const { namespace } = await aNamespace()
    await anOperator(namespace)
    await apply(namespace)
    await untilSucceededIs(namespace, 'Unknown Recording')
    await api.client.delete(resources.recordings, { namespace, name: 'math' })
    await nothingIsLeft(namespace)
  })

  test('that is deleted at once leaves nothing', { repeats: 9 }, async () => {
    const { namespace } = await aNamespace()
    await anOperator(namespace)
    await apply(namespace)
    await api.client.delete(resources.recordings, { namespace, name: 'math' })
    await nothingIsLeft(namespace)
  })

  test('that is one of many that are deleted by one call goes with them, whoever hears what becomes of that call', async () => {
    const { namespace } = await aNamespace()
    await anOperator(namespace)
    const names = Array.from({ length: 60 }, (_, index) => `r${index}`)
    await Promise.all(names.map((name, index) => apply(namespace, { roomId: index + 1 }, name)))
    const pods = async () => (await itemsIn(resources.pods, namespace)).length
    await until('each has a Pod', async () => (await pods()) === names.length, 40_000)
    const path = `/apis/trtc-recorder.dev/v1alpha1/namespaces/${namespace}/recordings`
    const deleteAll = (signal: AbortSignal) => api.client.text('DELETE', path, { signal }).catch(() => {})
    // Cut off in the midst of it: the operator sees to those that were deleted, and the others record on.
    await deleteAll(AbortSignal.timeout(30))
    const isDeleted = ({ metadata }: KubeObject) => metadata.deletionTimestamp !== undefined
    await until(
      'who was deleted has no Pod, and nobody else has none',
      async () => {
        const all = await itemsIn(resources.recordings, namespace)
        const live = (await itemsIn(resources.pods, namespace)).filter((pod) => !isDeleted(pod))
        return live.length === all.filter((one) => !isDeleted(one)).length
      },
      40_000,
    )
    await deleteAll(AbortSignal.timeout(30_000))
    await nothingIsLeft(namespace)
  }, 120_000)

  test('never takes a volume of somebody else, and goes on when that is gone', async () => {
    const { namespace } = await aNamespace()
    const foreign: New<PersistentVolumeClaim> = {
      metadata: { namespace, name: 'math-v1' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    }
    const made = await api.client.create(resources.persistentVolumeClaims, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      ...foreign,
    })
    await anOperator(namespace)
    await apply(namespace)
    await untilSucceededIs(namespace, 'Unknown VolumeNotOwned')
    expect(await itemsIn(resources.pods, namespace)).toEqual([])
    expect(await itemsIn(resources.persistentVolumeClaims, namespace)).toMatchObject([{ metadata: { uid: made.metadata.uid } }])
    await api.client.delete(resources.persistentVolumeClaims, { namespace, name: 'math-v1' })
    await untilSucceededIs(namespace, 'Unknown Recording')
  })

  test('is offered the volume that a namesake left, and takes it over when asked', async () => {
    const { namespace, kubelet } = await aNamespace()
    const left: New<PersistentVolumeClaim> = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        namespace,
        name: 'math-v1',
        labels: {
          'app.kubernetes.io/managed-by': 'trtc-recorder-operator',
          'trtc-recorder.dev/recording': 'math',
          'trtc-recorder.dev/recording-uid': 'of-the-first',
        },
      },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    }
    const { metadata } = await api.client.create(resources.persistentVolumeClaims, left)
    const operator = await anOperator(namespace)
    await apply(namespace)
    await untilSucceededIs(namespace, 'Unknown VolumeNotOwned')
    expect(findCondition((await read(namespace))?.status?.conditions, 'Started')?.message).toContain(
      'trtc-recorder.dev/take-over-volume',
    )
    kubelet.onRunning = whenRemoved
    const annotations = { 'trtc-recorder.dev/take-over-volume': 'now' }
    await api.client.patch(
      resources.recordings,
      { namespace, name: 'math' },
      { type: 'merge', body: { metadata: { annotations } } },
    )
    await untilSucceededIs(namespace, 'True Completed')
    expect(operator.events.map(({ event }) => `${event.reason} ${event.note}`)).toContainEqual(
      expect.stringMatching(/^AnnotationHeeded .*PersistentVolumeClaim math-v1 is taken over/),
    )
    const uploads = (await read(namespace))?.status?.attempts?.filter((attempt) => attempt.uploadOnly)
    expect(uploads).toMatchObject([{ volume: 'math-v1' }])
    await until('it is emptied and gone', async () =>
      (await itemsIn(resources.persistentVolumeClaims, namespace)).every((claim) => claim.metadata.uid !== metadata.uid),
    )
  })

  test('waits while the namespace’s quota is used up, and says so', async () => {
    const { namespace } = await aNamespace()
    const quotas: Resource = { group: '', version: 'v1', plural: 'resourcequotas', kind: 'ResourceQuota', namespaced: true }
    const quota = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { namespace, name: 'none' },
      spec: { hard: { pods: '0' } },
    }
    const made = await api.client.create(quotas, quota as New<KubeObject>)
    const status = { hard: { pods: '0' }, used: { pods: '0' } }
    await api.client.replace(quotas, { ...made, status } as KubeObject, { subresource: 'status' })
    await anOperator(namespace)
    await apply(namespace)
    await untilSucceededIs(namespace, 'Unknown QuotaExceeded')
    expect(findCondition((await read(namespace))?.status?.conditions, 'Started')?.message).toContain('exceeded quota: none')
    await waitsForLong(namespace)
    await api.client.delete(quotas, { namespace, name: 'none' })
    await untilSucceededIs(namespace, 'Unknown Recording')
  })

  test('begins at once when a quota that it waits for is raised', async () => {
    const { namespace } = await aNamespace()
    const quota = { metadata: { namespace, name: 'few' }, spec: { hard: { pods: '0' } } }
    const made = await api.client.create(resources.resourceQuotas, quota as unknown as New<ResourceQuota>)
    const reckoned = async (pods: string) => {
      const known = await api.client.get(resources.resourceQuotas, made.metadata)
      const raised = await api.client.replace(resources.resourceQuotas, { ...known, spec: { hard: { pods } } } as ResourceQuota)
      const status = { hard: { pods }, used: { pods: '0' } }
      await api.client.replace(resources.resourceQuotas, { ...raised, status }, { subresource: 'status' })
    }
    await reckoned('0')
    await anOperator(namespace)
    await apply(namespace)
    await untilSucceededIs(namespace, 'Unknown QuotaExceeded')
    await waitsForLong(namespace)
    await reckoned('1')
    await untilSucceededIs(namespace, 'Unknown Recording')
  })

  test('begins at once when the PriorityClass is made that it lacks', async () => {
    const { namespace } = await aNamespace()
    const name = `exam-${namespace}`
    await anOperator(namespace)
    await apply(namespace, { priorityClassName: name })
    await untilSucceededIs(namespace, 'Unknown PodRejected')
    expect(findCondition((await read(namespace))?.status?.conditions, 'Succeeded')?.message).toContain(
      `no PriorityClass with name ${name}`,
    )
    await waitsForLong(namespace)
    const made = await api.client.create(resources.priorityClasses, {
      ...{ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, value: 1000 },
    } as unknown as New<PriorityClass>)
    cleanUp.push(async () => void (await api.client.delete(resources.priorityClasses, made.metadata)))
    await untilSucceededIs(namespace, 'Unknown Recording')
  })

  test.each(Object.entries(obstacles))(
    'whose Pod %s refuses says so, and goes on by itself when that is mended',
    async (_, { inTheWay, says }) => {
      const { namespace } = await aNamespace()
      const mend = await inTheWay(namespace)
      await anOperator(namespace)
      await apply(namespace)
      await untilSucceededIs(namespace, 'Unknown PodRejected')
      expect(findCondition((await read(namespace))?.status?.conditions, 'Succeeded')?.message).toMatch(says)
      await mend()
      await untilSucceededIs(namespace, 'Unknown Recording')
    },
    60_000,
  )

  test('waits in line where two may record at once, also when another operator takes over, and begins when a place is free', async () => {
    const { namespace, kubelet } = await aNamespace()
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    for (const [index, name] of names.entries()) await apply(namespace, { roomId: index + 1 }, name)
    const former = await anOperator(namespace, { recordingsPerNamespace: 2 })
    const recording = async () => {
      const states = await Promise.all(names.map((name) => succeeded(namespace, name)))
      return names.filter((_, index) => states[index] === 'Unknown Recording')
    }
    await until('two record', async () => (await recording()).length === 2)
    await until('four wait', async () => {
      const states = await Promise.all(names.map((name) => succeeded(namespace, name)))
      return states.filter((state) => state === 'Unknown Queued').length === 4
    })
    await former.stop()
    await anOperator(namespace, { recordingsPerNamespace: 2 })
    kubelet.onRunning = whenRemoved
    for (const name of names) await untilSucceededIs(namespace, 'True Completed', name)
    expect(kubelet.mostAtOnce).toBeLessThanOrEqual(2)
    expect(kubelet.seen.size).toBe(names.length)
  })

  test('waits for another one with its identity, in another namespace, and begins when that is finished', async () => {
    const [one, two] = [await aNamespace(), await aNamespace()]
    await anOperator()
    await apply(one.namespace, { userId: 'shared' }, 'first')
    await untilSucceededIs(one.namespace, 'Unknown Recording', 'first')
    await apply(two.namespace, { userId: 'shared' }, 'second')
    await untilSucceededIs(two.namespace, 'Unknown IdentityInUse', 'second')
    // What is in another namespace is nobody's business there.
    const message = findCondition((await read(two.namespace, 'second'))?.status?.conditions, 'Succeeded')?.message
    expect(message).toContain('A Recording of another namespace')
    expect(message).not.toContain(one.namespace)
    one.kubelet.onRunning = whenRemoved
    await untilSucceededIs(two.namespace, 'Unknown Recording', 'second')
    expect(await succeeded(one.namespace, 'first')).toBe('True Completed')
  })

  test('marks its files where another one writes files of the room to the same folder', async () => {
    const [one, two] = [await aNamespace(), await aNamespace()]
    await anOperator()
    await apply(one.namespace, { roomId: 4711, userId: 'first' })
    await untilSucceededIs(one.namespace, 'Unknown Recording')
    await apply(two.namespace, { roomId: 4711, userId: 'second' })
    await untilSucceededIs(two.namespace, 'Unknown Recording')
    const jobOf = async (namespace: string) => jobIn((await itemsIn(resources.pods, namespace))[0]!)
    const { uid } = (await read(two.namespace))!.metadata
    expect((await jobOf(two.namespace)).fileMark).toBe(uid.slice(0, 8))
    expect((await jobOf(one.namespace)).fileMark).toBeUndefined()
  })

  test('whose finalizer was taken off by force leaves no Pod behind for ever', async () => {
    const { namespace } = await aNamespace()
    await anOperator(namespace)
    await apply(namespace)
    await untilSucceededIs(namespace, 'Unknown Recording')
    await api.client.patch(
      resources.recordings,
      { namespace, name: 'math' },
      { type: 'merge', body: { metadata: { finalizers: null } } },
    )
    await api.client.delete(resources.recordings, { namespace, name: 'math' })
    // What the garbage collector would do.
    const [pod] = await itemsIn(resources.pods, namespace)
    await api.client.delete(resources.pods, pod!.metadata)
    await until('the Pod is gone', async () => (await itemsIn(resources.pods, namespace)).length === 0)
  })

  test('costs at most ten writes of the operator, Events included', async () => {
    const { namespace, kubelet } = await aNamespace()
    kubelet.onRunning = whenRemoved
    const counting = clientThatDies(api.client, Number.POSITIVE_INFINITY, 'before')
    const operator = await runOperator(counting.client, namespace)
    cleanUp.push(() => operator.stop())
    await apply(namespace)
    await untilSucceededIs(namespace, 'True Completed')
    await api.client.delete(resources.recordings, { namespace, name: 'math' })
    await nothingIsLeft(namespace)
    // Whatever its recorder says of its progress, or that it cannot be asked, comes on top.
    const beyondProgress = counting.writes.length + operator.events.length - 1
    expect(beyondProgress, counting.writes.join('\n')).toBeLessThanOrEqual(10)
    // Three go before its Pod, that one included; what there is to tell comes after.
    expect(counting.writes.slice(0, 4).map((write) => write.split(' ')[0])).toEqual([
      'recordings',
      'persistentvolumeclaims',
      'pods',
      'recordings',
    ])
  })
})

test('an operator that is restarted while recording changes nothing', async () => {
  const { namespace } = await aNamespace()
  const first = await runOperator(api.client, namespace)
  await apply(namespace)
  await untilSucceededIs(namespace, 'Unknown Recording')
  // It has told all there is to tell when it has tried to ask the recorder, who cannot be reached here.
  await expect
    .poll(async () => findCondition((await read(namespace))?.status?.conditions, 'Succeeded')?.message)
    .toContain('How it is doing is not known')
  await first.stop()
  const before = await read(namespace)
  await anOperator(namespace)
  await new Promise((resolve) => setTimeout(resolve, 500))
  const after = await read(namespace)
  expect(isDeepStrictEqual(after, before)).toBe(true)
})
