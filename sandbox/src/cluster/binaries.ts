import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { spawnChild } from '../children.ts'
import { onScreen, type Report } from '../progress.ts'
import { cacheDirectory, contentHash, projectDirectory } from './paths.ts'

const kubernetesVersion = 'v1.34.4'

/** The Go modules in sandbox/cluster/: each pins its commands with go.mod and go.sum; pause, kstatus and promql have source of their own. */
const modules = {
  etcd: { packages: { etcd: 'go.etcd.io/etcd/server/v3' }, ldflags: '' },
  kubernetes: {
    packages: {
      'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
      'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
      'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
      kubelet: 'k8s.io/kubernetes/cmd/kubelet',
      'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
      kubectl: 'k8s.io/kubernetes/cmd/kubectl',
    },
    // Without the version kubectl and Helm see v0.0.0 and charts with a kubeVersion refuse to install.
    ldflags: ['gitVersion=v1.34.4', 'gitMajor=1', 'gitMinor=34'].map((x) => ` -X k8s.io/component-base/version.${x}`).join(''),
  },
  helm: { packages: { helm: 'helm.sh/helm/v4/cmd/helm' }, ldflags: '' },
  pause: { packages: { pause: '.' }, ldflags: '' },
  kstatus: { packages: { kstatus: '.' }, ldflags: '' },
  promql: { packages: { promql: '.' }, ldflags: '' },
} as const

type Module = keyof typeof modules
export type Binary =
  | keyof (typeof modules)['etcd']['packages']
  | keyof (typeof modules)['kubernetes']['packages']
  | keyof (typeof modules)['helm']['packages']
  | keyof (typeof modules)['pause']['packages']
  | keyof (typeof modules)['kstatus']['packages']
  | keyof (typeof modules)['promql']['packages']

/** Libraries of others that only tests ask. */
export const judges = ['kstatus', 'promql'] as const satisfies Binary[]

/** Every command of the cluster, in the order in which they are built. */
export const clusterBinaries = (Object.values(modules).flatMap((module) => Object.keys(module.packages)) as Binary[]).filter(
  (name) => !judges.some((judge) => judge === name),
)

/** Of what a debugger would read, which is stripped at the end, nothing is made: a ninth of the work. */
const gcflags = 'all=-dwarf=false'

/** Folder of a module's commands. A changed go.mod, go.sum or flag gives another folder, so nothing stale is ever run. */
export function binaryDirectory(module: Module): string {
  const source = join(projectDirectory, 'sandbox/cluster', module)
  const files = ['go.mod', 'go.sum', 'main.go']
    .map((name) => join(source, name))
    .filter(existsSync)
    .map((path) => readFileSync(path))
  return join(cacheDirectory(), `bin-${module}-${contentHash([...files, modules[module].ldflags, gcflags])}`)
}

/**
 * Paths of the named commands, built from source where the cache does not have them yet. Minutes on an empty cache, nothing after that.
 * Several processes may ask at once: one builds, the others wait for it.
 */
export async function ensureBinaries<Name extends Binary>(
  names: readonly Name[],
  report: Report = onScreen,
): Promise<Record<Name, string>> {
  const paths = {} as Record<Name, string>
  for (const module of Object.keys(modules) as Module[]) {
    const packages: Readonly<Record<string, string>> = modules[module].packages
    const wanted = names.filter((name) => name in packages)
    if (wanted.length === 0) continue
    const directory = binaryDirectory(module)
    for (const name of wanted) paths[name] = join(directory, name)
    const missing = wanted.filter((name) => !existsSync(paths[name]))
    if (missing.length > 0) await build(module, directory, missing, report)
  }
  return paths
}

/** Path of a command that must be there already, without building it. */
export function builtBinary(name: Binary): string | undefined {
  const module = (Object.keys(modules) as Module[]).find((module) => name in modules[module].packages)
  const path = module && join(binaryDirectory(module), name)
  return path && existsSync(path) ? path : undefined
}

async function build(module: Module, directory: string, names: readonly string[], report: Report): Promise<void> {
  const { ldflags } = modules[module]
  const packages = modules[module].packages as Readonly<Record<string, string>>
  mkdirSync(directory, { recursive: true })
  const step = report(`Building ${names.join(', ')}${module === 'kubernetes' ? ` ${kubernetesVersion}` : ''} from source`)
  // Built beside their place and moved there, so that a build that was cut off leaves no half a command behind. Those that another
  // process has built while this one waited for the lock are not built again. In one go, so that one is linked while others are compiled; Go
  // names several after their packages.
  const script = `set -e
    directory="$1"; ldflags="$2"; shift 2
    todo=""; for pair; do [ -x "$directory/\${pair%%=*}" ] || { todo="$todo \${pair#*=}"; name="\${pair%%=*}"; }; done
    case "$todo" in "") exit ;; " "*" "*) name="" ;; esac
    rm -rf "$directory/.staging"; mkdir "$directory/.staging"
    nice go build -v -trimpath -gcflags=${gcflags} -ldflags "-s -w$ldflags" -o "$directory/.staging/$name" $todo
    mv "$directory/.staging"/* "$directory"; rmdir "$directory/.staging"`
  const pairs = names.map((name) => `${name}=${packages[name]}`)
  const go = spawnChild('flock', [join(directory, '.lock'), 'sh', '-c', script, 'sh', directory, ldflags, ...pairs], {
    cwd: join(projectDirectory, 'sandbox/cluster', module),
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' },
  })
  go.stdout.resume()
  const lastLines: string[] = []
  let compiled = 0
  for await (const line of createInterface({ input: go.stderr })) {
    lastLines.push(line)
    if (lastLines.length > 20) lastLines.shift()
    if (line.startsWith('go: downloading')) step.update(line.slice('go: '.length))
    else step.update(`${++compiled} packages, ${line}`)
  }
  const code = await new Promise((resolve) => (go.exitCode === null ? go.once('close', resolve) : resolve(go.exitCode)))
  if (code === 0) return step.done()
  step.failed(`exit code ${code}`)
  throw new Error(
    `go build of ${names.join(', ')} (sandbox/cluster/${module}) failed with exit code ${code}. ` +
      `Is Go 1.25 or newer in PATH, and is its module proxy reachable?\n${lastLines.join('\n')}`,
  )
}
