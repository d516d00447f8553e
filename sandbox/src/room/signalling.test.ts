import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { identities } from '../identities.ts'
import { userSigFor } from '../user-sig.ts'
import type { RoomName } from './room.ts'
import { type RunningRoom, startRoomServer } from './server.ts'
import { clientAbility, SignallingClient } from './testing/signalling-client.ts'

const { sdkAppId } = identities.trtc
const number: RoomName = { sdkAppId, roomId: 101 }
const string: RoomName = { sdkAppId, strRoomId: '101' }
const ssrcsOf = (first: number) => ({ audioSsrc: first, bigVideoSsrc: first + 1, auxVideoSsrc: first + 2 })

let server: RunningRoom
let logged: { msg: string; cmd?: string }[]
const clients: SignallingClient[] = []
async function start(options: Parameters<typeof startRoomServer>[0] = {}) {
  await server?.close()
  server = await startRoomServer({ log: (entry) => logged.push(entry as never), ...options })
}
beforeEach(async () => {
  logged = []
  await start()
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await server.close()
})

function connect(userId: string, userSig?: string, app?: number): Promise<SignallingClient> {
  const client = new SignallingClient(server, userId, userSig, app)
  clients.push(client)
  return client.open()
}
async function enter(userId: string, roomId = '101', options: { string?: boolean; role?: 20 | 21 } = {}) {
  const client = await connect(userId)
  const joined = await client.join(roomId, options)
  expect(joined.code).toBe(0)
  return Object.assign(client, { joined })
}
/** A real SDK that publishes sound and camera. */
async function anchor(userId: string) {
  const client = await enter(userId, '101', { role: 20 })
  await client.ask('publish/v2', 4146, { ...ssrcsOf(10), state: { audio: true, bigVideo: true }, muteState: {} })
  return client
}
const members = async (room: RoomName) => (await server.control.state({ room })).members.map(({ userId }) => userId)
const subscriptions = async () =>
  (await server.control.state({ room: number })).members.find(({ userId }) => userId === 'rec')?.subscriptions

describe('entering', () => {
  it('keeps number rooms and string rooms of one name apart', async () => {
    await enter('alice', '101')
    await enter('bob', '101', { string: true })
    expect([await members(number), await members(string)]).toEqual([['alice'], ['bob']])
  })

  it('tells where media goes, who publishes, and an id of its own', async () => {
    const alice = await anchor('alice')
    const { data, tinyId } = (await enter('rec')).joined
    expect(data.publishers).toEqual([{ userId: 'alice', srcTinyId: alice.joined.tinyId, flag: 9, fromType: 0 }])
    expect(data).toMatchObject({ relayPort: expect.any(Number), ability: { useVp8: false, dtls: { setup: 'passive' } } })
    expect(tinyId).not.toBe(alice.joined.tinyId)
    expect(tinyId).toHaveLength(alice.joined.tinyId.length)
  })

  const app = identities.trtc
  it.each([
    ['cannot be read', 'no signature', 70003],
    ['was signed with another key', userSigFor({ ...app, secretKey: '0'.repeat(64) }, 'alice'), 70003],
    ['expired', userSigFor(app, 'alice', { issuedAtSeconds: 1_700_000_000, expireSeconds: 60 }), 70001],
    ['is for another user', userSigFor(app, 'bob'), 70013],
    ['is for another application', userSigFor({ ...app, sdkAppId: 1400000002 }, 'alice'), 70014],
  ])('is refused when the UserSig %s', async (_, userSig, code) => {
    const client = await connect('alice', userSig)
    const { code: refused, message } = await client.join('101')
    expect([refused, message]).toEqual([code, expect.stringMatching(/userSig/)])
    expect(await members(number)).toEqual([])
  })

  it('is refused for an application that does not exist', async () => {
    const client = await connect('alice', userSigFor(app, 'alice'), 1400000099)
    expect((await client.join('101')).code).toBe(-8)
  })

  it.each(['0', 'abc', '1.5', '4294967295'])('is refused for %s, which is no room number', async (roomId) => {
    const client = await connect('alice')
    expect((await client.join(roomId)).code).toBe(-1)
  })

  it('is refused without codecs, and said why', async () => {
    const client = await connect('alice')
    expect(await client.ask('join/v2', 20, { roomId: '101' })).toMatchObject({ code: -1, message: 'the client names no codecs' })
  })

  it('again elsewhere as the same user sends the first one away', async () => {
    const first = await enter('alice')
    const second = await enter('alice')
    expect((await first.next(9)).data).toEqual({ reason: 'kick' })
    expect(await members(number)).toEqual(['alice'])
    first.close()
    await first.closed
    expect((await second.ask('get_user_list', 4137)).code).toBe(0)
    expect(await members(number)).toEqual(['alice'])
  })

  it('by two sockets at once leaves one of them in the room', async () => {
    const [one, other] = await Promise.all([connect('alice'), connect('alice')])
    const granted = await Promise.all([one.join('101'), other.join('101')])
    expect(granted.map(({ code }) => code)).toEqual([0, 0])
    await Promise.any([one.next(9), other.next(9)])
    expect(await members(number)).toEqual(['alice'])
  })

  it('again on the same socket is a new start, not a duplicate', async () => {
    const alice = await enter('alice')
    expect((await alice.join('101')).code).toBe(0)
    expect(await members(number)).toEqual(['alice'])
    await alice.join('102')
    expect(await members(number)).toEqual([])
    expect(await members({ sdkAppId, roomId: 102 })).toEqual(['alice'])
    await alice.ask('get_user_list', 4137)
    expect(alice.has(9)).toBe(false)
  })
})

