import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import { parse } from 'yaml'
import type { KubeObject, Resource } from '../../kube/src/index.ts'
import { createKubeClient, isNotFound, isTooManyRequests, type KubeClient } from '../../kube/src/index.ts'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'

/**
 * A real etcd and API server with the CRDs installed and nothing else: no controllers, no nodes, so Pods are objects that stay as they
 * are until a test changes them. RBAC is on; the kubeconfig is an administrator's.
 */
export interface ApiServer {
  kubeConfig: KubeConfig
  /** File with the same, for processes. */
  kubeconfigPath: string
  /** What a Pod has of its account: environment and a folder with token and ca.crt, for processes that find the API server by that. */
  asInPod(): Promise<Record<string, string>>
  client: KubeClient
  /** Process ids of API server and etcd. */
  pids(): number[]
  /** A kubeconfig of a user that RBAC knows under this name and that may do nothing else than it says. */
  userConfig(name: string): KubeConfig
  /** File with the same, for processes. */
  userConfigPath(name: string): Promise<string>
  /** Takes the CRD away, as `kubectl delete crd` would; with it go its objects, once nobody holds them any more. */
  removeDefinition(plural: string): Promise<void>
  installDefinition(plural: string): Promise<void>
  /** Makes the CRD one that does not know these fields (`status.volumes`), as that of an earlier release. None: it is this one's again. */
  forgetFields(plural: string, ...fields: string[]): Promise<void>
  /** A new namespace. */
  namespace(): Promise<string>
  /** Ends the API server; etcd stays. */
  stopServer(): Promise<void>
  startServer(): Promise<void>
  stop(): Promise<void>
}

const namespaces: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false }
const definitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
}
/** The account of the gateway, as the chart's release demo in namespace trtc has it. */
export const gatewayUser = 'system:serviceaccount:trtc:demo-trtc-recorder-gateway'
const users = ['operator', 'tenant', gatewayUser]

