import fc from 'fast-check'
import { expect, test } from 'vitest'
import { callbackReconciler, toldRecordings } from '../callback/controller.ts'
import { unwatched } from '../callback/testing.ts'
import { isFinished } from './fencing.ts'
import { Model, PropertyError } from './model.ts'
import type { MakeColleague } from './model-operator.ts'
import { volumeState } from './stage.ts'

/** Whatever may happen, with how often it does. */
const moves: Record<string, { weight: number; move(model: Model): unknown }> = {
  'the operator looks': { weight: 12, move: (model) => model.reconcile() },
  'watches bring everything': { weight: 8, move: (model) => model.deliver() },
  'the watch of Pods brings something': { weight: 3, move: (model) => model.deliver('pods', 1) },
  'the watch of volumes brings something': { weight: 2, move: (model) => model.deliver('persistentvolumeclaims', 1) },
  'the watch of Recordings brings something': { weight: 3, move: (model) => model.deliver('recordings', 1) },
  '5 s pass': { weight: 4, move: (model) => model.after(5) },
  '60 s pass': { weight: 6, move: (model) => model.after(60) },
  '400 s pass': { weight: 2, move: (model) => model.after(400) },
  'all is as it should be for a moment': { weight: 4, move: (model) => quiet(model) },
  'Pods are scheduled': { weight: 4, move: (model) => model.schedules() },
  'the recorder enters': {
    weight: 8,
    move: (model) => {
      model.schedules()
      model.enters()
    },
  },
  'the recorder that was slow to start enters': { weight: 3, move: (model) => model.theSlowOneEnters() },
  'a recorder that was left behind records, and nobody tells of it': {
    weight: 1,
    move: (model) => model.recordsUnheard(),
  },
  'recorders that were asked to end are at their files': { weight: 2, move: (model) => model.leave() },
  'the room is dismissed': { weight: 1, move: (model) => model.ends('RoomDismissed') },
  'the connection is lost': { weight: 2, move: (model) => model.ends('RoomLost') },
  'the recorder ends, with more files than can be read': {
    weight: 1,
    move: (model) => model.ends('Terminated', { omitted: true }),
  },
  'a recorder of another release ends': { weight: 1, move: (model) => model.ends('Terminated', { unknown: true }) },
  'recorders that were asked to end do': { weight: 4, move: (model) => model.everythingIsWell() },
  'the recorder cannot start': { weight: 2, move: (model) => model.fails() },
  'the recorder runs out of memory': { weight: 2, move: (model) => model.isKilled('OOMKilled') },
  'the recorder crashes': { weight: 2, move: (model) => model.isKilled('Error') },
  'the kubelet removes what has ended': { weight: 4, move: (model) => model.kubeletReaps() },
  'the node falls silent': { weight: 1, move: (model) => model.nodeFallsSilent() },
  'the node comes back': { weight: 2, move: (model) => model.nodeComesBack() },
  'the recorder left behind comes back into the room': { weight: 1, move: (model) => model.oneLeftBehindComesBack() },
  'the recorder left behind says that the room was dismissed': {
    weight: 1,
    move: (model) => model.oneLeftBehindSays('RoomDismissed'),
  },
  'COS is away': { weight: 1, move: (model) => Object.assign(model, { cosIsAway: true }) },
  'COS is back': { weight: 1, move: (model) => Object.assign(model, { cosIsAway: false }) },
  'a Secret is missing': { weight: 1, move: (model) => Object.assign(model, { secretIsMissing: true }) },
  'the Secret is there': { weight: 1, move: (model) => Object.assign(model, { secretIsMissing: false }) },
  'the receiver is away': { weight: 1, move: (model) => Object.assign(model, { receiverIsAway: true }) },
  'the receiver is back': { weight: 1, move: (model) => Object.assign(model, { receiverIsAway: false }) },
  'the quota is used up': { weight: 1, move: (model) => Object.assign(model.server, { quotaIsUsedUp: true }) },
  'the quota has room': { weight: 1, move: (model) => model.quotaHasRoom() },
  'the next write meets a conflict': { weight: 2, move: (model) => model.server.faults.push('409') },
  'the next write is too much': { weight: 1, move: (model) => model.server.faults.push('429') },
  'a webhook fails on the next write': { weight: 1, move: (model) => model.server.faults.push('500') },
  'the next write is lost': { weight: 2, move: (model) => model.server.faults.push('lost') },
  'the answer to the next write is lost': { weight: 3, move: (model) => model.server.faults.push('lost, but done') },
  'the operator is killed and another one takes over': { weight: 2, move: (model) => model.restart() },
  'watches bring the second replica everything': { weight: 3, move: (model) => model.standbyHears() },
  'the watch of Recordings brings the second replica something': {
    weight: 1,
    move: (model) => model.standbyHears('recordings', 1),
  },
  'the watch of Pods brings the second replica something': { weight: 1, move: (model) => model.standbyHears('pods', 1) },
  'the second replica takes over, and the first one goes on': { weight: 1, move: (model) => model.standbyTakesOver() },
  'the leader stands still before its next call, and loses its lease': {
    weight: 1,
    move: (model) => model.freezes(0, 'the process'),
  },
  'the leader stands still after its next call, and loses its lease': {
    weight: 1,
    move: (model) => model.freezes(1, 'the process'),
  },
  'the leader stands still after two more calls, and loses its lease': {
    weight: 1,
    move: (model) => model.freezes(2, 'the process'),
  },
  'the next call of the leader is held up until another one leads': {
    weight: 1,
    move: (model) => model.freezes(0, 'the network'),
  },
  'the next call but one of the leader is held up until another one leads': {
    weight: 1,
    move: (model) => model.freezes(1, 'the network'),
  },
  'the former leader goes on': { weight: 3, move: (model) => model.formerGoesOn() },
  'watches bring the former leader everything': { weight: 1, move: (model) => model.formerHears() },
  'the former leader notices, and ends': { weight: 2, move: (model) => model.formerNotices() },
  'watches break, and all is listed anew': { weight: 2, move: (model) => model.listsAnew() },
  'the operator’s clock is set ahead by a day': {
    weight: 1,
    move: (model) => Object.assign(model, { clockIsAheadSeconds: 86_400 }),
  },
  'the operator’s clock is set back by a day': {
    weight: 1,
    move: (model) => Object.assign(model, { clockIsAheadSeconds: -86_400 }),
  },
  'the operator’s clock is set right': { weight: 1, move: (model) => Object.assign(model, { clockIsAheadSeconds: 0 }) },
  'an operator of another release writes words of its own': { weight: 1, move: (model) => model.otherReleaseWrites() },
  'a webhook drops what Pods are told': {
    weight: 1,
    move: (model) => Object.assign(model.server, { podAnnotationsAre: 'dropped' }),
  },
  'a webhook refuses what Pods are told': {
    weight: 1,
    move: (model) => Object.assign(model.server, { podAnnotationsAre: 'refused' }),
  },
  'Pods are told again': { weight: 1, move: (model) => Object.assign(model.server, { podAnnotationsAre: 'taken' }) },
  'the kubelet evicts the Pod': { weight: 1, move: (model) => model.isEvicted() },
  'the node is deleted': { weight: 1, move: (model) => model.nodeIsDeleted() },
  'a Pod that its node is about to start is taken away by force, and runs for a moment': {
    weight: 1,
    move: (model) => {
      model.runsThoughGone()
      model.deliver('pods')
    },
  },
  'a user restores a volume under its name': { weight: 1, move: (model) => model.restoresVolume() },
  'a user gives up, and asks to retry the upload': {
    weight: 1,
    move: (model) => {
      model.annotates('give-up')
      model.annotates('retry-upload')
    },
  },
  'a user asks for a new attempt, and gives up': {
    weight: 1,
    move: (model) => {
      model.annotates('force-new-attempt')
      model.annotates('give-up')
    },
  },
  'the namespace is deleted': { weight: 1, move: (model) => model.deletesNamespace() },
  'a user stops it': { weight: 1, move: (model) => model.changes({ desiredState: 'Stopped' }) },
  'a user deletes it': { weight: 1, move: (model) => model.deletes() },
  'a user deletes it in the foreground': { weight: 1, move: (model) => model.deletes('foreground') },
  'a user asks to retry the upload': { weight: 1, move: (model) => model.annotates('retry-upload') },
  'a user asks for a new attempt': { weight: 1, move: (model) => model.annotates('force-new-attempt') },
  'a user gives up': { weight: 1, move: (model) => model.annotates('give-up') },
  'a user evicts the Pod': { weight: 2, move: (model) => model.deletesPod() },
  'a user deletes the Pod by force': { weight: 1, move: (model) => model.deletesPod(true) },
  'a user deletes the volume': { weight: 1, move: (model) => model.deletesVolume() },
}

