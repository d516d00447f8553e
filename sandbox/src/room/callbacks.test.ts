import { afterEach, beforeEach, expect, it } from 'vitest'
import { type CallbackControl, callbackControl, type RunningCallbackSink, startCallbackSink } from '../callback/index.ts'
import { identities } from '../identities.ts'
import { type RoomControl, roomControl } from './control.ts'
import { type RunningRoom, startRoomServer } from './server.ts'
import { SignallingClient } from './testing/signalling-client.ts'

const room = { sdkAppId: identities.trtc.sdkAppId, roomId: 101 }
const path = '/events'

let server: RunningRoom
let control: RoomControl
let sink: RunningCallbackSink
let sinkControl: CallbackControl
let url: string
beforeEach(async () => {
  server = await startRoomServer()
  control = roomControl(server.controlUrl)
  sink = await startCallbackSink({ address: '127.0.0.1', port: 0, keys: { [path]: identities.trtc.callbackKey } })
  sinkControl = callbackControl(sink.controlUrl)
  url = `${sink.url}${path}`
})
afterEach(async () => {
  await server.close()
  await sink.close()
})

/** A teacher makes the room, becomes its audience, an assistant comes, and both go. */
async function session(): Promise<void> {
  const teacher = await new SignallingClient(server, 'teacher').open()
  await teacher.join('101', { role: 20 })
  await teacher.ask('change_role', 4110, { role: 21 })
  const assistant = await new SignallingClient(server, 'assistant').open()
  await assistant.join('101')
  await control.dismissRoom({ room })
}

const told = async (count: number) =>
  (await sinkControl.waitFor(path, count)).map(({ body }) => {
    const { EventType, EventInfo } = JSON.parse(body)
    return { type: EventType, user: EventInfo.UserId, role: EventInfo.Role }
  })

const events = [
  { type: 101, user: 'teacher' },
  { type: 103, user: 'teacher', role: 20 },
  { type: 105, user: 'teacher', role: 21 },
  { type: 103, user: 'assistant', role: 21 },
  { type: 104, user: 'teacher' },
  { type: 104, user: 'assistant' },
  { type: 102 },
]

it('tells what happens in a room, signed, with its number as a number', async () => {
  await control.sendCallbacks({ url, hold: true })
  await session()
  await control.releaseCallbacks({ order: 'Reversed' })
  expect(await told(7)).toEqual(events.toReversed())
  const [{ signature, headers, body }] = (await sinkControl.requests(path)) as [
    Awaited<ReturnType<CallbackControl['requests']>>[0],
  ]
  expect([signature, headers.sdkappid]).toEqual(['valid', String(room.sdkAppId)])
  expect(JSON.parse(body)).toMatchObject({ EventGroupId: 1, EventInfo: { RoomId: 101, EventMsTs: expect.any(Number) } })
})

it('loses, doubles and delays what it is told to', async () => {
  await control.sendCallbacks({ url, lose: [101, 104, 105], times: 2, delayMillis: 10 })
  await session()
  const types = (await told(6)).map(({ type }) => type)
  expect(types.toSorted()).toEqual([102, 102, 103, 103, 103, 103])
})

it('tells again at once what was not answered with 200', async () => {
  await sinkControl.behave({ kind: 'refuse', status: 503 }, { count: 1 })
  await control.sendCallbacks({ url, lose: [101, 102, 104, 105] })
  await new SignallingClient(server, 'teacher').open().then((client) => client.join('101', { role: 20 }))
  await sinkControl.waitFor(path, 2)
  await expect
    .poll(() => control.callbacksSent({}), { timeout: 15_000 })
    .toEqual([{ eventType: 103, userId: 'teacher', statuses: [503, 200] }])
})

it('sends nothing where nobody asked for it', async () => {
  await session()
  expect(await control.callbacksSent({})).toEqual([])
  expect(await sinkControl.requests()).toEqual([])
})
