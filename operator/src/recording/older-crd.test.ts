import { attemptSchema, neededStatusFields, recordingStatusSchema, recordingVolumeSchema } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { Model } from './model.ts'

/** What a CRD of an earlier release may lack: whatever may be absent. */
const optionalFields = (schema: { shape: Record<string, { isOptional(): boolean }> }, at = '') =>
  Object.entries(schema.shape).flatMap(([name, field]) => (field.isOptional() ? [at + name] : []))
const all = [
  ...optionalFields(recordingStatusSchema),
  ...optionalFields(attemptSchema, 'attempts.'),
  ...optionalFields(recordingVolumeSchema, 'volumes.'),
]
const needed: readonly string[] = neededStatusFields
/** There since there are Recordings. */
const original = [
  'conditions',
  'startTime',
  'completionTime',
  'stopReason',
  'attempts',
  'attempts.startTime',
  'attempts.endTime',
  'attempts.reason',
  'callback',
]

const recorded = async (model: Model) => {
  await model.settle()
  model.schedules()
  model.enters()
  await model.settle()
}

/** What happens to it, until it goes on by itself. */
const lives: Record<string, (model: Model) => Promise<void>> = {
  nothing: async () => {},
  'a crash': async (model) => {
    model.isKilled('Error')
    await goesOn(model)
  },
  'a silent node': async (model) => {
    model.nodeFallsSilent()
    model.after(20)
    await recorded(model)
    model.nodeComesBack()
    await goesOn(model)
  },
  'COS that is away at its end': async (model) => {
    model.cosIsAway = true
    model.ends('RoomDismissed')
    await model.settle()
    model.cosIsAway = false
    await goesOn(model)
  },
  'what could not be stored and is tried again': async (model) => {
    model.cosIsAway = true
    model.ends('RoomDismissed')
    await model.settle()
    model.annotates('give-up')
    await model.settle()
    model.cosIsAway = false
    await goesOn(model)
    model.annotates('retry-upload')
    await goesOn(model)
  },
  'what is left for a Pod that is refused at first': async (model) => {
    model.cosIsAway = true
    model.ends('RoomDismissed')
    await model.settle()
    model.server.quotaIsUsedUp = true
    model.after(30)
    await model.settle()
    model.cosIsAway = false
    model.quotaHasRoom()
    await goesOn(model)
  },
  'a wish for another attempt': async (model) => {
    model.annotates('force-new-attempt')
    await goesOn(model)
  },
}

async function goesOn(model: Model): Promise<void> {
  for (let round = 0; round < 6; round += 1) {
    await recorded(model)
    model.everythingIsWell()
    model.after(30)
  }
}

async function isOver(model: Model, isSo: () => boolean): Promise<void> {
  for (let round = 0; round < 40 && !isSo(); round += 1) {
    await model.settle()
    model.everythingIsWell()
    model.after(60)
  }
  expect(isSo()).toBe(true)
}

async function live(without: readonly string[], what: keyof typeof lives): Promise<void> {
  const model = new Model()
  Object.assign(model.server, { unknownFields: without })
  await recorded(model)
  await lives[what]!(model)
  model.changes({ desiredState: 'Stopped' })
  await isOver(model, () => model.recording?.status?.completionTime !== undefined)
  expect(model.files.filter(({ where }) => where === 'on the volume')).toEqual([])
  model.deletes()
  await isOver(model, () => model.recording === undefined)
  expect(model.pods).toEqual([])
}

describe('where the CRD is of an earlier release, and does not keep', () => {
  describe.each(all.filter((field) => !needed.includes(field) && !original.includes(field)))('%s', (field) => {
    test.each(Object.keys(lives))('a Recording comes to its end, after %s', (what) => live([field], what))
  })

  test.each(needed)('%s, it would not, and the operator waits for one that does', async (field) => {
    const outcomes = await Promise.allSettled(Object.keys(lives).map((what) => live([field], what)))
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true)
  })
})