async function quiet(model: Model): Promise<void> {
  model.everythingIsWell()
  model.deliver()
  await model.reconcile()
}

/** What happens, and how much the operator gets to see of it before the next thing happens. */
const steps = fc.record({
  what: fc.oneof(...Object.entries(moves).map(([name, { weight }]) => ({ weight, arbitrary: fc.constant(name) }))),
  seen: fc.constantFrom(
    '',
    ', unseen by the operator',
    ', and the operator looks',
    ', and the operator looks',
    ', and the operator looks twice',
  ),
})
const sequences = fc.record({
  from: fc.constantFrom('nothing', 'on its way', 'in the room', 'in the room', 'in the room'),
  isTold: fc.boolean(),
  retention: fc.constantFrom('DeleteWhenStored' as const, 'DeleteWhenStored' as const, 'Retain' as const),
  steps: fc.array(steps, { minLength: 3, maxLength: 30, size: 'max' }),
})
type Sequence = typeof sequences extends fc.Arbitrary<infer T> ? T : never

async function begin(model: Model, from: string): Promise<void> {
  if (from === 'nothing') return
  await model.settle()
  model.schedules()
  if (from === 'in the room') model.enters()
  await model.settle()
}

/** What holds at every moment. */
function check(model: Model): void {
  const { recording } = model
  if (recording === undefined || recording.status?.conditions === undefined) return
  const { status } = recording
  const succeeded = status.conditions?.find(({ type }) => type === 'Succeeded')
  if (!succeeded?.message) throw new PropertyError('it does not say what it waits for')
  const stored = status.conditions?.find(({ type }) => type === 'Stored')
  const unsaved = model.files.filter(({ where }) => where === 'on the volume')
  if (stored?.status === 'True' && unsaved.length > 0) throw new PropertyError('it says that all is stored, and it is not')
}

