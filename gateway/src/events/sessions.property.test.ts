import type { Recording } from '@trtc-recorder/api'
import { resources } from '@trtc-recorder/kube'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { apiError, FakeCluster } from '../testing/fake-cluster.ts'
import { gatewayFor } from '../testing/harness.ts'
import { beganMillis, eventsOf, policyNamed, recorder } from '../testing/trtc-events.ts'

/** SEED=… plays a run again; RUNS=… for more. */
const runs = { seed: Number(process.env.SEED), numRuns: Number(process.env.RUNS ?? 60) }

const room = eventsOf()
/** All that TRTC tells of one session: the teacher makes the room and speaks, a pupil listens, the recorder comes and goes. */
const session = [
  { body: room.created('teacher'), begins: false },
  { body: room.enters('teacher'), begins: true },
  { body: room.startsAudio('teacher', 1), begins: true },
  { body: room.startsVideo('teacher', 1.2), begins: true },
  { body: room.enters(recorder, 3, 21), begins: false },
  { body: room.enters('pupil', 20, 21), begins: false },
  { body: room.changesRole('pupil', 30), begins: true },
  { body: room.stopsAudio('teacher', 90), begins: false },
  { body: room.leaves('teacher', 91), begins: false },
  { body: room.leaves(recorder, 92), begins: false },
  { body: room.dismissed(92), begins: false },
]

/** Two gateways with one cluster, and the policy. Their clocks differ a little. */
async function twoGateways(spec: object = {}) {
  const cluster = new FakeCluster()
  const gateways = [gatewayFor([], {}, cluster), gatewayFor([], {}, cluster)] as const
  gateways.forEach(({ clock }, index) => {
    clock.now = new Date(beganMillis + 120_000 + index * 700)
  })
  await cluster.client.create(resources.recordingPolicies, policyNamed('lessons', spec))
  return { cluster, gateways }
}

/** What there is of it that a user sees: but for the number that the API server gave it, and for which event came first. */
const essence = ({ metadata: { name, namespace, labels }, spec }: Recording) => ({ name, namespace, labels, spec })

/** One telling: which event, to which gateway, and whether the next one comes before it is answered. */
const telling = fc.record({
  event: fc.nat({ max: session.length - 1 }),
  gateway: fc.constantFrom(0 as const, 1 as const),
  isAlone: fc.boolean(),
})
/** Any order, with what is told twice or more often, and what is never told; so long as something is left that a recording begins with. */
const tellings = fc
  .array(telling, { minLength: 1, maxLength: 25 })
  .filter((list) => list.some(({ event }) => session[event]!.begins))

const tell = async (
  { gateways }: Awaited<ReturnType<typeof twoGateways>>,
  list: { event: number; gateway: 0 | 1; isAlone: boolean }[],
) => {
  let together: Promise<{ statusCode: number }>[] = []
  const answers: { statusCode: number }[] = []
  for (const { event, gateway, isAlone } of list) {
    together.push(gateways[gateway].tell(session[event]!.body))
    if (!isAlone) continue
    answers.push(...(await Promise.all(together)))
    together = []
  }
  return [...answers, ...(await Promise.all(together))]
}

test('whatever is lost, doubled or late of a session, and whichever replica hears it: the same Recording, once', async () => {
  const inOrder = await twoGateways()
  await tell(
    inOrder,
    session.map((_, event) => ({ event, gateway: 0, isAlone: true })),
  )
  const expected = inOrder.cluster.recordings.map(essence)
  expect(expected).toHaveLength(1)
  await fc.assert(
    fc.asyncProperty(tellings, async (list) => {
      const world = await twoGateways()
      const answers = await tell(world, list)
      expect(answers.map(({ statusCode }) => statusCode)).toEqual(list.map(() => 200))
      expect(world.cluster.recordings.map(essence)).toEqual(expected)
    }),
    runs,
  )
})

test('nor does it matter what the cluster does not do, so long as TRTC tells again what was not answered', async () => {
  const fault = fc.record({
    verb: fc.constantFrom('create' as const, 'list' as const, 'patch' as const, 'get' as const),
    plural: fc.constantFrom('recordings', 'recordingpolicies'),
    error: fc.constantFrom(undefined, apiError(500, 'InternalError'), apiError(429, 'TooManyRequests')),
    when: fc.constantFrom('before' as const, 'after' as const),
  })
  await fc.assert(
    fc.asyncProperty(tellings, fc.array(fault, { maxLength: 4 }), async (list, faults) => {
      const world = await twoGateways()
      for (const { verb, plural, error, when } of faults) world.cluster.fail(verb, plural, error, when)
      const answers = await tell(world, list)
      world.cluster.faults.length = 0
      await tell(
        world,
        list.filter((_, index) => answers[index]!.statusCode !== 200),
      )
      expect(world.cluster.recordings.map(({ metadata }) => metadata.name)).toHaveLength(1)
      expect(world.cluster.recordings[0]!.metadata.labels).toMatchObject({ 'trtc-recorder.dev/session': '1' })
    }),
    runs,
  )
})

test('each session of a room has one Recording, whatever order its own events come in, while its end is told of, its beginning, or seen', async () => {
  /** What is known of a session’s end: at least one. */
  const known = fc
    .record({ dismissed: fc.boolean(), created: fc.boolean(), isSeen: fc.boolean() })
    .filter(({ dismissed, created, isSeen }) => dismissed || created || isSeen)
  const sessions = fc.array(
    fc.record({
      known,
      order: fc
        .shuffledSubarray(['enters', 'video', 'audio', 'again', 'created'] as const, { minLength: 1 })
        .filter((list) => !(list.length === 1 && list[0] === 'created')),
      endsAfterSeconds: fc.integer({ min: 5, max: 40 }),
      pauseSeconds: fc.integer({ min: 1, max: 10 }),
    }),
    { minLength: 1, maxLength: 4 },
  )
  await fc.assert(
    fc.asyncProperty(sessions, async (list) => {
      const { cluster, gateways } = await twoGateways()
      let at = 0
      for (const [index, { known, order, endsAfterSeconds, pauseSeconds }] of list.entries()) {
        const { tell } = gateways[index % 2]!
        const former = list[index - 1]?.known
        const bodies = {
          created: room.created('teacher', at),
          ...{ enters: room.enters('teacher', at + 0.1), video: room.startsVideo('teacher', at + 1) },
          ...{ audio: room.startsAudio('teacher', at + 1.2), again: room.enters('teacher', at + 4) },
        }
        // The beginning comes first where it is all that is known of the former session’s end.
        if (former?.created) await tell(bodies.created)
        for (const name of order) if (name !== 'created' || former?.created) await tell(bodies[name])
        at += endsAfterSeconds
        if (known.dismissed) await tell(room.dismissed(at))
        const last = cluster.recordings.at(-1)!
        const left = new Date(beganMillis + at * 1000 + 500).toISOString()
        // Ended by hand, where the room’s end was not seen by the recorder.
        const stopReason = known.isSeen ? 'RoomDismissed' : 'StopRequested'
        Object.assign(last, { status: { stopReason, completionTime: left, attempts: [{ number: 1, pod: 'p', leftTime: left }] } })
        at += pauseSeconds
      }
      expect(cluster.recordings.map(({ metadata }) => metadata.labels!['trtc-recorder.dev/session'])).toEqual(
        list.map((_, index) => String(index + 1)),
      )
    }),
    runs,
  )
})
