import { createHash, createHmac } from 'node:crypto'
import { resources } from '@trtc-recorder/kube'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { scfActions, scfSchemas } from './scf/actions.ts'
import { apiError } from './testing/fake-cluster.ts'
import { asSchool, asStudio, gatewayFor, school, sdkAppId, secretsIn, studio, templateBody } from './testing/harness.ts'
import { eventsOf, policyNamed } from './testing/trtc-events.ts'
import { actions } from './trtc/fields.ts'

/** SEED=… plays a run again; RUNS=… for more. */
const runs = { seed: Number(process.env.SEED), numRuns: Number(process.env.RUNS ?? 60) }
const callers = [{ ...school, limits: { requestsPerSecond: 10_000, burst: 10_000 } }, studio]

const task = {
  ...{ SdkAppId: sdkAppId, RoomId: '43474', UserId: 'robot', UserSig: templateBody.UserSig, ResourceExpiredHour: 72 },
  RecordParams: { RecordMode: 1, OutputFormat: 3, AvMerge: 1, SubscribeStreamUserIds: { SubscribeAudioUserIds: ['alice'] } },
  StorageParams: {
    CloudStorage: {
      Vendor: 0,
      Region: 'ap-shanghai',
      Bucket: 'lessons-1250000000',
      AccessKey: 'AKIDcos-secret-id',
      SecretKey: 'cos-secret-key',
    },
  },
}

/** Places in a value, each as the names that lead there. */
function places(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([name, inner]) => places(inner, [...path, name]))]
}

function replaced(value: unknown, [name, ...rest]: string[], by: unknown): unknown {
  if (name === undefined) return by
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>
  copy[name] = replaced(copy[name], rest, by)
  return copy
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    '',
    0,
    -1,
    1.5,
    2 ** 53,
    4_294_967_295,
    '../x',
    '__proto__',
    '\u0000',
    'x'.repeat(5000),
    [],
    {},
    true,
  ),
  fc.jsonValue(),
  fc.constant(templateBody.UserSig),
)

/** A right body with some of its values replaced by something odd, or with something odd added. */
const mutated = (body: object) =>
  fc
    .array(fc.tuple(fc.constantFrom(...places(body).filter((path) => path.length > 0)), odd), { maxLength: 2 })
    .chain((changes) =>
      fc.record({
        changes: fc.constant(changes),
        added: fc.option(fc.tuple(fc.string({ maxLength: 12 }), odd), { freq: 4, nil: undefined }),
      }),
    )
    .map(({ changes, added }) => {
      const changed = changes.reduce<unknown>(
        (value, [path, by]) => (typeof value === 'object' && value !== null ? safely(value, path, by) : value),
        body,
      )
      return added === undefined ? changed : { ...(changed as object), [added[0]]: added[1] }
    })

const safely = (value: object, path: string[], by: unknown) => {
  try {
    return replaced(value, path, by)
  } catch {
    return value
  }
}

const fault = fc.option(
  fc.record({
    verb: fc.constantFrom('create' as const, 'get' as const, 'list' as const, 'delete' as const),
    plural: fc.constantFrom('recordings', 'secrets'),
    error: fc.constantFrom(
      undefined,
      apiError(500, 'InternalError'),
      apiError(429, 'TooManyRequests'),
      apiError(403, 'Forbidden'),
      apiError(409, 'Conflict'),
    ),
    when: fc.constantFrom('before' as const, 'after' as const),
  }),
  { freq: 2, nil: undefined },
)

const key = fc.option(fc.constantFrom('a', 'b', '', 'x'.repeat(300), 'sp ace', '\u00e9'), { freq: 2, nil: undefined })

type Gateway = ReturnType<typeof gatewayFor>

/** What holds after any request: nothing of secrets is told, nothing is left without an owner, and nothing of one is told to the other. */
function holds({ cluster, lines }: Gateway, body: string): void {
  expect(cluster.orphans).toEqual([])
  for (const { metadata } of cluster.secrets)
    expect(cluster.recordings.map(({ metadata: { name } }) => name)).toContain(metadata.name)
  for (const secret of secretsIn) {
    expect(body).not.toContain(secret)
    expect(lines.join('\n')).not.toContain(secret)
  }
}

