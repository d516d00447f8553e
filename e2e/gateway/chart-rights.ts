import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'
import type { KubeObject, New, Resource } from '../../kube/src/index.ts'
import type { ApiServer } from '../operator/api-server.ts'

const run = promisify(execFile)
const chart = new URL('../../charts/trtc-recorder', import.meta.url).pathname

const kinds: Record<string, Pick<Resource, 'group' | 'plural' | 'namespaced'>> = {
  Role: { group: 'rbac.authorization.k8s.io', plural: 'roles', namespaced: true },
  RoleBinding: { group: 'rbac.authorization.k8s.io', plural: 'rolebindings', namespaced: true },
  ClusterRole: { group: 'rbac.authorization.k8s.io', plural: 'clusterroles', namespaced: false },
  ClusterRoleBinding: { group: 'rbac.authorization.k8s.io', plural: 'clusterrolebindings', namespaced: false },
  ValidatingAdmissionPolicy: { group: 'admissionregistration.k8s.io', plural: 'validatingadmissionpolicies', namespaced: false },
  ValidatingAdmissionPolicyBinding: {
    ...{ group: 'admissionregistration.k8s.io', plural: 'validatingadmissionpolicybindings', namespaced: false },
  },
}

/** Gives `gatewayUser` what the chart gives its gateway, and puts the chart's admission policies in force. `values`: of the chart, over an enabled gateway. */
export async function applyGatewayRights(
  api: ApiServer,
  helm: string,
  { gateway, ...values }: { gateway: object; [name: string]: object },
): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'trtc-recorder-chart-'))
  try {
    const file = join(home, 'values.json')
    await writeFile(file, JSON.stringify({ ...values, gateway: { enabled: true, callersSecret: 'callers', ...gateway } }))
    const env = { ...process.env, HOME: home, HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home }
    const { stdout } = await run(helm, ['template', 'demo', chart, '--namespace', 'trtc', '--values', file], { env })
    for (const document of parseAllDocuments(stdout)) {
      const manifest = document.toJS() as KubeObject | null
      const kind = kinds[manifest?.kind ?? '']
      const isGateways = manifest?.metadata.name.endsWith('-gateway') || manifest?.kind?.startsWith('ValidatingAdmission')
      if (manifest === null || kind === undefined || !isGateways) continue
      await api.client.create({ ...kind, version: 'v1', kind: manifest.kind! }, manifest as New<KubeObject>)
    }
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}
