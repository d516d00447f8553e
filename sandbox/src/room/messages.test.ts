import { describe, expect, it } from 'vitest'
import { choosePayloadTypes, parseClientMessage, serverAbility } from './messages.ts'
import { clientAbility } from './testing/signalling-client.ts'

describe('what the server can, as it tells the SDK', () => {
  it('takes the client’s own payload types: Opus, and baseline H.264 in packetization mode 1 among the decoders', () => {
    expect(choosePayloadTypes(clientAbility())).toEqual({ opus: 111, h264: 108, vp8: 96 })
  })

  it('makes do with another H.264 profile in packetization mode 1', () => {
    const ability = clientAbility()
    ability.video.decoders = ability.video.decoders.filter(({ payload }) => payload !== 108)
    expect(choosePayloadTypes(ability).h264).toBe(102)
  })

  it('refuses a client without H.264 or without codecs at all', () => {
    const vp8Only = clientAbility()
    vp8Only.video.codecs = vp8Only.video.decoders = vp8Only.video.codecs.slice(0, 1)
    expect(() => choosePayloadTypes(vp8Only)).toThrow('H.264')
    expect(() => choosePayloadTypes(undefined)).toThrow('names no codecs')
    expect(() => choosePayloadTypes({ ice: { ufrag: '', password: '' } } as never)).toThrow('names no codecs')
  })

  it('offers Opus, H.264 and, where the client takes it, VP8, and where its media port is', () => {
    const address = { ip: '192.0.2.7', port: 18445 }
    const ice = { ufrag: 'u', password: 'p' }
    expect(serverAbility({ opus: 111, h264: 108, vp8: undefined }, 'h264', address, ice, 'AA:BB')).toMatchObject({
      candidates: [{ ip: '192.0.2.7', port: 18445, type: 'host', foundation: 'udp' }],
      ice,
      dtls: { hash: 'sha-256', fingerprint: 'AA:BB', setup: 'passive' },
      audio: { codecs: [{ payload: 111, codec: 'opus', rate: 48_000, channels: 2 }] },
      video: { codecs: [{ payload: 108, codec: 'H264' }], decoders: [{ payload: 108, codec: 'H264', rtx: 0 }] },
      useVp8: false,
      useH265: false,
    })
    expect(serverAbility({ opus: 111, h264: 108, vp8: 96 }, 'vp8', address, ice, 'AA:BB')).toMatchObject({
      video: { decoders: [{ codec: 'H264' }, { payload: 96, codec: 'VP8' }] },
      useVp8: true,
    })
  })
})

describe('what the SDK says', () => {
  it('is a command with or without data', () => {
    expect(parseClientMessage('{"cmd":"leave","seq":3}')).toEqual({ cmd: 'leave', data: {}, seq: 3 })
    expect(parseClientMessage('{"cmd":"unsubscribe","data":{"srcTinyId":"1"},"seq":4}')?.data).toEqual({ srcTinyId: '1' })
  })

  it.each(['', '{', 'null', '7', '[]', '{"cmd":5}'])('is not a command when it is %j', (text) => {
    expect(parseClientMessage(text)).toBeUndefined()
  })
})
