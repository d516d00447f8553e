import { pino } from 'pino'
import { stringify } from 'yaml'
import { parseCallers } from '../callers/directory.ts'
import { ActiveCounts, activeQuota } from '../callers/quota.ts'
import { Rates } from '../callers/rate.ts'
import { tokenReviewer } from '../callers/token-review.ts'
import { parseApplications, signOf } from '../events/applications.ts'
import { Fresh } from '../fresh.ts'
import type { Gateway } from '../http/call.ts'
import { createServer, eventsPath, serverLimits } from '../http/server.ts'
import { createMetrics } from '../metrics.ts'
import { FakeCluster } from './fake-cluster.ts'

export const sdkAppId = 1400000001

export const school = {
  name: 'school',
  credentials: [
    { type: 'KeyPair', secretId: 'AKIDschool', secretKey: 'school-secret-key-0001' },
    { type: 'BearerToken', token: 'school-bearer-token-1' },
  ],
  grants: [{ namespace: 'lessons', applications: [sdkAppId] }],
  limits: { requestsPerSecond: 1000, burst: 1000 },
}
export const studio = {
  name: 'studio',
  credentials: [{ type: 'BearerToken', token: 'studio-bearer-token-1' }],
  grants: [{ namespace: 'lessons', applications: 'Any' }],
}

/** The request of the template’s page. */
export const templateBody = {
  SdkAppId: sdkAppId,
  RoomId: 43474,
  UserId: 'user_55952145',
  UserSig: 'eJwtzM0KgkAUhuF7mXW-the-signature',
  CosConfig: {
    SecretId: 'AKIDcos-secret-id',
    SecretKey: 'cos-secret-key',
    Region: 'ap-shanghai',
    Bucket: 'lessons-1250000000',
    Path: '/test',
  },
  Mode: '02',
}

/** What must never be in an answer or a log line. */
export const secretsIn = [
  'callbackkey123654',
  ...[templateBody.UserSig, templateBody.CosConfig.SecretId, templateBody.CosConfig.SecretKey],
  ...['school-secret-key-0001', 'school-bearer-token-1', 'studio-bearer-token-1'],
]

export const asSchool = { authorization: 'Bearer school-bearer-token-1' }
export const asStudio = { authorization: 'Bearer studio-bearer-token-1' }

const metrics = createMetrics()

export const callbackKey = 'callbackkey123654'
const applications = {
  applications: [{ sdkAppId, callbackKeys: ['formerkey1', callbackKey], namespaces: ['lessons', 'studio'] }],
}

/** A gateway over a cluster in memory, its own or one that it shares, and what it has logged. */
export function gatewayFor(
  callers: object[] = [school, studio],
  over: Partial<Gateway> = {},
  cluster = new FakeCluster(),
  limits = serverLimits,
  trustedProxies: string[] = [],
) {
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  const clock = { now: new Date('2026-03-01T10:00:00Z') }
  cluster.now = () => clock.now
  const directory = parseCallers(stringify({ callers }))
  const nowMillis = () => clock.now.getTime()
  const heard = parseApplications(stringify(applications))
  const server = createServer(
    {
      client: cluster.client,
      callers: () => directory,
      review: tokenReviewer(cluster.client, { audiences: [], nowMillis }),
      rates: new Rates(nowMillis),
      quota: activeQuota(cluster.client, nowMillis),
      events: {
        applications: () => heard,
        policies: new Fresh(nowMillis),
        counts: new ActiveCounts(nowMillis),
        trouble: () => undefined,
      },
      log,
      metrics,
      now: () => clock.now,
      keepSeconds: 72 * 3600,
      ...over,
    },
    { limits, trustedProxies },
  )
  const post = (payload: unknown, headers: Record<string, string> = asSchool, url = '/') =>
    server.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json', ...headers },
      payload: typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
    })
  const get = (url: string, headers: Record<string, string> = asSchool) => server.inject({ method: 'GET', url, headers })
  /** As TRTC tells of an event. */
  const tell = (event: unknown, headers: Record<string, string> = {}) => {
    const body = Buffer.from(typeof event === 'string' ? event : JSON.stringify(event))
    return post(body, { sdkappid: String(sdkAppId), sign: signOf(callbackKey, body), ...headers }, eventsPath)
  }
  return { cluster, server, post, get, tell, lines, clock }
}
