import type { RecordingStatus } from '@trtc-recorder/api'
import { beforeAll, describe, expect, test } from 'vitest'
import { callbackReconciler, toldRecordings } from './callback/controller.ts'
import { unwatched } from './callback/testing.ts'
import { isFinished } from './recording/fencing.ts'
import { Model } from './recording/model.ts'
import type { Death, Fault } from './recording/model-server.ts'

/**
 * The whole life of a Recording with a callback, once for each write of the operator and each way in which that can go wrong: it dies before
 * it or after it, or is answered wrongly. Whatever it is, all comes to the same end.
 */
const lives: Record<string, (model: Model) => Promise<void>> = {
  recorded: async (model) => {
    await enters(model)
    model.ends('RemovedByApi')
  },
  stopped: async (model) => {
    await enters(model)
    model.changes({ desiredState: 'Stopped' })
  },
  deleted: async (model) => {
    await enters(model)
    model.deletes()
  },
  'deleted in the foreground': async (model) => {
    await enters(model)
    model.deletes('foreground')
  },
  retried: async (model) => {
    await enters(model)
    model.isKilled('OOMKilled')
    await enters(model, 'math-a2')
    model.ends('RemovedByApi')
  },
  drained: async (model) => {
    await enters(model)
    model.deletesPod()
    await enters(model, 'math-a2')
    model.ends('RemovedByApi')
  },
  evicted: async (model) => {
    await enters(model)
    model.isEvicted()
    await enters(model, 'math-a2')
    model.ends('RemovedByApi')
  },
  'stored later': async (model) => {
    await enters(model)
    model.cosIsAway = true
    model.changes({ desiredState: 'Stopped' })
    await until(model, () => model.recording?.status?.stopReason !== undefined)
    model.cosIsAway = false
  },
  'left behind': async (model) => {
    await enters(model)
    const [first] = model.pods
    model.nodeFallsSilent()
    await enters(model, 'math-a2')
    model.nodeComesBack()
    model.ends('DuplicateUser', {}, first)
    await model.settle()
    model.ends('RemovedByApi')
  },
  'left behind, and sent out by the one that was': async (model) => {
    await enters(model)
    const [first] = model.pods
    model.nodeFallsSilent()
    await enters(model, 'math-a2')
    model.oneLeftBehindComesBack()
    await enters(model, 'math-a3')
    model.nodeComesBack()
    model.ends('DuplicateUser', {}, first)
    await model.settle()
    model.ends('RemovedByApi')
  },
  'left behind by a recorder that dies with its node': async (model) => {
    await enters(model)
    const [first] = model.pods
    model.nodeFallsSilent()
    await enters(model, 'math-a2')
    const second = model.running.at(-1)
    model.nodeComesBack()
    model.isKilled('Error', first)
    // What it left is stored while the lesson goes on.
    await until(model, () => model.recording?.status?.files?.length === 1)
    model.ends('RemovedByApi', {}, second)
  },
}
const failures: readonly (Fault | Death)[] = ['killed before', 'killed after', '409', '429', '500', 'lost', 'lost, but done']

/** In the room, in a Pod of its own. */
async function enters(model: Model, pod = 'math-a1'): Promise<void> {
  await until(model, () => model.running.some(({ metadata }) => metadata.name === pod))
  model.enters()
  await model.settle()
}

async function until(model: Model, isSo: () => boolean): Promise<void> {
  for (let round = 0; round < 60; round += 1) {
    await model.settle()
    if (isSo()) return
    model.everythingIsWell()
    if (round % 2 === 1) model.after(10)
  }
  throw new Error(`it never comes to that: ${JSON.stringify(model.recording?.status, undefined, 1)}`)
}

interface Sent {
  id: string
  files: string[]
}

interface Outcome {
  end: unknown
  sent: Sent[]
  writes: readonly string[]
}

