import { group, neededClipStatusFields, neededStatusFields, type Recording } from '@trtc-recorder/api'
import { clusterAccess, createKubeClient, FittingCrds, guardedClient, resources } from '@trtc-recorder/kube'

import { createCaches } from './caches.ts'
import { callbackController, toldClips, toldRecordings } from './callback/controller.ts'
import { apiServerAddresses, proxyOfEnvironment } from './callback/environment.ts'
import { eventsController } from './callback/events-teller.ts'
import { noticeController } from './callback/notices.ts'
import { clipController } from './clip/controller.ts'
import { ConfigError, parseConfig, usage } from './config.ts'
import { sayThatCrdsAreAwaited, sayWhereCrdsDoNotFit } from './crd-notices.ts'
import { whereCrdsFit } from './crd-territory.ts'
import { Claims } from './kube/claims.ts'
import { createEventRecorder } from './kube/events.ts'
import { fencedClient, fenceOf } from './kube/fenced-client.ts'
import { LeaderElection } from './kube/lease.ts'
import { ServerTime } from './kube/server-time.ts'
import { createPriorityClasses } from './priority-classes.ts'
import { createQuotas } from './quotas.ts'
import { podConfig, recordingController } from './recording/controller.ts'
import { retentionController } from './recording/retention.ts'
import { requested, shutDown } from './runtime/shutdown.ts'
import { sleep } from './runtime/timers.ts'
import { createHealthServer, createMetricsServer, Health } from './telemetry/health.ts'
import { createLog } from './telemetry/log.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { countChanges } from './telemetry/recording-metrics.ts'
import { countStates } from './telemetry/recording-states.ts'

/** Longer than any wait of a loop that is well. */
const hangsAfterMillis = { reflector: 900_000, lease: 60_000 }

/** Kept back from the time to drain, for the steps after it. */
const tidyUpMillis = 3000

if (process.argv.includes('--help')) {
  process.stdout.write(usage())
  process.exit(0)
}
const config = readConfig()
const log = createLog(config.logLevel)
process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'Operator failed on a defect and exited')
  process.exit(1)
})

// Client
const access = await clusterAccess(process.env, config.serviceAccountDirectory)
const metrics = createMetrics()
const health = new Health()
const { hears, now } = new ServerTime({ log })
const bareClient = createKubeClient(access, {
  observer(request) {
    metrics.request(request)
    hears(request)
  },
})
const crds = new FittingCrds({
  ...{ client: bareClient, log, who: 'operator' },
  needed: [
    { resource: resources.recordings, fields: neededStatusFields.map((field) => `status.${field}`) },
    { resource: resources.recordingClips, fields: neededClipStatusFields.map((field) => `status.${field}`) },
  ],
})
const client = guardedClient(bareClient, crds)
const events = createEventRecorder({
  client,
  log,
  reportingController: `${group}/operator`,
  reportingInstance: config.identity,
  onLost: metrics.eventLost,
  now,
})

if (config.podUid !== undefined) {
  const { leaseNamespace: namespace, identity: name, podUid: uid } = config
  sayThatCrdsAreAwaited(crds, events, { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name, uid, resourceVersion: '' } })
}

// Leadership: what is done by it is written, and told, by nobody who may have lost it.
let isLeading = !config.leaderElection
const election = config.leaderElection
  ? new LeaderElection({
      client,
      log,
      namespace: config.leaseNamespace,
      name: config.leaseName,
      identity: config.identity,
      onLeading(leading) {
        isLeading = leading
        metrics.leading(config.leaseName, leading)
      },
    })
  : undefined
const fence = election && fenceOf(() => election.isInForce)
const asLeader = fence === undefined ? client : fencedClient(client, fence)