/** `auditLog`: a file for each request that is answered, a line of JSON each. */
export async function startApiServer({ auditLog }: { auditLog?: string } = {}): Promise<ApiServer> {
  const binaries = await ensureBinaries(['etcd', 'kube-apiserver'])
  const directory = await mkdtemp(join(tmpdir(), 'trtc-recorder-api-'))
  const [etcdPort, peerPort, port] = await freePorts(3)
  const children: ChildProcess[] = []
  const killAll = () => {
    for (const child of children) child.kill('SIGKILL')
  }
  process.once('exit', killAll)

  const token = randomUUID()
  const userTokens = Object.fromEntries(users.map((name) => [name, randomUUID()]))
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const keyFile = join(directory, 'service-account.key')
  const tokenFile = join(directory, 'tokens.csv')
  await writeFile(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  await writeFile(
    tokenFile,
    [`${token},admin,admin,system:masters`, ...users.map((name) => `${userTokens[name]},${name},${name}`)].join('\n'),
  )

  const run = (command: string, args: string[]) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let tail = ''
    child.stderr?.on('data', (chunk) => {
      tail = (tail + chunk).slice(-4000)
    })
    children.push(child)
    return { child, tail: () => tail }
  }
  const etcd = run(binaries.etcd, [
    ...['--data-dir', join(directory, 'etcd'), '--unsafe-no-fsync', '--log-level', 'warn'],
    ...['--listen-client-urls', `http://127.0.0.1:${etcdPort}`, '--advertise-client-urls', `http://127.0.0.1:${etcdPort}`],
    ...['--listen-peer-urls', `http://127.0.0.1:${peerPort}`],
  ])

  const kubeConfig = configFor(`https://127.0.0.1:${port}`, 'admin', token)
  const kubeconfigPath = join(directory, 'kubeconfig')
  await writeFile(kubeconfigPath, kubeConfig.exportConfig())
  const client = createKubeClient(kubeConfig)

  const audit = auditLog === undefined ? [] : ['--audit-log-path', auditLog, '--audit-policy-file', await auditPolicy(directory)]
  let server: ReturnType<typeof run> | undefined
  async function startServer() {
    server = run(binaries['kube-apiserver'], [
      ...['--etcd-servers', `http://127.0.0.1:${etcdPort}`, '--secure-port', `${port}`, '--bind-address', '127.0.0.1'],
      ...['--cert-dir', join(directory, 'certificates'), '--token-auth-file', tokenFile, '--authorization-mode', 'RBAC'],
      ...['--service-account-key-file', keyFile, '--service-account-signing-key-file', keyFile],
      ...['--service-account-issuer', 'https://kubernetes.default.svc', '--service-cluster-ip-range', '10.0.0.0/24'],
      ...['--disable-admission-plugins', 'ServiceAccount', '--shutdown-delay-duration', '0s'],
      ...audit,
    ])
    const { child, tail } = server
    await until('the API server is ready', async () => {
      if (child.exitCode !== null || etcd.child.exitCode !== null) throw new Error(`it ended: ${tail()} ${etcd.tail()}`)
      return (await client.text('GET', '/readyz', { timeoutMillis: 2000 }).catch(() => '')) === 'ok'
    })
  }
  async function stopServer() {
    if (server) await end(server.child)
  }
  async function stop() {
    await client.close()
    await stopServer()
    await end(etcd.child)
    process.removeListener('exit', killAll)
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }

  try {
    await startServer()
    for (const plural of ['recordings', 'recordingpolicies', 'recordingclips']) await installDefinition(client, plural)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    kubeConfig,
    kubeconfigPath,
    client,
    pids: () => [server?.child.pid, etcd.child.pid].filter((pid) => pid !== undefined),
    userConfig: (name) => configFor(`https://127.0.0.1:${port}`, name, userTokens[name] ?? ''),
    async asInPod() {
      const account = join(directory, 'service-account')
      await mkdir(account, { recursive: true })
      await writeFile(join(account, 'token'), `${token}\n`)
      await writeFile(join(account, 'ca.crt'), await readFile(join(directory, 'certificates/apiserver.crt')))
      const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) }
      return { ...env, TRTC_RECORDER_SERVICE_ACCOUNT_DIRECTORY: account }
    },
    async userConfigPath(name) {
      // KUBECONFIG takes a colon for the end of a path.
      const path = join(directory, `kubeconfig-${name.replaceAll(':', '-')}`)
      await writeFile(path, configFor(`https://127.0.0.1:${port}`, name, userTokens[name] ?? '').exportConfig())
      return path
    },
    async removeDefinition(plural) {
      const ref = { name: `${plural}.trtc-recorder.dev` }
      await client.delete(definitions, ref)
      await until('the CRD is gone', async () => client.get(definitions, ref).then(() => false, isNotFound))
    },
    installDefinition: (plural) => installDefinition(client, plural),
    async forgetFields(plural, ...fields) {
      const definition = await definitionOf(plural)
      const { openAPIV3Schema } = definition.spec.versions[0]!.schema
      for (const field of fields) {
        const path = field.split('.')
        const last = path.pop()!
        const parent = path.reduce<Schema>((schema, name) => schema.properties![name]!, openAPIV3Schema)
        delete parent.properties![last]
      }
      const ref = { name: definition.metadata.name }
      const { resourceVersion } = (await client.get(definitions, ref)).metadata
      await client.replace(definitions, { ...definition, metadata: { ...definition.metadata, resourceVersion } } as KubeObject)
    },
    async namespace() {
      const name = `test-${randomUUID().slice(0, 8)}`
      await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
      return name
    },
    stopServer,
    startServer,
    stop,
  }
}

interface Schema {
  properties?: Record<string, Schema>
}
interface Definition extends KubeObject {
  spec: { versions: { schema: { openAPIV3Schema: Schema } }[] }
}

async function definitionOf(plural: string): Promise<Definition> {
  const path = new URL(`../../crds/trtc-recorder.dev_${plural}.yaml`, import.meta.url)
  return parse(await readFile(path, 'utf8')) as Definition
}

async function installDefinition(client: KubeClient, plural: string): Promise<void> {
  await client.create(definitions, await definitionOf(plural))
  await until('the CRD is served', async () => {
    const path = `/apis/trtc-recorder.dev/v1alpha1/${plural}`
    return client.text('GET', path).then(
      () => true,
      (error) => {
        // The path is not there yet, or its storage is being set up (429).
        if (isNotFound(error) || isTooManyRequests(error)) return false
        throw error
      },
    )
  })
}

function configFor(server: string, user: string, token: string): KubeConfig {
  const config = new KubeConfig()
  config.loadFromOptions({
    clusters: [{ name: 'test', server, skipTLSVerify: true }],
    users: [{ name: user, token }],
    contexts: [{ name: 'test', cluster: 'test', user }],
    currentContext: 'test',
  })
  return config
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

export async function until(what: string, condition: () => Promise<boolean>, timeoutMillis = 60_000): Promise<void> {
  const end = performance.now() + timeoutMillis
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Gave up waiting until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

async function auditPolicy(directory: string): Promise<string> {
  const file = join(directory, 'audit-policy.json')
  const rules = [{ level: 'Metadata', omitStages: ['RequestReceived', 'ResponseStarted'] }]
  await writeFile(file, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }))
  return file
}
