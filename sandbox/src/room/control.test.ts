import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { identities } from '../identities.ts'
import { type RoomControl, roomControl } from './control.ts'
import { type RunningRoom, startRoomServer } from './server.ts'
import { SignallingClient } from './testing/signalling-client.ts'

const { sdkAppId } = identities.trtc
const room = { sdkAppId, roomId: 101 }

let server: RunningRoom
let control: RoomControl
beforeEach(async () => {
  server = await startRoomServer()
  control = roomControl(server.controlUrl)
})
afterEach(() => server.close())
const post = async (name: string, body: string) => {
  const response = await fetch(`${server.controlUrl}/${name}`, { method: 'POST', body })
  return { status: response.status, ...((await response.json()) as { message: string }) }
}

describe('the control API over HTTP', () => {
  it('does and tells what the one in the same process does', async () => {
    const rec = await new SignallingClient(server, 'rec').open()
    const entered = control.waitFor({ room, event: 'joined', userId: 'rec' })
    await rec.join('101')
    await entered
    expect(await control.state({ room })).toEqual({
      members: [{ userId: 'rec', role: 'audience', signalling: true, subscriptions: [] }],
      publishers: [],
    })
    expect(await control.sent({ room, userId: 'alice' })).toEqual([])
    const destroyed = control.waitFor({ room, event: 'destroyed' })
    await control.dismissRoom({ room })
    await destroyed
    expect((await rec.next(9)).data).toEqual({ reason: 'room_disband' })
  })

  it('says what did not happen in time', async () => {
    await expect(control.waitFor({ room, event: 'subscribed', userId: 'rec', timeoutSeconds: 0.05 })).rejects.toThrow(
      'Room: waitFor: event: subscribed of rec did not happen',
    )
  })

  it.each([
    ['leave', { room, userId: 'alice' }, 'there is no room 1400000001/number/101'],
    ['leave', { userId: 'alice' }, 'room: '],
    ['leave', { room: { sdkAppId, roomId: 101, strRoomId: '101' }, userId: 'alice' }, 'either roomId or strRoomId'],
    ['publish', { room, userId: 'alice', camera: true }, 'camera'],
    ['publish', { room, userId: 'alice', video: true, clip: { width: 641 } }, 'width and height must be even'],
    ['setMuted', { room, userId: 'alice', kind: 'screen', muted: true }, 'kind: '],
    ['loss', { room, percent: 101, repairable: true }, 'percent: '],
    ['removeUser', { sdkAppId, roomId: '101', userId: 'rec' }, 'RemoveUserByStrRoomId'],
    ['setNoAnchorSeconds', { seconds: 'soon' }, 'seconds: '],
  ])('refuses %s of %j and names what is wrong', async (name, argument, message) => {
    const refused = await post(name, JSON.stringify(argument))
    expect(refused).toEqual({ status: 400, message: expect.stringContaining(message) })
  })

  it('refuses what is not JSON, and what there is not', async () => {
    expect(await post('state', '{')).toEqual({ status: 400, message: 'the body of state is not JSON' })
    for (const name of ['close', 'toString', 'findOrMake', ''])
      expect(await post(name, '{}')).toMatchObject({ status: 404, message: expect.stringContaining('publish') })
    expect((await fetch(`${server.controlUrl}/state`)).status).toBe(404)
  })
})

describe('the schedule', () => {
  it('names the signalling host, to every page', async () => {
    const { default: https } = await import('node:https')
    const answer = await new Promise<{ body: string; origin: unknown }>((resolve, reject) => {
      const options = { method: 'POST', rejectUnauthorized: false }
      const request = https.request(`https://${server.unifiedProxy}/api/v1/config`, options, (response) => {
        let body = ''
        response.on('data', (chunk) => {
          body += chunk
        })
        response.on('end', () => resolve({ body, origin: response.headers['access-control-allow-origin'] }))
      })
      request.on('error', reject).end()
    })
    expect(answer.origin).toBe('*')
    expect(JSON.parse(answer.body)).toMatchObject({ code: 0, data: { domains: [server.unifiedProxy] } })
  })
})