// Caches
const caches = createCaches({
  client,
  namespaces: config.watchNamespaces,
  resyncMillis: config.resyncSeconds * 1000,
  log,
  metrics,
})
metrics.recordings(() => countStates(caches.recordings.values()))
const isLimited = config.recordingsPerNamespace !== undefined || config.recordingsPerCluster !== undefined
const claims = new Claims({
  ...{ client: asLeader, events, log, metrics },
  release: config.release,
  namespaces: config.watchNamespaces,
  patienceMillis: config.claimPatienceSeconds * 1000,
  resyncMillis: config.resyncSeconds * 1000,
})
metrics.claims(() => (isLeading ? claims.count() : { held: 0, other: 0, unguarded: 0 }))
caches.recordings.subscribe(countChanges(metrics.changes, ({ metadata }) => isLeading && claims.has(metadata.namespace)))
metrics.unread(() => caches.unread().length)

const priorities = createPriorityClasses({
  client: config.readPriorityClasses ? client : undefined,
  given: config.priorityClasses,
  resyncMillis: config.resyncSeconds * 1000,
  log,
})
const priorityOf = ({ spec }: Recording) => priorities.valueOf(spec.priorityClassName ?? config.recorderPod.priorityClassName)

const quotas = createQuotas({
  client,
  namespaces: config.watchNamespaces,
  resyncMillis: config.resyncSeconds * 1000,
  log,
})

// Controllers
const apiServer = await apiServerAddresses([access.server, process.env.KUBERNETES_SERVICE_HOST])
const proxy = proxyOfEnvironment(process.env)
const telling = {
  ...{ client: asLeader, recordings: caches.recordings, events, log, metrics, workers: config.callbackWorkers, now },
  policy: {
    allow: config.callbackAllow,
    deny: config.callbackDeny,
    apiServer,
    allowPrivate: config.callbackPrivateAddresses,
  },
  ...(proxy === undefined ? {} : { proxy }),
  ...(fence === undefined ? {} : { fence }),
}
const resultTelling = {
  ...telling,
  timeoutMillis: config.callbackTimeoutSeconds * 1000,
  limits: {
    giveUpMillis: config.callbackGiveUpSeconds * 1000,
    giveUpDeletedMillis: config.callbackGiveUpDeletedSeconds * 1000,
  },
}
// What is decided by a status that the API server keeps in part only would be decided wrongly.
const ofRecordingsIsNeeded = [resources.recordings]
const ofClipsIsNeeded = [resources.recordings, resources.recordingClips]
const whereRecordingsFit = whereCrdsFit(claims, crds, ...ofRecordingsIsNeeded)
const whereClipsFit = whereCrdsFit(claims, crds, ...ofClipsIsNeeded)
const saying = { crds, territory: claims, events }
sayWhereCrdsDoNotFit({ ...saying, resource: resources.recordings, cache: caches.recordings, needs: ofRecordingsIsNeeded })
sayWhereCrdsDoNotFit({ ...saying, resource: resources.recordingClips, cache: caches.clips, needs: ofClipsIsNeeded })
const ofRecordings = [
  recordingController({
    ...{ client: asLeader, caches, events, config, log, metrics, priorityOf, now },
    onRoom: quotas.onRoom,
    onPriorities: priorities.onChange,
    receivers: telling.policy,
    territory: whereRecordingsFit,
  }),
  noticeController(telling),
  eventsController({ ...telling, pods: caches.pods }),
  callbackController(toldRecordings(caches.recordings, now), resultTelling),
]
const ofClips = [
  clipController({
    ...{ client: asLeader, caches, events, log, metrics, now },
    pod: podConfig(config, telling.policy),
    onRoom: quotas.onRoom,
    onPriorities: priorities.onChange,
  }),
  callbackController(toldClips(caches.clips), resultTelling),
]
if (config.finishedPerNamespace !== undefined) {
  ofRecordings.push(
    retentionController({ client: asLeader, recordings: caches.recordings, most: config.finishedPerNamespace, log, metrics }),
  )
}
for (const controller of ofRecordings) controller.worksIn(whereRecordingsFit)
for (const controller of ofClips) controller.worksIn(whereClipsFit)
const controllers = [claims.controller, ...ofRecordings, ...ofClips]

