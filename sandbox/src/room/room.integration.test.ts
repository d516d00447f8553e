/** The room and the unmodified SDK in a real Chromium. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { identities } from '../identities.ts'
import { userSigFor } from '../user-sig.ts'
import { codeRow, markOf, readCode } from './clip.ts'
import type { RoomControl } from './control.ts'
import { startRealPublisher } from './real-publisher.ts'
import type { RoomName } from './room.ts'
import { SdkChromium } from './sdk-chromium.ts'
import { SdkUser } from './sdk-user.ts'
import { type RunningRoom, startRoomServer } from './server.ts'

const { sdkAppId } = identities.trtc
const clip = { width: 320, height: 180, fps: 15, videoKbps: 200, loopSeconds: 10 }

let server: RunningRoom
let control: RoomControl
let chromium: SdkChromium
beforeAll(async () => {
  server = await startRoomServer()
  control = server.control
  chromium = await SdkChromium.launch(server.spki)
})
afterAll(async () => {
  await chromium?.close()
  await server?.close()
})

let room: RoomName & { roomId: number }
let users: SdkUser[] = []
let nextRoomId = 101
beforeEach(() => {
  room = { sdkAppId, roomId: nextRoomId++ }
})
afterEach(async () => {
  await Promise.all(users.map((user) => user.close()))
  users = []
})

async function enter(userId = 'rec', where: RoomName = room, userSig?: string): Promise<SdkUser> {
  const { unifiedProxy } = server
  const options = { room: where, userId, unifiedProxy, role: 'audience' as const, ...(userSig === undefined ? {} : { userSig }) }
  const user = await SdkUser.enter(chromium, options)
  users.push(user)
  return user
}
const publish = (userId: string, tracks: { audio?: boolean; video?: boolean; aux?: boolean }, where: RoomName = room) =>
  control.publish({ room: where, userId, clip, ...tracks })

/** Decoded frames of all streams so far. */
const frames = async (user: SdkUser) => (await user.inbound()).reduce((sum, { framesDecoded = 0 }) => sum + framesDecoded, 0)
/** Waits until more is decoded than was. */
async function flows(user: SdkUser, timeoutSeconds = 10, count = 10): Promise<void> {
  const before = await frames(user)
  await expect.poll(() => frames(user), { timeout: timeoutSeconds * 1000, interval: 100 }).toBeGreaterThanOrEqual(before + count)
}
/** The user whose mark the picture carries. */
async function shows(user: SdkUser, userId: string): Promise<void> {
  const mark = async () => {
    const picture = await user.picture(userId)
    return picture && readCode(picture.luma, picture.width, codeRow.mark)
  }
  await expect.poll(mark, { timeout: 10_000, interval: 100 }).toBe(markOf(userId))
}

describe('entering', () => {
  it('a number room and a string room of the same name shows each room’s own anchor, with sound', async () => {
    const string: RoomName = { sdkAppId, strRoomId: String(room.roomId) }
    await Promise.all([publish('alice', { audio: true, video: true }), publish('bob', { audio: true, video: true }, string)])
    const one = await enter('rec')
    const other = await enter('rec', string)
    for (const [user, userId] of [
      [one, 'alice'],
      [other, 'bob'],
    ] as const) {
      expect(await user.next('onEnterRoom')).toEqual([expect.any(Number)])
      expect(await user.next('onRemoteUserEnterRoom')).toEqual([userId])
      expect(await user.next('onUserVideoAvailable')).toEqual([userId, true])
      await user.watch(userId)
      await shows(user, userId)
      const energy = async () => Math.max(0, ...(await user.inbound()).map(({ totalAudioEnergy = 0 }) => totalAudioEnergy))
      await expect.poll(energy, { timeout: 5000 }).toBeGreaterThan(0.001)
      expect((await user.events()).some((event) => event.includes(userId === 'alice' ? 'bob' : 'alice'))).toBe(false)
    }
    expect((await one.inbound()).reduce((lost, { packetsLost }) => lost + packetsLost, 0)).toBe(0)
  })

  const app = identities.trtc
  it.each([
    [-70003, 'cannot be read', 'nonsense'],
    [-70001, 'expired', userSigFor(app, 'rec', { issuedAtSeconds: 1_700_000_000, expireSeconds: 60 })],
    [-70013, 'is for another user', userSigFor(app, 'alice')],
  ])('is refused with %i when the UserSig %s', async (code, _, userSig) => {
    const user = await enter('rec', room, userSig)
    expect(await user.next('onEnterRoom')).toEqual([code])
    expect((await user.next('onError'))[0]).toBe(code)
  })
})

