import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { clusterAccess, createKubeClient } from '@trtc-recorder/kube'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { CallerDirectory, parseCallers } from './callers/directory.ts'
import { ActiveCounts, activeQuota } from './callers/quota.ts'
import { Rates } from './callers/rate.ts'
import { tokenReviewer } from './callers/token-review.ts'
import { ConfigError, parseConfig, usage } from './config.ts'
import { watchDocument } from './document.ts'
import { type Applications, parseApplications } from './events/applications.ts'
import { reviewPolicies } from './events/policies.ts'
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
const client = createKubeClient(access, { userAgent: 'trtc-recorder-gateway' })
const document = <T>(path: string, parse: (text: string) => T, what: string) =>
  watchDocument(path, parse, { what, log }).catch((error: Error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  })
const callers = config.callersFile === undefined ? undefined : await document(config.callersFile, parseCallers, 'callers')
const nobody = new CallerDirectory([])
const applications =
  config.applicationsFile === undefined ? undefined : await document(config.applicationsFile, parseApplications, 'applications')
const metrics = createMetrics()

let isStopping = false
const server = createServer(
  {
    client,
    callers: () => callers?.current() ?? nobody,
    review: config.tokenReview ? tokenReviewer(client, { audiences: config.tokenAudiences }) : undefined,
    rates: new Rates(),
    quota: activeQuota(client),
    events: applications && { applications: applications.current, policies: new Fresh(), counts: new ActiveCounts() },
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

const ending = new AbortController()
const reviewing = applications === undefined ? undefined : reviewUntil(ending.signal, applications.current)

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
ending.abort()
await reviewing
await client.close()
log.info('Gateway stopped')
process.exit(0)

async function reviewUntil(stopped: AbortSignal, current: () => Applications): Promise<void> {
  while (!stopped.aborted) {
    const heard = [...current().values()].flatMap(({ namespaces }) => namespaces)
    const namespaces = [...new Set([...config.policyNamespaces, ...heard])]
    await reviewPolicies(client, { applications: current(), namespaces, log, now: () => new Date() })
    await sleep(config.policyReviewSeconds * 1000, undefined, { signal: stopped }).catch(() => {})
  }
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
