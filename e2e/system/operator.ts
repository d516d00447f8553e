import { join } from 'node:path'
import { projectDirectory } from '../../sandbox/src/cluster/paths.ts'
import { must } from './kubectl.ts'
import type { World } from './world.ts'

export const release = 'trtc-recorder'
export const operatorNamespace = 'trtc-recorder'
const chart = join(projectDirectory, 'charts/trtc-recorder')

/** What the sandbox needs of the chart: this checkout's images, and trust in the room's certificate. */
export function chartValues({ images, spki }: World, gateway?: object) {
  const image = (reference: string) => {
    const colon = reference.lastIndexOf(':')
    return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1), pullPolicy: 'Never' }
  }
  return {
    image: image(images.operator),
    recorder: {
      image: image(images.recorder),
      chromiumArgs: `--ignore-certificate-errors-spki-list=${spki}`,
      // Two cores have to do for the recorders of two files of tests, the room and the cluster.
      resources: { requests: { cpu: '100m', memory: '512Mi' }, limits: { memory: '2Gi' } },
    },
    callback: { signing: { enabled: true } },
    ...(gateway === undefined ? {} : { gateway: { enabled: true, image: image(images.gateway), ...gateway } }),
  }
}

/** Label of namespaces that only tests have. */
export const ofATest = { 'trtc-recorder.test/is': 'of-a-test' }

/** Makes a namespace in which only Pods of the restricted profile are let in. */
export async function makeNamespace(name: string, more: Record<string, string> = {}): Promise<void> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted', ...more }
  await must('kubectl', ['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }))
}

/** Installs the chart, or upgrades it to this checkout's, and waits until the operator is ready. `from`: another chart than this checkout's. */
export async function installOperator(
  world: World,
  { values = {}, from = chart }: { values?: object; from?: string } = {},
): Promise<void> {
  await makeNamespace(operatorNamespace)
  const flags = ['--namespace', operatorNamespace, '--values', '-', '--wait', '--timeout', '3m']
  await must('helm', ['upgrade', '--install', release, from, ...flags], JSON.stringify({ ...chartValues(world), ...values }))
}
