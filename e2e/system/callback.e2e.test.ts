import { createHmac } from 'node:crypto'
import type { EventsBody } from '@trtc-recorder/api'
import { Ajv } from 'ajv'
import { describe, expect } from 'vitest'
import { identities } from '../../sandbox/src/identities.ts'
import { callbackContract, callbackOrder } from './contract.ts'
import { replaceOperator } from './operator-pod.ts'
import { recorderUserId, recordFor, Scene, secrets, test } from './scene.ts'

const isContract = new Ajv({ allErrors: true, strict: true }).compile(callbackContract)
const signed = { signingKeySecretRef: { name: secrets.signing } }

describe.concurrent('the callback', () => {
  test('is the contract to the letter, signed, and comes exactly once', async ({ scene }) => {
    const sink = await scene.sink()
    await scene.publish('alice')
    await scene.publish('bob', { audio: true, video: true })
    const recording = await scene.recordFromNow('healthy', { mode: '02', callback: { url: `${sink.url}/signed`, ...signed } })
    await recordFor(3)
    await scene.removeRecorder()
    const finished = await recording.settled()

    const [callback] = await sink.waitFor('/signed')
    const { headers, body } = callback!
    const said = JSON.parse(body)
    expect(isContract(said), JSON.stringify(isContract.errors)).toBe(true)
    expect(Object.keys(said)).toEqual(callbackOrder.body)
    for (const file of said.Files) expect(Object.keys(file)).toEqual(callbackOrder.file)
    expect(said).toMatchObject({
      SdkAppId: String(identities.trtc.sdkAppId),
      RoomId: String(scene.room.roomId),
      UserId: recorderUserId,
      StrRoomId: '',
    })
    expect(said.Files.map(({ UserId, Status }: { UserId: string; Status: number }) => [UserId, Status]).toSorted()).toEqual([
      ['alice', 1],
      ['bob', 1],
    ])
    const stored = (await recording.objects(finished)).map(({ url }) => url)
    for (const { RecordFile } of said.Files) expect(stored).toContain(RecordFile)

    expect(headers['content-type']).toBe('application/json')
    expect(headers.sign).toBe(createHmac('sha256', identities.callback.signingKey).update(body).digest('base64'))
    expect(headers['idempotency-key']).toBe(finished.status!.callback!.id)
    expect(finished.status!.callback).toMatchObject({ state: 'Delivered', attempts: 1, lastStatusCode: 200 })

    await recording.delete()
    await recording.gone()
    expect(await sink.requests()).toHaveLength(1)
  })

  test('arrives although its receiver is down and the operator restarted meanwhile, and its successor tried in vain as well', async ({
    scene,
  }) => {
    const sink = await scene.sink()
    await scene.publish('alice')
    const recording = await scene.recordFromNow('outage', { callback: { url: `${sink.url}/signed`, ...signed } })
    await recordFor(2)
    await sink.down(true)
    await recording.stop()
    const waiting = await recording.is('CallbackDelivered', 'False', 'Retrying')
    expect(waiting.status).toMatchObject({ callback: { state: 'Pending' }, files: [{ userId: 'alice', status: 1 }] })
    await replaceOperator()
    const { callback: before } = (await recording.get()).status!
    await recording.until('tried again', ({ status }) => status!.callback!.attempts > before!.attempts)
    await sink.down(false)

    const { status } = await recording.is('CallbackDelivered', 'True', 'Delivered')
    const [callback, ...more] = await sink.requests()
    expect(more).toEqual([])
    expect(callback).toMatchObject({ path: '/signed', signature: 'valid', status: 200 })
    expect(isContract(JSON.parse(callback!.body))).toBe(true)
    expect(callback!.headers['idempotency-key']).toBe(waiting.status!.callback!.id)
    expect(status!.callback).toMatchObject({ state: 'Delivered', id: waiting.status!.callback!.id })
    expect(status!.callback!.attempts).toBeGreaterThan(waiting.status!.callback!.attempts)
  })
})

// Alone: the operator is not replaced meanwhile, and so each event is told once.
describe('the callback of a string room', () => {
  test('has no RoomId; events are told before it, in order', async ({ namespace }) => {
    const scene = new Scene(namespace, { sdkAppId: identities.trtc.sdkAppId, strRoomId: `biology ${namespace}` })
    try {
      const sink = await scene.sink()
      await scene.publish('alice')
      const recording = await scene.recordFromNow('string-room', {
        live: { audioSlices: { seconds: 5 } },
        callback: { url: `${sink.url}/string-room`, events: true },
      })
      await recordFor(2)
      await scene.removeRecorder()
      await recording.settled()
      const { status } = await recording.is('CallbackDelivered', 'True', 'Delivered')
      const told = (await sink.requests()).map(({ headers, body }) => ({ headers, body: JSON.parse(body) as object }))
      const events = told.flatMap(({ body }) => ('Events' in body ? (body as EventsBody).Events : []))
      expect(events.map(({ EventId }) => EventId)).toEqual(events.map((_, at) => `1-${at + 1}`))
      expect(events.map(({ EventType }) => EventType).filter((type) => type !== 'sliceStored')).toEqual([
        'recordingStarted',
        'recordingStopped',
        'fileFinished',
      ])
      expect(status!.live).toEqual([{ part: 'audioSlices', stored: expect.any(Number), waiting: 0, lost: 0 }])
      expect(events.filter(({ EventType, Status }) => EventType === 'sliceStored' && Status === 1)).toHaveLength(
        status!.live![0]!.stored,
      )
      expect(status!.live![0]!.stored).toBeGreaterThan(0)
      const [callback, ...more] = told.filter(({ body }) => 'Files' in body)
      expect(callback!.body).toMatchObject({
        RoomId: '',
        StrRoomId: `biology ${namespace}`,
        Files: [{ UserId: 'alice' }],
      })
      expect(callback!.headers).not.toHaveProperty('sign')
      expect(more).toEqual([])
    } finally {
      await scene.close()
    }
  })
})