/** Tencent's signature, so that what is behind it is reached. */
function signed(action: string, body: string, now: Date, version = '2019-07-22') {
  const timestamp = String(Math.floor(now.getTime() / 1000))
  const date = now.toISOString().slice(0, 10)
  const sha = (text: string) => createHash('sha256').update(text).digest('hex')
  const hmac = (secret: string | Buffer, text: string) => createHmac('sha256', secret).update(text).digest()
  const canonical = ['POST', '/', '', 'content-type:application/json\nhost:localhost:80\n', 'content-type;host', sha(body)].join(
    '\n',
  )
  const text = ['TC3-HMAC-SHA256', timestamp, `${date}/trtc/tc3_request`, sha(canonical)].join('\n')
  const signature = hmac(hmac(hmac(hmac('TC3school-secret-key-0001', date), 'trtc'), 'tc3_request'), text).toString('hex')
  return {
    ...{ 'content-type': 'application/json', 'x-tc-action': action, 'x-tc-version': version, 'x-tc-timestamp': timestamp },
    authorization: `TC3-HMAC-SHA256 Credential=AKIDschool/${date}/trtc/tc3_request, SignedHeaders=content-type;host, Signature=${signature}`,
  }
}

test('requests of the template, right and wrong, in a cluster that fails', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(mutated(templateBody), fault, key), { minLength: 1, maxLength: 4 }), async (requests) => {
      const gateway = gatewayFor(callers)
      const others = String((await gateway.post({ ...templateBody, RoomId: 99 }, asStudio)).headers['x-scf-reqid'])
      for (const [body, broken, idempotencyKey] of requests) {
        if (broken !== undefined) gateway.cluster.fail(broken.verb, broken.plural, broken.error, broken.when)
        const headers = { ...asSchool, ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }) }
        const answer = await gateway.post(JSON.stringify(body) ?? '', headers)
        gateway.cluster.faults.length = 0
        holds(gateway, answer.body)
        expect([200, 400, 403, 409, 413, 503, ...(broken === undefined ? [] : [500])]).toContain(answer.statusCode)
        expect(answer.body).not.toContain(others)
        if (answer.statusCode !== 200) continue
        const id = answer.headers['x-scf-reqid']
        expect(gateway.cluster.secrets.map(({ metadata }) => metadata.name)).toContain(`request-${id}`)
      }
      expect((await gateway.get('/v1/requests?limit=100')).body).not.toContain(others)
    }),
    runs,
  )
})

test('requests of TRTC’s API, right and wrong, in a cluster that fails', async () => {
  const body = fc.oneof(mutated(task), mutated({ SdkAppId: sdkAppId, TaskId: '0' }))
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(...actions), body, fault), { minLength: 1, maxLength: 4 }),
      async (requests) => {
        const gateway = gatewayFor(callers)
        for (const [action, given, broken] of requests) {
          if (broken !== undefined) gateway.cluster.fail(broken.verb, broken.plural, broken.error, broken.when)
          const text = JSON.stringify(given) ?? ''
          const answer = await gateway.server.inject({
            method: 'POST',
            url: '/',
            headers: signed(action, text, gateway.clock.now),
            payload: text,
          })
          gateway.cluster.faults.length = 0
          holds(gateway, answer.body)
          const { Response } = answer.json()
          expect([answer.statusCode, typeof Response.RequestId]).toEqual([200, 'string'])
          expect(Response.Error?.Code ?? '').not.toMatch(/^AuthFailure\.Signature/)
          if (broken === undefined) expect(Response.Error?.Code ?? '').not.toMatch(/^InternalError/)
        }
      },
    ),
    runs,
  )
})