/** From anywhere: when all is as it should be again, a Recording that is asked to end does, and says where everything is. */
async function comesToItsEnd(model: Model): Promise<void> {
  Object.assign(model, { cosIsAway: false, secretIsMissing: false, receiverIsAway: false, clockIsAheadSeconds: 0 })
  Object.assign(model.server, { faults: [], quotaIsUsedUp: false })
  model.nodeComesBack()
  // A lease is out for seconds; whoever had it does what it was in the middle of, and ends.
  await model.formerGoesOn()
  model.formerNotices()
  await model.settle()
  model.changes({ desiredState: 'Stopped' })
  await until(model, () => model.recording === undefined || isFinished(model.recording))
  tellsWhereEverythingIs(model)
  model.deletes()
  await until(model, () => model.recording === undefined)
  if (model.pods.some((pod) => pod.metadata.deletionTimestamp === undefined)) throw new PropertyError('it left a Pod behind')
}

async function until(model: Model, isSo: () => boolean): Promise<void> {
  for (let round = 0; round < 60; round += 1) {
    await model.settle()
    model.endsWhatCameLate()
    if (isSo()) return
    model.everythingIsWell()
    if (round % 3 === 2) model.after(300)
  }
  throw new PropertyError(`it never ends: ${JSON.stringify(model.recording?.status, undefined, 1)}`)
}

