import { describe, expect, it } from 'vitest'
import { bindingSuccess, kindOfDatagram, parseBindingRequest } from './stun.ts'

/** RFC 5769, 2.1: request, user "evtj:h6vY". */
const password = 'VOkJxbRl1RmTxUk/WvJxBt'
const request = Buffer.from(
  '000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74' +
    '002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020' +
    '000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf',
  'hex',
)

describe('STUN', () => {
  it('reads a connectivity check and knows who signed it (RFC 5769 sample request)', () => {
    const parsed = parseBindingRequest(request)
    expect(parsed).toMatchObject({ receiverUfrag: 'evtj', senderUfrag: 'h6vY', useCandidate: false })
    expect(parsed?.isSignedWith(password)).toBe(true)
    expect(parsed?.isSignedWith('VOkJxbRl1RmTxUk/WvJxBu')).toBe(false)
  })

  it('takes nothing that is cut short, lies about its length, or is not a request', () => {
    const response = Buffer.from(request)
    response.writeUInt16BE(0x0101, 0)
    const lying = Buffer.from(request)
    lying.writeUInt16BE(200, 22) // the first attribute claims more than there is
    for (const bad of [request.subarray(0, 30), response, lying, Buffer.alloc(0)])
      expect(parseBindingRequest(bad)).toBeUndefined()
  })

  it('answers with the mapped address, integrity and fingerprint (RFC 5769 sample response but for SOFTWARE)', () => {
    const id = request.subarray(8, 20)
    const reply = bindingSuccess(id, { address: '192.0.2.1', port: 32853 }, password)
    expect(reply.toString('hex')).toContain('002000080001a147e112a643')
    expect(reply.subarray(8, 20)).toEqual(id)
    expect(reply.readUInt16BE(2)).toBe(reply.length - 20)
    // An agent reads our answer as it reads a check: same layout, so our own parser can verify the signature.
    const asRequest = Buffer.concat([reply.subarray(0, 20), Buffer.from('00060003613a6200', 'hex'), reply.subarray(20)])
    asRequest.writeUInt16BE(1, 0)
    asRequest.writeUInt16BE(asRequest.length - 20, 2)
    expect(parseBindingRequest(asRequest)?.isSignedWith(password)).toBe(false) // changed on the way
  })

  it('tells STUN, DTLS and RTP apart by the first byte', () => {
    expect([0, 1, 22, 63, 128, 191, 200, 100].map((byte) => kindOfDatagram(Buffer.from([byte])))).toEqual([
      'stun',
      'stun',
      'dtls',
      'dtls',
      'rtp',
      'rtp',
      'unknown',
      'unknown',
    ])
  })
})
