import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'
import type { KubeObject } from '../../kube/src/index.ts'
import { parseConfig } from '../../operator/src/config.ts'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'

/** The chart as Helm renders it, for the tests beside this file. */
export const chart = new URL('../../charts/trtc-recorder', import.meta.url).pathname

export interface Rule {
  apiGroups: string[]
  resources: string[]
  verbs: string[]
  resourceNames?: string[]
}
export interface Manifest extends KubeObject {
  kind: string
  rules?: Rule[]
  spec?: {
    template: {
      metadata: object
      spec: { containers: { name?: string; env: { name: string; value?: string }[] }[]; volumes?: { name: string }[] }
    }
  }
}

/** Helm with a home of its own. */
export class Helm {
  readonly #binary: string
  readonly #home: string
  readonly #kubeconfig: string | undefined

  private constructor(binary: string, home: string, kubeconfig: string | undefined) {
    this.#binary = binary
    this.#home = home
    this.#kubeconfig = kubeconfig
  }

  /** `kubeconfig`: of the cluster that it works on; a chart can be rendered without one. */
  static async open(kubeconfig?: string): Promise<Helm> {
    const { helm } = await ensureBinaries(['helm'])
    return new Helm(helm, await mkdtemp(join(tmpdir(), 'trtc-recorder-helm-')), kubeconfig)
  }

  close = () => rm(this.#home, { recursive: true, force: true })

  valuesFile = async (values: object): Promise<string> => {
    const file = join(this.#home, `values-${Math.random()}.json`)
    await writeFile(file, JSON.stringify(values))
    return file
  }

  run = async (...args: string[]): Promise<string> => {
    const home = this.#home
    const homes = { HOME: home, HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home }
    const env = { ...process.env, ...homes, KUBECONFIG: this.#kubeconfig ?? join(home, 'none') }
    const { stdout } = await promisify(execFile)(this.#binary, args, { env })
    return stdout
  }

  render = async (...set: string[]): Promise<Manifest[]> => {
    const values = set.flatMap((value) => ['--set', value])
    return manifestsIn(await this.run('template', 'demo', chart, '--namespace', 'trtc', ...values))
  }

  /** As it is for a cluster of this version. */
  renderFor = async (version: string): Promise<Manifest[]> =>
    manifestsIn(await this.run('template', 'demo', chart, '--namespace', 'trtc', '--kube-version', version))

  /** The same with values as they stand in a file. */
  renderValues = async (values: object, namespace = 'trtc'): Promise<Manifest[]> => {
    const file = await this.valuesFile(values)
    return manifestsIn(await this.run('template', 'demo', chart, '--namespace', namespace, '--values', file))
  }
}

const manifestsIn = (text: string) => parseAllDocuments(text).flatMap((document) => (document.toJS() as Manifest | null) ?? [])

export const ofKind = (manifests: Manifest[], kind: string) => manifests.filter((manifest) => manifest.kind === kind)
export const rulesOf = (manifests: Manifest[]) => manifests.flatMap((manifest) => manifest.rules ?? [])
export const templateOf = (manifests: Manifest[]) => ofKind(manifests, 'Deployment')[0]!.spec!.template
export const gatewayOf = (manifests: Manifest[]) =>
  ofKind(manifests, 'Deployment').find(({ metadata }) => metadata.name.endsWith('-gateway'))!.spec!.template

/** The operator's settings, as it would read them. */
export const settingsOf = (spec: { containers: { env: { name: string; value?: string }[] }[] }) =>
  parseConfig(variablesIn(spec.containers[0]!.env))

/** The variables of a container as its process has them: `$$` is one `$`, and `$(NAME)` the value of a variable that stands before it. */
export function variablesIn(env: readonly { name: string; value?: string }[]): Record<string, string> {
  const known: Record<string, string> = {}
  for (const { name, value = 'demo-0' } of env) {
    known[name] = value.replace(/\$(?:\$|\(([^)]*)\))/g, (all, other) => (all === '$$' ? '$' : (known[other] ?? all)))
  }
  return known
}

/** Every optional part of the chart. */
export const everythingOn = (values: object) => {
  const part = (name: string, more: object) => ({ [name]: { ...(values as Record<string, object>)[name], ...more } })
  return {
    ...part('networkPolicy', { enabled: true }),
    ...part('gateway', {
      ...{ enabled: true, callersSecret: 'callers', namespaces: ['lessons'], ingress: { enabled: true } },
      policies: { enabled: true, applicationsSecret: 'applications', applicationsKey: 'applications.yaml' },
    }),
    ...part('caBundle', { secretName: 'ca', configMapName: '' }),
    ...part('metrics', { podMonitor: { enabled: true }, prometheusRule: { enabled: true }, dashboard: { enabled: true } }),
  }
}