// Servers
const stop = new AbortController()
const stopping = requested().then((signal) => {
  log.info({ signal }, 'Operator was asked to stop')
  stop.abort()
})
health.ready('stopping', () => (stop.signal.aborted ? 'asked to stop' : undefined))
// One namespace that cannot be read keeps nobody from being served in the others.
health.ready('caches', () => {
  const unread = caches.unread()
  const none = unread.length === Math.max(1, config.watchNamespaces.length)
  return none ? `nothing could be read yet of ${unread.join(', ') || 'the cluster'}` : undefined
})
health.ready('CRD', () => crds.trouble())
// Part of what it is to serve may be another release's. That it serves nothing at all is no state to be rolled out.
health.ready('claims', () => {
  const { isAltogether, claims: others } = claims.standsAside()
  if (!isLeading || !isAltogether) return undefined
  return others.map(({ claim, holder }) => `release ${holder} holds ${claim}`).join(', ')
})
for (const reflector of caches.reflectors) {
  health.live(`reflector of ${reflector.name}`, () => hung(reflector.idleMillis, hangsAfterMillis.reflector))
}
const servers = [
  { server: createHealthServer(health), port: config.healthPort },
  { server: createMetricsServer(metrics), port: config.metricsPort },
]
for (const { server, port } of servers) {
  await server.listen({ host: '::', port }).catch(() => server.listen({ host: '0.0.0.0', port }))
}
log.info({ healthPort: config.healthPort, metricsPort: config.metricsPort }, 'Operator started')

// Run: every operator keeps its caches warm, one of them works. Two Recordings with one identity may be in two namespaces, so work begins
// when all that can be read has been read.
const looking = crds.run(stop.signal)
const reading = Promise.all([caches.run(stop.signal), priorities.run(stop.signal), quotas.run(stop.signal)])
let claiming: Promise<unknown> | undefined
await Promise.race([Promise.all([caches.answered, priorities.answered]), stopping])
for (const namespace of caches.unread()) {
  log.error(
    { namespace },
    'Namespace cannot be read, and is served as soon as it can: does it exist, with the Role of the chart?',
  )
}
// Before it leads: who has led so far may be of the CRD's own release.
await crds.fits(resources.recordings, stop.signal)
if (!stop.signal.aborted) {
  if (election !== undefined) health.live('leader election', () => hung(election.idleMillis, hangsAfterMillis.lease))
  election?.lost.then(() => process.exit(1))
  const leads = election === undefined || (await election.acquire(stop.signal))
  if (leads && isLimited) await catchUp()
  if (leads && !stop.signal.aborted) {
    for (const reflector of claims.reflectors) {
      health.live('reflector of claims', () => hung(reflector.idleMillis, hangsAfterMillis.reflector))
    }
    claiming = claims.run(stop.signal)
    for (const controller of controllers) controller.start()
  }
}
await stopping

await shutDown(
  [
    { done: 'Watches stopped', run: () => Promise.all([reading, claiming, looking]) },
    {
      done: 'Controllers drained',
      run: (millisLeft) => Promise.all(controllers.map((controller) => controller.stop(millisLeft - tidyUpMillis))),
    },
    { done: 'Events sent', run: () => events.flush() },
    { done: 'Leadership ended', run: () => election?.release() },
    { done: 'Servers closed', run: () => Promise.all(servers.map(({ server }) => server.close())) },
    { done: 'Connections closed', run: () => client.close() },
  ],
  { deadlineMillis: config.shutdownSeconds * 1000, log },
)
process.exit(0)

/** Nobody is let in on the word of a cache that may not have heard yet whom an operator before this one has let in. */
async function catchUp(): Promise<void> {
  for (let waitMillis = 500; !stop.signal.aborted; waitMillis = Math.min(30_000, waitMillis * 2)) {
    try {
      await caches.catchUp(stop.signal)
      return
    } catch (error) {
      log.warn({ err: error, waitMillis }, 'What there is could not be read, and is read again after a wait')
      await sleep(waitMillis, stop.signal)
    }
  }
}

function readConfig() {
  try {
    return parseConfig(process.env, process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  }
}

function hung(idleMillis: number, limitMillis: number): string | undefined {
  return idleMillis > limitMillis ? `nothing happened for ${Math.round(idleMillis / 1000)} s` : undefined
}