/** Played once, with at most one thing that goes wrong. `whileItThinks`: done when the receiver has the callback and has not answered yet. */
async function play(
  life: keyof typeof lives,
  failure?: Model['server']['failure'],
  whileItThinks: (model: Model) => void = () => {},
): Promise<Outcome> {
  const sent: Sent[] = []
  const model: Model = new Model(
    { callback: { url: 'https://example.com/recorded', format: 'Result' } },
    (client, recordings, now) => {
      const { reconcile } = callbackReconciler(toldRecordings(recordings), {
        ...{ ...unwatched, client, now },
        send: async ({ id, body }) => {
          if (!('Files' in body) || 'ClipName' in body) throw new Error('the result has another form')
          sent.push({ id, files: body.Files.map(({ RecordFile, Status }) => `${RecordFile} ${Status}`) })
          whileItThinks(model)
          return { outcome: 'delivered', statusCode: 200 }
        },
      })
      return reconcile
    },
  )
  model.watchesAreLate = true
  model.server.failure = failure
  let last: RecordingStatus | undefined
  model.server.onStatus = (status) => {
    if (status.completionTime !== undefined) last = status
  }
  try {
    await lives[life]!(model)
    await until(model, () => model.recording === undefined || (isFinished(model.recording) && isTold(model)))
    model.deletes()
    await until(model, () => model.recording === undefined && model.pods.length === 0)
    return {
      end: {
        ...endOf(last),
        left: [...model.pods, ...model.volumes].map(({ metadata }) => metadata.name),
        unsaved: unsaved(model),
      },
      sent,
      writes: model.server.writes,
    }
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${model.server.story.join('\n')}`, { cause: error })
  }
}

const isTold = ({ recording }: Model) => recording?.status?.callback?.state !== 'Pending'
const unsaved = (model: Model) => model.files.filter(({ where }) => where !== 'in COS').map(({ name }) => name)

/** What a user sees in the end. How often an upload was begun anew is no part of it. */
function endOf(status: RecordingStatus | undefined) {
  return {
    stopReason: status?.stopReason,
    conditions: status?.conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`).toSorted(),
    files: status?.files?.map(({ path, status }) => `${path} ${status}`),
    volumes: status?.volumes,
    callback: status?.callback?.state,
    recorders: status?.attempts?.filter(({ uploadOnly, startTime }) => !uploadOnly && startTime !== undefined).length,
  }
}

test.each<[string, (model: Model) => void]>([
  ['stopped', (model) => model.changes({ desiredState: 'Stopped' })],
  ['deleted', (model) => model.deletes()],
  ['given up', (model) => model.annotates('give-up')],
])('a Recording that is %s has nothing deleted twice', async (_, end) => {
  const model = new Model()
  await enters(model)
  end(model)
  await model.settle()
  model.ends('Terminated')
  model.deliver()
  // No watch says from here on what has become of it all.
  for (let round = 0; round < 6; round += 1) await model.reconcile()
  const deleted = model.server.writes.filter((write) => write.startsWith('delete '))
  expect(deleted).toEqual(['delete pods math-a1', 'delete persistentvolumeclaims math-v1'])
})

test('what was recorded while watches were broken is stored, though nobody saw more of its Pod than that it had no node', async () => {
  const model = new Model()
  await model.settle()
  model.schedules()
  model.enters()
  model.isKilled('Error')
  model.deletesPod(true)
  model.listsAnew()
  model.changes({ desiredState: 'Stopped' })
  await until(model, () => model.recording?.status?.completionTime !== undefined)
  expect(model.recording?.status?.files).toMatchObject([{ path: 'file-1', status: 1 }])
  expect(unsaved(model)).toEqual([])
})

describe.each(Object.keys(lives))('a Recording that is %s', (life) => {
  let calm: Outcome
  beforeAll(async () => {
    calm = await play(life)
  })

  test('ends as it should, and whoever wants to know is told once', () => {
    expect(calm.end).toMatchObject({ left: [], unsaved: [], callback: 'Delivered' })
    expect(calm.sent).toHaveLength(1)
  })

  test('is told of once where what tells it is cut off before the receiver has answered', async () => {
    const { end, sent } = await play(life, undefined, (model) => model.isCutOff())
    expect(end).toEqual(calm.end)
    expect(sent).toHaveLength(1)
  })

  test.each(failures)('comes to the same end whichever write is answered with: %s', async (how) => {
    for (const [index, what] of calm.writes.entries()) {
      const { end, sent } = await play(life, { write: index + 1, how })
      const where = `write ${index + 1} of ${calm.writes.length}: ${what}`
      expect(end, where).toEqual(calm.end)
      // Between a receiver's answer and the write that says so nobody but the receiver knows; the key tells it that it is the same.
      const mayRepeat = how.startsWith('killed')
      expect(new Set(sent.map((one) => JSON.stringify(one))).size, where).toBe(1)
      if (!mayRepeat) expect(sent, where).toHaveLength(1)
      expect(sent.length, where).toBeLessThanOrEqual(2)
    }
  })
})