describe('an anchor', () => {
  it('that mutes, leaves and returns is seen to do so, and seen again', async () => {
    await publish('alice', { audio: true, video: true })
    const user = await enter()
    await user.watch('alice')
    await flows(user)
    expect(await user.next('onUserVideoAvailable')).toEqual(['alice', true])
    await control.setMuted({ room, userId: 'alice', kind: 'video', muted: true })
    expect(await user.next('onUserVideoAvailable')).toEqual(['alice', false])
    await control.setMuted({ room, userId: 'alice', kind: 'video', muted: false })
    expect(await user.next('onUserVideoAvailable')).toEqual(['alice', true])
    await flows(user)
    await control.leave({ room, userId: 'alice' })
    expect((await user.next('onRemoteUserLeaveRoom'))[0]).toBe('alice')
    await user.next('onRemoteUserEnterRoom')
    await publish('alice', { video: true })
    expect(await user.next('onRemoteUserEnterRoom')).toEqual(['alice'])
    await user.watch('alice')
    await flows(user)
    await shows(user, 'alice')
  })

  it('that shows its screen too goes on with the camera: no packet is lost and no number restarts', async () => {
    await publish('alice', { audio: true, video: true })
    const user = await enter()
    await user.watch('alice')
    await flows(user)
    const { ssrc } = (await user.inbound()).find(({ framesDecoded = 0 }) => framesDecoded > 0)!
    const camera = async () => (await user.inbound()).find((stream) => stream.ssrc === ssrc)!
    await publish('alice', { audio: true, video: true, aux: true })
    expect(await user.next('onUserSubStreamAvailable')).toEqual(['alice', true])
    await user.watch('alice', 2)
    const decoding = async () => (await user.inbound()).filter(({ framesDecoded = 0 }) => framesDecoded > 10).length
    await expect.poll(decoding, { timeout: 10_000 }).toBe(2)
    await publish('alice', { audio: true, video: true })
    expect(await user.next('onUserSubStreamAvailable')).toEqual(['alice', false])
    const { framesDecoded = 0 } = await camera()
    await expect.poll(async () => (await camera()).framesDecoded, { timeout: 10_000 }).toBeGreaterThan(framesDecoded + 10)
    expect((await camera()).packetsLost).toBe(0)
    const spans = await control.sent({ room, userId: 'alice' })
    expect(spans.map(({ track }) => track).sort()).toEqual(['audio', 'aux', 'video'])
  })

  it('is received whole over a path that loses packets and repairs them', async () => {
    await publish('alice', { video: true })
    const user = await enter()
    await user.watch('alice')
    await flows(user)
    await control.loss({ room, userId: 'rec', percent: 10, repairable: true })
    await flows(user, 10, 30)
    const video = (await user.inbound()).find(({ framesDecoded = 0 }) => framesDecoded > 0)!
    expect(video.nackCount).toBeGreaterThan(0)
    expect(video.packetsLost).toBeLessThanOrEqual(3)
  })
})

describe('the room’s API', () => {
  it('removes a user: onExitRoom(1)', async () => {
    const user = await enter()
    await user.next('onEnterRoom')
    await control.removeUser({ sdkAppId, roomId: room.roomId, userId: 'rec' })
    expect((await user.next('onExitRoom'))[0]).toBe(1)
  })

  it('dismisses a room: onExitRoom(2)', async () => {
    const user = await enter()
    await user.next('onEnterRoom')
    await control.dismissRoom({ room })
    expect((await user.next('onExitRoom'))[0]).toBe(2)
  })
})

describe('a connection', () => {
  it('whose signalling drops recovers while media flows', async () => {
    await publish('alice', { video: true })
    const user = await enter()
    await user.watch('alice')
    await flows(user)
    const [before] = await control.state({ room }).then(({ members }) => members)
    await control.dropSignalling({ room, userId: 'rec' })
    await user.next('onConnectionLost')
    await user.next('onConnectionRecovery')
    await flows(user)
    expect((await control.state({ room })).members).toEqual([before])
  })

  it('that is refused its session joins again, with new streams', async () => {
    await publish('alice', { video: true })
    const user = await enter()
    await user.watch('alice')
    await flows(user)
    await control.refuseReconnect({ refuse: true })
    await control.dropSignalling({ room, userId: 'rec' })
    await user.next('onConnectionLost')
    await user.next('onConnectionRecovery', 15)
    await control.refuseReconnect({ refuse: false })
    await flows(user, 15)
  })

  it('that is closed with 1000 is not taken up again', async () => {
    const user = await enter()
    await user.next('onEnterRoom')
    await control.dropSignalling({ room, userId: 'rec', code: 1000 })
    await user.next('onConnectionLost')
    await expect(control.waitFor({ room, event: 'left', userId: 'rec', timeoutSeconds: 3 })).rejects.toThrow()
    expect((await control.state({ room })).members).toMatchObject([{ userId: 'rec', signalling: false }])
  })

  it('whose media path is dead gets another one', async () => {
    await publish('alice', { video: true })
    const user = await enter()
    await user.watch('alice')
    await flows(user)
    const connections = await user.connectionCount()
    await control.killMediaPath({ room, userId: 'rec' })
    await expect.poll(user.connectionCount, { timeout: 40_000, interval: 200 }).toBeGreaterThan(connections)
    await flows(user)
  })
})

describe('a real publisher', () => {
  it('is received by a subscriber, muted and unmuted, and leaves', async () => {
    const publisher = await startRealPublisher({ room, userId: 'carol', ...server })
    try {
      const user = await enter()
      expect(await user.next('onRemoteUserEnterRoom')).toEqual(['carol'])
      await user.watch('carol')
      await flows(user)
      expect(await control.state({ room })).toMatchObject({
        publishers: [{ userId: 'carol', tracks: ['audio', 'video'], muted: [] }],
      })
      const energy = async () => Math.max(0, ...(await user.inbound()).map(({ totalAudioEnergy = 0 }) => totalAudioEnergy))
      await expect.poll(energy, { timeout: 5000 }).toBeGreaterThan(0)
      expect(await user.next('onUserVideoAvailable')).toEqual(['carol', true])
      await publisher.muteVideo(true)
      expect(await user.next('onUserVideoAvailable')).toEqual(['carol', false])
      await publisher.muteVideo(false)
      expect(await user.next('onUserVideoAvailable')).toEqual(['carol', true])
      await flows(user)
      expect((await user.inbound()).reduce((lost, { packetsLost }) => lost + packetsLost, 0)).toBe(0)
      await publisher.stop()
      expect((await user.next('onRemoteUserLeaveRoom'))[0]).toBe('carol')
    } finally {
      await publisher.kill()
    }
  })
})
