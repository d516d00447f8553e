import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ApiServer, startApiServer } from '../../e2e/operator/api-server.ts'
import { newRecording } from '../../e2e/operator/recordings.ts'
import { resources } from '../../kube/src/index.ts'
import { createAll, waitFor } from './load.ts'
import { cpuMillisOf } from './measured-process.ts'
import { startOperator } from './operator-process.ts'
import { Pods } from './pods.ts'
import type { Resync } from './results.ts'

/** How often the operator lists everything here; the chart's is ten minutes. */
const everySeconds = 30

/** An event of the API server's audit log, as far as it is read here. */
interface Audited {
  verb: string
  userAgent?: string
  requestURI: string
  stageTimestamp: string
  responseStatus?: { code: number }
}

/** What the operator asks in one full resync while n Recordings are there with a Pod and a volume each, and from where the API server answers. */
export async function measureResync(n: number, workers: number, say: (text: string) => void): Promise<Resync> {
  const directory = await mkdtemp(join(tmpdir(), 'trtc-recorder-audit-'))
  const auditLog = join(directory, 'audit.log')
  const api = await startApiServer({ auditLog })
  try {
    const namespace = await api.namespace()
    const operator = await startOperator(api, namespace, 'resync', workers, {
      TRTC_RECORDER_RESYNC_SECONDS: String(everySeconds),
    })
    const pods = new Pods(api.client, namespace)
    try {
      await createAll(n, (index) => api.client.create(resources.recordings, newRecording(namespace, `r${index}`)))
      await waitFor('every Recording has its Pod', () => pods.size === n)
      // What is only told comes after the Pods.
      await sleep(5000)
      const [from, cachedBefore, cpuBefore] = [new Date(), await listsFromCache(api), operator.process.cpuMillis]
      const serverBefore = cpuMillisOf(api.pids())
      await sleep(everySeconds * 1000)
      const [to, cachedAfter, cpuAfter] = [new Date(), await listsFromCache(api), operator.process.cpuMillis]
      const resync: Resync = {
        n,
        everySeconds,
        kinds: kindsIn(await listsIn(auditLog, from, to)),
        fromCache: cachedAfter - cachedBefore,
        cpuMs: Math.round(cpuAfter - cpuBefore),
        serverCpuMs: Math.round(cpuMillisOf(api.pids()) - serverBefore),
      }
      for (const { resource, requests, parameters } of resync.kinds) say(`  ${resource}: ${requests} requests, ${parameters}`)
      say(
        `  answered from the watch cache: ${resync.fromCache}; CPU ${resync.cpuMs} ms of the operator, ${resync.serverCpuMs} ms of API server and etcd`,
      )
      return resync
    } finally {
      await operator.process.end('SIGKILL')
      await pods.stop()
    }
  } finally {
    await api.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

/** The operator's lists in that time. */
async function listsIn(auditLog: string, from: Date, to: Date): Promise<URL[]> {
  const events = (await readFile(auditLog, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Audited)
  const isWithin = ({ stageTimestamp }: Audited) => from <= new Date(stageTimestamp) && new Date(stageTimestamp) < to
  return events
    .filter((event) => event.verb === 'list' && event.userAgent?.startsWith('trtc-recorder-operator') && isWithin(event))
    .map(({ requestURI, responseStatus }) => {
      if (responseStatus?.code !== 200) throw new Error(`a list was answered with ${responseStatus?.code}: ${requestURI}`)
      return new URL(requestURI, 'https://api-server')
    })
}

function kindsIn(lists: readonly URL[]): Resync['kinds'] {
  return [...Map.groupBy(lists, ({ pathname }) => pathname.split('/').at(-1)!)]
    .map(([resource, requests]) => ({
      resource,
      requests: requests.length,
      parameters: [...new Set(requests.map(parametersOf))].toSorted().join('; '),
    }))
    .toSorted((a, b) => b.requests - a.requests || a.resource.localeCompare(b.resource))
}

/** What decides who answers a list; a token to go on with is as good as any other. */
function parametersOf({ searchParams }: URL): string {
  const [limit, version] = [searchParams.get('limit') ?? 'none', searchParams.get('resourceVersion') ?? 'none']
  const which = searchParams.has('continue') ? ', continue' : ''
  return `limit ${limit}, resourceVersion ${version}${which}`
}

/** Lists that the API server has answered from its watch cache, of all kinds that the operator reads. */
async function listsFromCache(api: ApiServer): Promise<number> {
  const kinds = 'recordings|recordingclips|pods|persistentvolumeclaims|resourcequotas|priorityclasses|leases'
  const metrics = await api.client.text('GET', '/metrics')
  const counts = metrics.matchAll(new RegExp(`^apiserver_cache_list_total\\{[^}]*resource="(${kinds})"[^}]*\\} (\\d+)$`, 'gm'))
  return [...counts].reduce((total, [, , count]) => total + Number(count), 0)
}
