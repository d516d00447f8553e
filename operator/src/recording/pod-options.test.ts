import { describe, expect, test } from 'vitest'
import { recorderPod } from './pod.ts'
import { podOptionsSchema, withOptions } from './pod-options.ts'
import { aRecording, podConfig } from './testing.ts'

const podOf = (options: object, spec: object = {}) => {
  const config = { ...podConfig, options: podOptionsSchema.parse(options) }
  return recorderPod(aRecording(spec), anOrder, config)
}
/** One that only uploads, for that has no toleration of the operator's own. */
const anOrder = { attempt: 1, uploadOnly: true, volume: 'math', isBesideOthers: false }

describe('an administrator’s options', () => {
  test('are not there where nothing is said, and then nobody says who runs as whom', () => {
    const { spec } = podOf({})
    expect(spec).not.toHaveProperty('securityContext')
    expect(spec?.containers[0]).not.toHaveProperty('securityContext')
    for (const name of ['nodeSelector', 'tolerations', 'affinity', 'hostAliases', 'dnsConfig'])
      expect(spec).not.toHaveProperty(name)
  })

  test('place a recorder whose Recording does not say where', () => {
    const options = {
      nodeSelector: { pool: 'media' },
      tolerations: [{ key: 'media', operator: 'Exists' }],
      priorityClassName: 'low',
    }
    expect(podOf(options).spec).toMatchObject(options)
    const own = { nodeSelector: { pool: 'mine' }, tolerations: [{ operator: 'Exists' }], priorityClassName: 'high' }
    expect(podOf(options, own).spec).toMatchObject(own)
  })

  test('add labels, annotations, environment, volumes and mounts, and change none of the operator’s own', () => {
    const pod = podOf({
      labels: { team: 'media', 'trtc-recorder.dev/attempt': '99' },
      annotations: { 'linkerd.io/inject': 'disabled', 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true' },
      env: [
        { name: 'HTTPS_PROXY', value: 'http://proxy:3128' },
        { name: 'CFS_PATH', value: '/elsewhere' },
      ],
      volumes: [{ name: 'ca-bundle', configMap: { name: 'ca' } }],
      volumeMounts: [{ name: 'ca-bundle', mountPath: '/etc/ca' }],
    })
    expect(pod.metadata.labels).toMatchObject({ team: 'media', 'trtc-recorder.dev/attempt': '1' })
    expect(pod.metadata.annotations).toMatchObject({
      'linkerd.io/inject': 'disabled',
      'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
    })
    const [container] = pod.spec!.containers
    expect(container?.env).toContainEqual({ name: 'HTTPS_PROXY', value: 'http://proxy:3128' })
    expect(container?.env?.filter(({ name }) => name === 'CFS_PATH')).toEqual([{ name: 'CFS_PATH', value: '/work' }])
    expect(container?.volumeMounts).toContainEqual({ name: 'ca-bundle', mountPath: '/etc/ca' })
    expect(pod.spec?.volumes?.map(({ name }) => name)).toEqual(expect.arrayContaining(['work', 'ca-bundle']))
  })

  test('are refused where they are none', () => {
    expect(podOptionsSchema.safeParse({ nodeSelektor: {} }).success).toBe(false)
  })
})

test('an empty option leaves a Pod as it is', () => {
  const pod = podOf({})
  expect(withOptions(pod, podOptionsSchema.parse({}))).toEqual(pod)
})