describe('who is there', () => {
  it('counts anchors, with or without anything published, and nobody of the audience', async () => {
    await enter('alice', '101', { role: 20 })
    await enter('watcher')
    const rec = await enter('rec')
    const { data } = await rec.ask('get_user_list', 4137)
    expect(data.userList).toEqual([expect.objectContaining({ userId: 'alice', role: 20 })])
  })

  it('is told when anchors come and go', async () => {
    const rec = await enter('rec')
    const alice = await enter('alice', '101', { role: 20 })
    expect((await rec.next(4134)).data).toMatchObject({ userId: 'alice', srcTinyId: alice.joined.tinyId })
    alice.send('leave')
    expect((await rec.next(4135)).data).toEqual({ userId: 'alice', reason: 0 })
    expect(await members(number)).toEqual(['rec'])
  })

  it('follows publishing, muting, unpublishing in the list of publishers', async () => {
    const rec = await enter('rec')
    const alice = await anchor('alice')
    await rec.publishers(({ alice: flag }) => flag === 9)
    await alice.ask('mute_uplink', 4108, { audio: true, bigVideo: false })
    await rec.publishers(({ alice: flag }) => flag === (9 | 64))
    await alice.ask('mute_uplink', 4108, { audio: false, bigVideo: true })
    await rec.publishers(({ alice: flag }) => flag === (9 | 16))
    await alice.ask('publish_state_change', 4112, { state: { audio: true, bigVideo: false, auxVideo: true } })
    await rec.publishers(({ alice: flag }) => flag === (8 | 4))
    await alice.ask('unpublish', 4100)
    await rec.publishers((flags) => !('alice' in flags))
  })

  it('lets only anchors publish; who becomes an audience member publishes no more', async () => {
    const rec = await enter('rec')
    expect(await rec.ask('publish/v2', 4146, { ...ssrcsOf(10), state: { audio: true } })).toMatchObject({ code: -1 })
    const alice = await anchor('alice')
    await rec.publishers(({ alice: flag }) => flag === 9)
    await alice.ask('change_role', 4110, { role: 21 })
    await rec.publishers((flags) => !('alice' in flags))
  })
})

