/**
 * Starts by HTTP at a fixed rate, each a Recording and its Secret on a real API server, beside a client that creates the same two objects by itself, as
 * `kubectl create` would, at the same rate. `make bench-gateway`; RATE=… starts a second, SECONDS=… for how long.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { applyGatewayRights } from '../e2e/gateway/chart-rights.ts'
import { startGateway } from '../e2e/gateway/gateway-process.ts'
import { type ApiServer, gatewayUser, startApiServer } from '../e2e/operator/api-server.ts'
import { newRecording } from '../e2e/operator/recordings.ts'
import { createKubeClient, type KubeClient, resources } from '../kube/src/index.ts'
import { ensureBinaries } from '../sandbox/src/cluster/binaries.ts'
import { usage } from './process-tree.ts'
import { quantiles } from './statistics.ts'

const rate = Number(process.env.RATE ?? 500)
const seconds = Number(process.env.SECONDS ?? 10)
/** Before anything counts: code is compiled, connections are made. */
const warmUpSeconds = 3

const token = 'bench-bearer-token-0001'

const body = (index: number) =>
  JSON.stringify({
    SdkAppId: 1400000001,
    RoomId: index + 1,
    UserId: `recorder_${index}`,
    UserSig: 'x'.repeat(400),
    CosConfig: { SecretId: 'AKIDcos', SecretKey: 'cos-key', Region: 'ap-shanghai', Bucket: 'lessons-1250000000', Path: '/test' },
    Mode: '02',
  })

interface Measured {
  accepted: number
  failed: number
  p50: number
  p99: number
  /** Of each process, over all starts. */
  cpuMillisEach: Record<string, number>
}

/** CPU of each process up to now, in milliseconds, by what it is called here. */
type CpuMillis = () => Record<string, number>

const cpuOf = (pids: readonly number[]) => pids.reduce((sum, pid) => sum + usage(pid).cpuSeconds, 0) * 1000
const ownCpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** An open loop: each start is due at its time, whatever became of those before, and its time counts from when it was due. */
async function atRate(start: (index: number) => Promise<boolean>, cpu: CpuMillis): Promise<Measured> {
  const before = cpu()
  const total = rate * (warmUpSeconds + seconds)
  const millis: number[] = []
  let failed = 0
  const began = performance.now()
  const under: Promise<void>[] = []
  for (let index = 0; index < total; index += 1) {
    const due = began + (index * 1000) / rate
    const early = due - performance.now()
    if (early > 1) await sleep(early)
    under.push(
      start(index).then(
        (isAccepted) => {
          if (!isAccepted) failed += 1
          else if (index >= rate * warmUpSeconds) millis.push(performance.now() - due)
        },
        () => {
          failed += 1
        },
      ),
    )
  }
  await Promise.all(under)
  const cpuMillisEach = Object.fromEntries(Object.entries(cpu()).map(([who, used]) => [who, (used - before[who]!) / total]))
  return { accepted: millis.length, failed, ...quantiles(millis), cpuMillisEach }
}

/** With the account, the rights and the admission policy of the chart. */
async function throughGateway(api: ApiServer, namespace: string): Promise<Measured> {
  const { helm } = await ensureBinaries(['helm'])
  await applyGatewayRights(api, helm, { gateway: { namespaces: [namespace] } })
  const home = mkdtempSync(join(tmpdir(), 'trtc-recorder-bench-'))
  const caller = {
    name: 'bench',
    credentials: [{ type: 'BearerToken', token }],
    grants: [{ namespace, applications: 'Any' }],
    limits: { requestsPerSecond: 10_000, burst: 100_000 },
  }
  const callersFile = join(home, 'callers.yaml')
  writeFileSync(callersFile, JSON.stringify({ callers: [caller] }))
  const gateway = await startGateway({
    KUBECONFIG: await api.userConfigPath(gatewayUser),
    TRTC_RECORDER_GATEWAY_CALLERS_FILE: callersFile,
    TRTC_RECORDER_GATEWAY_DRAIN_SECONDS: '0',
  })
  const dispatcher = new Agent({ connections: 128 })
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const url = `http://127.0.0.1:${gateway.port}/`
  try {
    return await atRate(
      async (index) => {
        const answer = await request(url, { method: 'POST', headers, body: body(index), dispatcher })
        await answer.body.text()
        return answer.statusCode === 200
      },
      () => ({ 'API server and etcd': cpuOf(api.pids()), 'the gateway': cpuOf([gateway.pid]), 'this load': ownCpu() }),
    )
  } finally {
    await dispatcher.close()
    gateway.signal('SIGTERM')
    await gateway.ended
    rmSync(home, { recursive: true, force: true })
  }
}

async function byItself(api: ApiServer, client: KubeClient, namespace: string): Promise<Measured> {
  const create = async (index: number) => {
    const name = `bare-${index}`
    const given = {
      userSigSecretRef: { name },
      cos: { region: 'ap-shanghai', bucket: 'lessons-1250000000', path: '/test', credentialsSecretRef: { name } },
    }
    const { metadata } = await client.create(
      resources.recordings,
      newRecording(namespace, name, { ...given, roomId: index + 1, mode: '02' }),
    )
    const ownerReferences = [{ apiVersion: 'trtc-recorder.dev/v1alpha1', kind: 'Recording', name, uid: metadata.uid }]
    const data = { userSig: btoa('x'.repeat(400)), secretId: btoa('AKIDcos'), secretKey: btoa('cos-key') }
    await client.create(resources.secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace, name, ownerReferences },
      data,
    } as never)
    return true
  }
  return atRate(create, () => ({ 'API server and etcd': cpuOf(api.pids()), 'this load': ownCpu() }))
}

const api = await startApiServer()
try {
  console.log(
    `${rate} starts a second for ${seconds} s, after ${warmUpSeconds} s; API server, etcd, gateway and this load on ${cpus().length} cores`,
  )
  const client = createKubeClient(api.kubeConfig)
  const bare = await byItself(api, client, await api.namespace())
  await client.close()
  tell('a bare client ', bare)
  const gateway = await throughGateway(api, await api.namespace())
  tell('by the gateway', gateway)
  console.log(`  p99 is ${(gateway.p99 / bare.p99).toFixed(2)} times the bare client’s`)
} finally {
  await api.stop()
}

function tell(who: string, { accepted, failed, p50, p99, cpuMillisEach }: Measured) {
  console.log(`  ${who}: ${accepted} accepted, ${failed} failed, p50 ${p50} ms, p99 ${p99} ms`)
  const sum = Object.values(cpuMillisEach).reduce((one, other) => one + other, 0)
  const each = Object.entries(cpuMillisEach).map(([name, millis]) => `${name} ${millis.toFixed(2)} ms`)
  console.log(`    CPU a start: ${each.join(', ')}; so no more than ${Math.floor((cpus().length * 1000) / sum)} a second here`)
}
