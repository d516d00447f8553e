import type { AddressInfo } from 'node:net'
import { neededPolicySpecFields, type RecordingPolicy } from '@trtc-recorder/api'
import { clusterAccess, createKubeClient, FittingCrds, guardedClient, resources } from '@trtc-recorder/kube'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { CallerDirectory, parseCallers } from './callers/directory.ts'
import { ActiveCounts, activeQuota } from './callers/quota.ts'
import { Rates } from './callers/rate.ts'
import { tokenReviewer } from './callers/token-review.ts'
import { ConfigError, parseConfig, usage } from './config.ts'
import { watchDocument } from './document.ts'
import { parseApplications } from './events/applications.ts'
import { PolicyReviews } from './events/policies.ts'
import { Fresh } from './fresh.ts'
import { createHealthServer } from './http/health.ts'
import { createServer } from './http/server.ts'
import { createMetrics } from './metrics.ts'

if (process.argv.includes('--help')) {
  process.stdout.write(usage())
  process.exit(0)
}
const config = orExit(() => parseConfig(process.env))
const log = pino({
  level: config.logLevel,
  base: {},
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (label) => ({ level: label }) },
})
process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'Gateway failed on a defect and exited')
  process.exit(1)
})

const access = await clusterAccess(process.env, config.serviceAccountDirectory)
const bareClient = createKubeClient(access, { userAgent: 'trtc-recorder-gateway' })
const crds = new FittingCrds({
  ...{ client: bareClient, log, who: 'gateway' },
  needed: [{ resource: resources.recordingPolicies, fields: neededPolicySpecFields.map((field) => `spec.${field}`) }],
})
const client = guardedClient(bareClient, crds)
const document = <T>(path: string, parse: (text: string) => T, what: string, onChange?: () => void) =>
  watchDocument(path, parse, { what, log, onChange }).catch((error: Error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  })
let reviews: PolicyReviews | undefined
let looking: Promise<void> | undefined
const noLonger = new AbortController()
const callers = config.callersFile === undefined ? undefined : await document(config.callersFile, parseCallers, 'callers')
const nobody = new CallerDirectory([])
const applications =
  config.applicationsFile === undefined
    ? undefined
    : await document(config.applicationsFile, parseApplications, 'applications', () => lookAtPolicies())
const metrics = createMetrics()
const policies = new Fresh<RecordingPolicy[]>()

let isStopping = false
const server = createServer(
  {
    client,
    callers: () => callers?.current() ?? nobody,
    review: config.tokenReview ? tokenReviewer(client, { audiences: config.tokenAudiences }) : undefined,
    rates: new Rates(),
    quota: activeQuota(client),
    events: applications && {
      applications: applications.current,
      policies,
      counts: new ActiveCounts(),
      trouble: crds.trouble,
    },
    log,
    metrics,
    now: () => new Date(),
    keepSeconds: Math.round(config.keepHours * 3600),
  },
  { trustedProxies: config.trustedProxies, isStopping: () => isStopping },
)
const health = createHealthServer({ isStopping: () => isStopping, registry: metrics.registry })
for (const [listener, port] of [
  [server, config.port],
  [health, config.healthPort],
] as const) {
  await listener.listen({ host: '::', port }).catch(() => listener.listen({ host: '0.0.0.0', port }))
}
log.info({ port: portOf(server), healthPort: portOf(health) }, 'Gateway started')

if (applications !== undefined) {
  const onPolicies = (namespace: string) => policies.forget(namespace)
  const now = () => new Date()
  reviews = new PolicyReviews({ client, applications: applications.current, trouble: crds.trouble, log, now, onPolicies })
  crds.onChange(() => {
    policyNamespaces().forEach(onPolicies)
    lookAtPolicies()
  })
  looking = crds.run(noLonger.signal)
  lookAtPolicies()
}

const signal = await new Promise<string>((resolve) => {
  for (const name of ['SIGTERM', 'SIGINT']) process.on(name, resolve)
})
log.info({ signal, drainSeconds: config.drainSeconds }, 'Gateway was asked to stop')

// Not ready any more, but still answering: until every proxy has heard of it, calls still come. Each answer now closes its connection.
isStopping = true
await new Promise((resolve) => setTimeout(resolve, config.drainSeconds * 1000))
setTimeout(() => {
  log.warn('Requests under way did not end in time and were left behind')
  process.exit(1)
}, config.shutdownSeconds * 1000).unref()
await server.close()
await health.close()
callers?.stop()
applications?.stop()
noLonger.abort()
await Promise.all([reviews?.stop(), looking])
await client.close()
log.info('Gateway stopped')
process.exit(0)

function lookAtPolicies(): void {
  void reviews?.lookAt(policyNamespaces())
}

function policyNamespaces(): string[] {
  const heard = [...(applications?.current().values() ?? [])].flatMap(({ namespaces }) => namespaces)
  return [...new Set([...config.policyNamespaces, ...heard])]
}

/** The port that it has, which is another one where 0 was asked for. */
function portOf(listener: FastifyInstance): number | undefined {
  const [address] = listener.addresses() as (AddressInfo | string)[]
  return typeof address === 'object' ? address.port : undefined
}

function orExit<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  }
}