describe('subscribing', () => {
  it('is by full state: a change says all that is wanted, unsubscribing ends it', async () => {
    const srcTinyId = (await anchor('alice')).joined.tinyId
    const rec = await enter('rec')
    const ask = { srcTinyId, srcUserId: 'alice' }
    expect((await rec.ask('subscribe/v3', 4156, { ...ask, audio: true, bigVideo: false, ssrc: ssrcsOf(50) })).code).toBe(0)
    expect(await subscriptions()).toEqual([{ userId: 'alice', tracks: ['audio'] }])
    await rec.ask('subscribe_change', 4106, { ...ask, audio: true, bigVideo: true })
    expect(await subscriptions()).toEqual([{ userId: 'alice', tracks: ['audio', 'video'] }])
    await rec.ask('subscribe_change', 4106, { ...ask, bigVideo: true, auxVideo: true })
    expect(await subscriptions()).toEqual([{ userId: 'alice', tracks: ['video', 'aux'] }])
    await rec.ask('unsubscribe', 4104, ask)
    expect(await subscriptions()).toEqual([])
  })

  it('to nobody is refused', async () => {
    const rec = await enter('rec')
    expect((await rec.ask('subscribe/v3', 4156, { srcTinyId: '7', audio: true, ssrc: ssrcsOf(50) })).code).not.toBe(0)
  })

  it('outlives another publish of the same user, and ends when that one leaves', async () => {
    const alice = await anchor('alice')
    const rec = await enter('rec')
    const ask = { srcTinyId: alice.joined.tinyId, audio: true, bigVideo: true, auxVideo: true }
    await rec.ask('subscribe/v3', 4156, { ...ask, ssrc: ssrcsOf(50) })
    await alice.ask('publish/v2', 4146, { ...ssrcsOf(10), state: { audio: true, bigVideo: true, auxVideo: true } })
    expect(await subscriptions()).toEqual([{ userId: 'alice', tracks: ['audio', 'video', 'aux'] }])
    alice.send('leave')
    await rec.next(4135)
    expect(await subscriptions()).toEqual([])
  })

  it('begins anew after rebuild_pc, with another media path', async () => {
    const alice = await anchor('alice')
    const rec = await enter('rec')
    await rec.ask('subscribe/v3', 4156, { srcTinyId: alice.joined.tinyId, audio: true, ssrc: ssrcsOf(50) })
    const { data } = await rec.ask('rebuild_pc', 4150, { ability: clientAbility() })
    expect(await subscriptions()).toEqual([])
    const ufrag = (ability: unknown) => (ability as { ice: { ufrag: string } }).ice.ufrag
    expect(ufrag(data.ability)).not.toBe(ufrag(rec.joined.data.ability))
  })
})

describe('being sent away', () => {
  it('by RemoveUser and RemoveUserByStrRoomId, each for its kind of room', async () => {
    const alice = await enter('alice')
    const bob = await enter('bob', '101', { string: true })
    const { control } = server
    await expect(control.removeUser({ sdkAppId, roomId: '101' as never, userId: 'alice' })).rejects.toThrow(
      'RemoveUserByStrRoomId',
    )
    await expect(control.removeUserByStrRoomId({ sdkAppId, roomId: 101 as never, userId: 'bob' })).rejects.toThrow('RemoveUser')
    await control.removeUser({ sdkAppId, roomId: 101, userId: 'alice' })
    expect((await alice.next(9)).data).toEqual({ reason: 'banned' })
    await control.removeUserByStrRoomId({ sdkAppId, roomId: '101', userId: 'bob' })
    expect((await bob.next(9)).data).toEqual({ reason: 'banned' })
    await expect(control.removeUser({ sdkAppId, roomId: 101, userId: 'alice' })).rejects.toThrow('alice is not in')
  })

  it('by DismissRoom, everybody; the room is gone', async () => {
    const both = [await enter('alice'), await anchor('bob')]
    await server.control.dismissRoom({ room: number })
    for (const client of both) expect((await client.next(9)).data).toEqual({ reason: 'room_disband' })
    expect(await members(number)).toEqual([])
    await expect(server.control.dismissRoom({ room: number })).rejects.toThrow('no room')
  })

  it('ends what one may do: later commands are ignored and logged', async () => {
    const alice = await anchor('alice')
    await server.control.removeUser({ sdkAppId, roomId: 101, userId: 'alice' })
    alice.send('publish/v2', { ...ssrcsOf(10), state: { audio: true } })
    await expect.poll(() => logged.map(({ cmd }) => cmd)).toContain('publish/v2')
    expect((await server.control.state({ room: number })).publishers).toEqual([])
  })
})