function tellsWhereEverythingIs(model: Model): void {
  const { recording } = model
  // Nobody is left to ask.
  if (recording === undefined) return
  const { files = [], volumes = [], conditions } = recording.status!
  const stored = conditions?.find(({ type }) => type === 'Stored')
  const named = new Set(volumes.filter((volume) => ['holding', 'lost'].includes(volumeState(volume).is)).map(({ uid }) => uid))
  for (const { name, where, volumeUid } of model.files) {
    const isListed = files.some((file) => file.path === name && file.status === 1)
    const isNamed = named.has(volumeUid) || model.taken.has(volumeUid)
    if (where === 'in COS' && !isListed && !isNamed) throw new PropertyError(`${name} is in COS, and is not listed`)
    if (where === 'on the volume' && !isNamed) throw new PropertyError(`${name} is on a volume that nobody names`)
    if (where === 'on the volume' && stored?.status === 'True')
      throw new PropertyError(`${name} is not stored, and is said to be`)
  }
}

/** A receiver that is away now and then, and the operator's own controller of callbacks. */
function telling(model: () => Model): MakeColleague {
  return (client, recordings, now, { call, fence }) =>
    callbackReconciler(toldRecordings(recordings), {
      ...{ ...unwatched, client, now, fence },
      send: async ({ id, fence }) => {
        await call(fence)
        if (model().receiverIsAway) return { outcome: 'refused', statusCode: 503, message: 'it is away' }
        model().hears(id)
        return { outcome: 'delivered', statusCode: 200 }
      },
    }).reconcile
}

async function play({ from, retention, isTold, steps }: Sequence): Promise<void> {
  const callback = { url: 'https://school.example/recorded', format: 'Result' as const }
  const model: Model = new Model(
    { storage: { size: '1Gi', retention }, ...(isTold ? { callback } : {}) },
    telling(() => model),
  )
  try {
    await begin(model, from)
    for (const { what, seen } of steps) {
      model.server.story.push(what + seen)
      await moves[what]!.move(model)
      if (seen.startsWith(', and')) model.deliver()
      if (seen.startsWith(', and')) await model.reconcile()
      if (seen.endsWith('twice')) await model.reconcile()
      check(model)
    }
    model.server.story.push('and then all is well')
    await comesToItsEnd(model)
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${model.server.story.join('\n')}`, { cause: error })
  }
}

const runs = Number(process.env.SEQUENCES ?? 1000)
const firstSeed = Number(process.env.SEED)
/** So many a test, so that a million say how far they are, and one that fails can be played again by itself. */
const runsATest = 50_000
const tests = Array.from({ length: Math.ceil(runs / runsATest) }, (_, at) => ({
  seed: firstSeed + at,
  count: Math.min(runsATest, runs - at * runsATest),
}))

test.each(tests)(
  'whatever happens, nothing is lost or doubled, and all comes to an end ($count sequences, SEED=$seed)',
  {
    timeout: 3_600_000,
  },
  async ({ seed, count }) => {
    const details = await fc.check(fc.asyncProperty(sequences, play), {
      numRuns: count,
      seed,
      endOnFailure: process.env.SHRINK === 'no',
    })
    const why = details.failed ? `${(details.errorInstance as Error).message}\n${fc.defaultReportMessage(details)}` : 'holds'
    expect(why).toBe('holds')
  },
)

test('what is refused for long is asked for less and less often', async () => {
  const model = new Model()
  model.server.quotaIsUsedUp = true
  const waits: number[] = []
  while (waits.length < 9) {
    model.deliver()
    await model.reconcile()
    const seconds = (model.dueMillis - model.now.getTime()) / 1000
    // What is to be done after a refusal is done in a run of its own.
    if (seconds > 0) waits.push(seconds)
    model.after(seconds)
  }
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300])
  model.server.quotaIsUsedUp = false
  await model.settle()
  expect(model.pods).toHaveLength(1)
})
