import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { images } from '../images/index.ts'
import { ensureBinaries } from './binaries.ts'
import { clusterDown, clusterStatus, clusterUp, kubeconfigFile } from './index.ts'
import { isConnected } from './namespaces.ts'
import { stateDirectory } from './paths.ts'
import { traces } from './testing/traces.ts'

// A cluster that somebody is using is not theirs to kill.
const inUse = (await clusterStatus()).state !== 'down' || isConnected()
const thirtyMinutes = 30 * 60_000

/** A Pod as the operator's: no root, nothing writable but its volume, no token. */
const pod = (image: string) => `
apiVersion: v1
kind: Namespace
metadata: { name: try, labels: { pod-security.kubernetes.io/enforce: restricted } }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: work, namespace: try }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
---
apiVersion: v1
kind: Pod
metadata: { name: recorder, namespace: try }
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  securityContext: { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000, seccompProfile: { type: RuntimeDefault } }
  volumes: [{ name: work, persistentVolumeClaim: { claimName: work } }]
  containers:
    - name: recorder
      image: ${image}
      command: [sh, -c, "id -u; echo recorded > /work/file && cat /work/file; echo stored > /dev/termination-log"]
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
      volumeMounts: [{ name: work, mountPath: /work }]
`

describe.skipIf(inUse)('the cluster', () => {
  let kubectl: (args: string[], input?: string) => string
  let before: ReturnType<typeof traces>

  beforeAll(async () => {
    const binaries = await ensureBinaries(['kubectl'])
    kubectl = (args, input) =>
      execFileSync(binaries.kubectl, ['--kubeconfig', kubeconfigFile, ...args], { encoding: 'utf8', ...(input ? { input } : {}) })
    before = traces()
    await clusterUp()
  }, thirtyMinutes)
  afterAll(() => clusterDown())

  it(
    'runs a Pod without root that keeps a file on its volume and says how it ended',
    async () => {
      const { recorder } = await images()
      kubectl(['apply', '-f', '-'], pod(recorder))
      kubectl(['wait', '-n', 'try', 'pod/recorder', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s'])
      expect(kubectl(['logs', '-n', 'try', 'recorder'])).toBe('1000\nrecorded\n')
      const message = '{.status.containerStatuses[0].state.terminated.message}'
      expect(kubectl(['get', 'pod', '-n', 'try', 'recorder', '-o', `jsonpath=${message}`])).toBe('stored\n')
    },
    thirtyMinutes,
  )

  it('refuses a Pod that breaks the restricted profile', () => {
    const privileged = pod('x').replace('name: recorder, namespace', 'name: other, namespace').replace('runAsNonRoot: true, ', '')
    expect(() => kubectl(['apply', '-f', '-'], privileged)).toThrow('violates PodSecurity "restricted:latest"')
  })

  it('deletes the data of a claim with the claim', () => {
    const volumes = join(stateDirectory, 'cluster/volumes')
    expect(readdirSync(volumes)).toHaveLength(1)
    const volume = kubectl(['get', 'pv', '-o', 'name']).trim()
    kubectl(['delete', 'namespace', 'try', '--wait=false'])
    kubectl(['wait', '--for=delete', volume, '--timeout=60s'])
    expect(readdirSync(volumes)).toHaveLength(0)
  }, 90_000)

  it('is left alone when it is up already', async () => {
    expect((await clusterUp()).started).toBe(false)
  })

  it('starts anew, without anything of the last one, after it was killed', async () => {
    const status = await clusterStatus()
    if (status.state === 'down') throw new Error('it is down')
    kubectl(['create', 'namespace', 'of-the-killed-one'])
    process.kill(status.pid, 'SIGKILL')
    await expect.poll(async () => (await clusterStatus()).state, { timeout: 10_000 }).toBe('down')
    expect((await clusterUp()).started).toBe(true)
    expect(kubectl(['get', 'namespaces', '-o', 'name'])).not.toContain('of-the-killed-one')
  })

  it('leaves the machine as it was', async () => {
    await clusterDown()
    await clusterDown()
    expect(traces()).toEqual(before)
    expect(existsSync(kubeconfigFile)).toBe(false)
  })
})