test('requests of SCF’s API, right and wrong, about one’s own and about others’, in a cluster that fails', async () => {
  const own = { FunctionName: 'f', InvokeRequestId: 'own', FunctionRequestId: 'own', Offset: 0, StartTime: '2026-03-01 00:00:00' }
  const invoked = mutated(templateBody).map((inner) => ({
    ...{ FunctionName: 'f', InvocationType: 'Event', ClientContext: JSON.stringify(inner) ?? '' },
  }))
  const body = fc.oneof(
    ...scfActions.map((action) => {
      const names = Object.keys(scfSchemas[action].shape)
      return mutated(Object.fromEntries(Object.entries(own).filter(([name]) => names.includes(name))))
    }),
    invoked,
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(...scfActions), body, fc.boolean(), fault), { minLength: 1, maxLength: 4 }),
      async (requests) => {
        const gateway = gatewayFor(callers)
        const start = async (headers: Record<string, string>) =>
          String((await gateway.post(templateBody, headers)).headers['x-scf-reqid'])
        const [own, others] = [await start(asSchool), await start(asStudio)]
        for (const [action, given, isOthers, broken] of requests) {
          if (broken !== undefined) gateway.cluster.fail(broken.verb, broken.plural, broken.error, broken.when)
          const text = (JSON.stringify(given) ?? '').replaceAll('"own"', `"${isOthers ? others : own}"`)
          const headers = signed(action, text, gateway.clock.now, '2018-04-16')
          const answer = await gateway.server.inject({ method: 'POST', url: '/', headers, payload: text })
          gateway.cluster.faults.length = 0
          holds(gateway, answer.body)
          const { Response } = answer.json()
          expect([answer.statusCode, typeof Response.RequestId]).toEqual([200, 'string'])
          // What is in it of the others’ can only be the caller’s own words.
          if (Response.Error === undefined) expect(answer.body).not.toContain(others)
          if (broken === undefined) expect(Response.Error?.Code ?? '').not.toMatch(/^InternalError/)
        }
        const theirs = gateway.cluster.recordings.find(({ metadata }) => metadata.name === `request-${others}`)
        expect(theirs?.spec.desiredState).toBe('Running')
      },
    ),
    runs,
  )
})

test('events, signed, right and wrong, in a cluster that fails', async () => {
  const room = eventsOf()
  const bodies = [room.created('teacher'), room.enters('teacher'), room.startsVideo('teacher', 1), room.dismissed(20)]
  const body = fc.oneof(...bodies.map(mutated))
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(body, fault, fc.boolean()), { minLength: 1, maxLength: 5 }), async (told) => {
      const gateway = gatewayFor(callers)
      await gateway.cluster.client.create(resources.recordingPolicies, policyNamed('all'))
      for (const [given, broken, isSigned] of told) {
        if (broken !== undefined) gateway.cluster.fail(broken.verb, broken.plural, broken.error, broken.when)
        const before = gateway.cluster.calls.length
        const answer = await gateway.tell(JSON.stringify(given) ?? '', isSigned ? {} : { sign: 'x' })
        gateway.cluster.faults.length = 0
        holds(gateway, answer.body)
        expect(isSigned ? [200, 400, 503, ...(broken === undefined ? [] : [500])] : [401, 413]).toContain(answer.statusCode)
        if (!isSigned) expect(gateway.cluster.calls).toHaveLength(before)
      }
      expect(gateway.cluster.recordings.every(({ spec }) => spec.userId === 'recorder')).toBe(true)
      expect(gateway.cluster.secrets).toEqual([])
    }),
    runs,
  )
})

test('bytes of any kind, to any path, with any headers', async () => {
  const headers = fc.dictionary(
    fc.constantFrom(
      'authorization',
      'content-type',
      'x-tc-action',
      'x-tc-version',
      'x-tc-timestamp',
      'idempotency-key',
      'content-encoding',
      'sign',
      'sdkappid',
    ),
    fc.oneof(
      fc.string({ maxLength: 60 }).map((text) => text.replace(/[^ -~]/g, '')),
      fc.constantFrom(asSchool.authorization, 'application/json', String(sdkAppId), ...actions),
    ),
  )
  const path = fc.oneof(
    fc.constantFrom('/', '/v1/events', '/v1/requests', '/v1/requests/x', '/release/f'),
    fc.string({ maxLength: 40 }).map((text) => `/${encodeURIComponent(text.toWellFormed())}`),
  )
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array)),
    mutated(templateBody).map((body) => Buffer.from(JSON.stringify(body) ?? '')),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('POST' as const, 'GET' as const, 'PUT' as const, 'DELETE' as const),
      path,
      headers,
      bytes,
      async (method, url, given, payload) => {
        const gateway = gatewayFor(callers)
        const answer = await gateway.server.inject({ method, url, headers: given, ...(method === 'POST' ? { payload } : {}) })
        holds(gateway, answer.body)
        expect(answer.statusCode).toBeLessThan(500)
      },
    ),
    runs,
  )
})
