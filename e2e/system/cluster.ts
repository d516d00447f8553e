/** The sandbox's cluster as tests and the demo use it: up, with the chart installed, asked through kubectl and Helm like any other. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { type allBinaries, ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'
import { kubeconfigFile } from '../../sandbox/src/cluster/index.ts'
import { onScreen, type Report } from '../../sandbox/src/progress.ts'
import { status, type UpOptions, up } from '../../sandbox/src/sandbox.ts'
import { sandboxFile, sandboxState } from '../../sandbox/src/services.ts'

/** One release serves all namespaces. Two of them would both work on every Recording, so the demo and the tests share it. */
export const release = { name: 'trtc-recorder', namespace: 'trtc-recorder' } as const

const chart = fileURLToPath(new URL('../../charts/trtc-recorder', import.meta.url))
const longestOutputBytes = 64 * 1024 * 1024

/** Addresses and keys of the running stand-ins, and references of the images. */
export interface Sandbox {
  room: { unifiedProxy: string; spki: string; controlUrl: string }
  cos: { endpoint: string; controlUrl: string }
  callback: { url: string; controlUrl: string }
  images: { recorder: string; operator: string }
}

export function sandbox(): Sandbox {
  const state = sandboxState()
  for (const part of ['room', 'cos', 'callback', 'images'] as const) {
    if (state[part] === undefined) throw new Error(`${sandboxFile} says nothing of ${part}. Start the sandbox: make sandbox-up`)
  }
  return state as unknown as Sandbox
}

/** Starts what does not run, from the sources as they are. `started`: nothing ran before, so that whoever asked may end it. */
export async function ensureSandbox(options: UpOptions = {}): Promise<{ started: boolean }> {
  const before = await status()
  const started = [before.cluster, ...Object.values(before.services)].every(({ state }) => state === 'down')
  await up(options)
  return { started }
}

/** Values that make the chart work in the sandbox: its images, its certificate, and room for several recorders on one small node. */
export function sandboxValues({ images, room }: Sandbox = sandbox()) {
  const image = (reference: string) => {
    const colon = reference.lastIndexOf(':')
    return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1), pullPolicy: 'Never' }
  }
  return {
    image: image(images.operator),
    recorder: {
      image: image(images.recorder),
      chromiumArgs: `--ignore-certificate-errors-spki-list=${room.spki}`,
      resources: { requests: { cpu: '50m', memory: '256Mi' }, limits: { memory: '2Gi' } },
    },
    callback: { signing: { enabled: true } },
  }
}

/** Installs or upgrades the release and waits until the operator is ready. Nothing happens if it is as wanted already. */
export async function installChart(report: Report = onScreen, values: object = sandboxValues()): Promise<void> {
  const step = report('Installing the chart')
  try {
    await kubectl(['apply', '--filename', '-'], stringify(restrictedNamespace(release.namespace)))
    const options = ['--namespace', release.namespace, '--wait', '--timeout', '120s', '--values', '-']
    await helm(['upgrade', '--install', release.name, chart, ...options], stringify(values))
    step.done()
  } catch (error) {
    step.failed('helm failed')
    throw new Error(`${(error as Error).message}\n${await operatorLog().catch(() => 'The operator has no log.')}`)
  }
}

/** A Namespace whose Pods must keep to the restricted Pod Security profile. */
export const restrictedNamespace = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
})

export const operatorSelector = `app.kubernetes.io/instance=${release.name},app.kubernetes.io/component=operator`

export const operatorLog = (lines = 60) =>
  kubectl(['logs', '--namespace', release.namespace, '--selector', operatorSelector, `--tail=${lines}`])

/** Runs kubectl on the cluster; what it says on stderr is the error. */
export const kubectl = (args: readonly string[], input?: string) =>
  run('kubectl', ['--kubeconfig', kubeconfigFile, ...args], input)

export const helm = (args: readonly string[], input?: string) => run('helm', ['--kubeconfig', kubeconfigFile, ...args], input)

export const binary = async (name: (typeof allBinaries)[number]) => (await ensureBinaries([name]))[name]

async function run(name: 'kubectl' | 'helm', args: readonly string[], input = ''): Promise<string> {
  const path = await binary(name)
  return new Promise((resolve, reject) => {
    const child = execFile(path, args, { maxBuffer: longestOutputBytes }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${name} ${args.slice(2).join(' ')}: ${stderr.trim() || error.message}`))
      else resolve(stdout)
    })
    child.stdin?.on('error', () => {}) // one that ends early says why on stderr
    child.stdin?.end(input)
  })
}
