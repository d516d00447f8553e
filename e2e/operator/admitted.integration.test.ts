import { afterAll, beforeAll, expect, test } from 'vitest'
import { clipsAnnotation } from '../../api/src/index.ts'
import { largestSpec } from '../../api/src/testing/largest.ts'
import type { KubeObject, New, Resource } from '../../kube/src/index.ts'
import { isInvalid, resources } from '../../kube/src/index.ts'
import { parseConfig } from '../../operator/src/config.ts'
import { podConfig } from '../../operator/src/recording/controller.ts'
import { podName, volumeName } from '../../operator/src/recording/names.ts'
import { recorderPod } from '../../operator/src/recording/pod.ts'
import { volumeClaim } from '../../operator/src/recording/pvc.ts'
import { type ApiServer, startApiServer } from './api-server.ts'
import { newRecording } from './recordings.ts'

/** What the API server admits of a Recording, it has to take in a Pod and a volume, too: odd values of every field that comes to stand there. */

let api: ApiServer
beforeAll(async () => {
  api = await startApiServer()
})
afterAll(() => api?.stop())

const long = (length: number) => 'x'.repeat(length)
const quantities = [
  ...[
    '',
    '0',
    '-1',
    '+1',
    ' 1',
    '0.0001',
    '1e3',
    '1E3',
    '1e-3',
    '1n',
    '1u',
    '100m',
    '5.',
    '.5',
    '1_0',
    '1k',
    '1.5',
    '2Gi',
    '64Mi',
    '65Mi',
    '0.5Gi',
  ],
  ...['1Ei', '9E', '99999E', '1e18', '12345678901234567890'],
]
const names = [
  ...['a', '1', 'a.b', '1.2.3', 'a..b', 'a-', 'a.-b', 'A', 'a_b', 'a/b', 'ü', '.', '..', '..a', '.a', '-', '_', '..data'],
  ...[long(63), long(64), `${long(70)}.a`, long(253), long(254)],
]
const tolerations = ['Exists', 'Equal', 'Lt', '', undefined].flatMap((operator) =>
  ['NoExecute', 'NoSchedule', '', undefined].flatMap((effect) =>
    ['a', '', undefined, 'a/b', 'A b', `${long(254)}/a`].flatMap((key) =>
      ['', 'v', 'v v', '5', '-5', long(64), undefined].flatMap((value) =>
        [undefined, 0, -1].map((tolerationSeconds) => ({ operator, effect, key, value, tolerationSeconds })),
      ),
    ),
  ),
)
const cos = { region: 'ap-guangzhou', bucket: 'recordings-1250000000' }
const specs: object[] = [
  ...quantities.flatMap((quantity) => [
    { storage: { size: quantity } },
    ...['cpu', 'memory', 'ephemeral-storage', 'nvidia.com/gpu'].flatMap((resource) =>
      ['requests', 'limits'].map((which) => ({ resources: { [which]: { [resource]: quantity } } })),
    ),
  ]),
  ...names.flatMap((name) => [
    ...[{ userSigSecretRef: { name } }, { userSigSecretRef: { name: 'a', key: name } }, { serviceAccountName: name }],
    ...[{ cos: { ...cos, credentialsSecretRef: { name } } }, { storage: { storageClassName: name } }],
    ...[name, `${name}/a`, `a/${name}`].map((key) => ({ nodeSelector: { [key]: 'b' } })),
    { nodeSelector: { a: name } },
  ]),
  ...tolerations.map((toleration) => ({ tolerations: [toleration] })),
]
/** As large as there are, in characters of four bytes, of one that is two in JSON, and in plain ones. What a name stands for is there. */
const largest = ['😀', '"', 'x'].map((fill) => ({ ...largestSpec([fill]), priorityClassName: undefined }))
const recordingNames = [
  '1',
  'a.b',
  '1.a',
  'a--b',
  'a-a1',
  'a-v1',
  `${long(25)}.${long(24)}`,
  long(50),
  long(52),
  long(53),
  long(63),
]

test('a Recording that is admitted has a Pod and a volume that are', async () => {
  const namespace = await api.namespace()
  const settings = { IDENTITY: 'a', LEASE_NAMESPACE: 'a', LEASE_NAME: 'a', RECORDER_IMAGE: 'recorder' }
  const variables = Object.entries(settings).map(([name, value]) => [`TRTC_RECORDER_${name}`, value])
  const config = podConfig(parseConfig(Object.fromEntries(variables)), { allow: [], deny: [], apiServer: [], allowPrivate: true })
  const refused: string[] = []
  let admitted = 0

  async function tryOne(name: string, spec: object): Promise<boolean> {
    const recording = await api.client.create(resources.recordings, newRecording(namespace, name, spec)).catch((error) => {
      if (!isInvalid(error)) throw error
      return undefined
    })
    if (recording === undefined) return false
    admitted += 1
    const take = <T extends KubeObject>(resource: Resource<T>, object: New<T>) =>
      api.client
        .create(resource, object)
        .catch((error: Error) => refused.push(`${name} ${JSON.stringify(spec)}: ${error.message}`))
    // The first names there are, and the longest.
    for (const [attempt, number] of [
      [1, 1],
      [99_999, 16],
    ] as const) {
      const volume = volumeName(name, number)
      await take(resources.persistentVolumeClaims, volumeClaim(recording, volume, config.options))
      const pod = recorderPod(recording, { attempt, uploadOnly: false, volume, isBesideOthers: false }, config)
      expect(pod.metadata.name).toBe(podName(name, attempt))
      await take(resources.pods, pod)
      // With what a recorder is asked for besides.
      const body = { metadata: { annotations: { [clipsAnnotation]: 'x'.repeat(140_000) } } }
      await api.client
        .patch(resources.pods, pod.metadata as { namespace: string; name: string }, { type: 'merge', body })
        .catch((error: Error) => refused.push(`${name}: ${error.message}`))
    }
    return true
  }

  for (const name of recordingNames) await tryOne(name, {})
  for (let first = 0; first < specs.length; first += 20) {
    await Promise.all(specs.slice(first, first + 20).map((spec, index) => tryOne(`odd-${first + index}`, spec)))
  }
  for (const [index, spec] of largest.entries()) expect(await tryOne(`largest-${index}`, spec)).toBe(true)
  expect(refused).toEqual([])
  // Of each kind something is, so that nothing is taken for admitted that was refused for another reason.
  expect(admitted).toBeGreaterThan(150)
  expect(admitted).toBeLessThan(specs.length)
})