describe('a room without anchors', () => {
  it('is destroyed after the time, and not while somebody publishes', async () => {
    const alice = await anchor('alice')
    const rec = await enter('rec')
    await server.control.setNoAnchorSeconds({ seconds: 0.2 })
    await new Promise((resolve) => setTimeout(resolve, 400)) // twice as long as it would take
    expect(await members(number)).toEqual(['alice', 'rec'])
    const unpublished = performance.now()
    await alice.ask('unpublish', 4100)
    expect((await rec.next(9)).data).toEqual({ reason: 'room_disband' })
    expect(performance.now() - unpublished).toBeGreaterThan(190)
  })

  it('is given the time anew when the first one enters', async () => {
    const first = await enter('alice')
    first.send('leave')
    await server.control.setNoAnchorSeconds({ seconds: 0.3 })
    await new Promise((resolve) => setTimeout(resolve, 350))
    const entered = performance.now()
    const rec = await enter('rec')
    await rec.next(9)
    expect(performance.now() - entered).toBeGreaterThan(290)
  })
})

describe('a signalling socket', () => {
  it('may drop and come back within the grace period', async () => {
    const rec = await enter('rec')
    await server.control.dropSignalling({ room: number, userId: 'rec' })
    expect(await rec.closed).toBe(1006)
    expect((await server.control.state({ room: number })).members[0]).toMatchObject({ userId: 'rec', signalling: false })
    const back = await connect('rec')
    expect((await back.ask('reconnect', 514, { roomId: '101', useStringRoomId: false })).code).toBe(0)
    expect((await back.ask('get_user_list', 4137)).code).toBe(0)
    expect((await server.control.state({ room: number })).members[0]).toMatchObject({ signalling: true })
  })

  it('can be dropped with a close code', async () => {
    const rec = await enter('rec')
    await server.control.dropSignalling({ room: number, userId: 'rec', code: 1000 })
    expect(await rec.closed).toBe(1000)
    await expect(server.control.dropSignalling({ room: number, userId: 'rec' })).rejects.toThrow('down already')
  })

  it('is refused when told so, to a stranger, in another room, and with a wrong UserSig', async () => {
    await enter('rec')
    const ask = { roomId: '101', useStringRoomId: false }
    expect((await (await connect('eve')).ask('reconnect', 514, ask)).code).not.toBe(0)
    expect((await (await connect('rec', 'wrong')).ask('reconnect', 514, ask)).code).not.toBe(0)
    const rec = await connect('rec')
    expect((await rec.ask('reconnect', 514, { ...ask, useStringRoomId: true })).code).not.toBe(0)
    await server.control.refuseReconnect({ refuse: true })
    expect((await rec.ask('reconnect', 514, ask)).code).not.toBe(0)
    await server.control.refuseReconnect({ refuse: false })
    expect((await rec.ask('reconnect', 514, ask)).code).toBe(0)
  })

  it('that does not come back costs the place in the room', async () => {
    await start({ graceSeconds: 0.1 })
    const rec = await enter('rec')
    const alice = await anchor('alice')
    alice.close()
    expect((await rec.next(4135)).data).toEqual({ userId: 'alice', reason: 1 })
    expect(await members(number)).toEqual(['rec'])
    const back = await connect('alice')
    expect((await back.ask('reconnect', 514, { roomId: '101' })).code).not.toBe(0)
  })

  it('can be silent without being closed', async () => {
    const rec = await enter('rec')
    await server.control.silenceSignalling({ room: number, userId: 'rec', silent: true })
    rec.send('get_user_list')
    await anchor('alice')
    await server.control.silenceSignalling({ room: number, userId: 'rec', silent: false })
    const { seq } = await rec.ask('get_user_list', 4137)
    expect(seq).toBe(3)
    expect(rec.has(4134)).toBe(false)
  })

  it('that talks nonsense disturbs nobody', async () => {
    const rec = await enter('rec')
    for (const nonsense of ['{', 'null', '[]', '{"cmd":7}']) rec.socket.send(nonsense)
    rec.send('make_coffee', { strong: true })
    rec.send('subscribe/v3', { srcTinyId: { toString: 1 } })
    rec.send('mute_uplink')
    expect((await rec.ask('get_user_list', 4137)).code).toBe(0)
    expect(logged.map(({ msg }) => msg)).toEqual([
      ...Array(4).fill('Ignored a message that is no command'),
      'Ignored an unknown command',
      'Could not obey a command',
    ])
    expect(logged[4]).toMatchObject({ cmd: 'make_coffee', userId: 'rec' })
    const stranger = await connect('eve')
    stranger.send('publish/v2', ssrcsOf(1))
    await expect.poll(() => logged.at(-1)).toMatchObject({ cmd: 'publish/v2', userId: 'eve' })
  })
})
