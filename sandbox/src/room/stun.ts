/**
 * The part of STUN that an ICE-lite agent needs (RFC 8489, RFC 8445): read a connectivity check, answer it. Pure.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

const MAGIC_COOKIE = 0x2112a442
const HEADER_BYTES = 20
const BINDING_REQUEST = 0x0001
const BINDING_SUCCESS = 0x0101
const attribute = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  xorMappedAddress: 0x0020,
  useCandidate: 0x0025,
  fingerprint: 0x8028,
} as const
const FINGERPRINT_XOR = 0x5354554e

/** RFC 7983: the first byte of what arrives on a shared port says what it is. */
export function kindOfDatagram(datagram: Buffer): 'stun' | 'dtls' | 'rtp' | 'unknown' {
  const first = datagram[0] ?? 255
  if (first < 4) return 'stun'
  if (first >= 20 && first < 64) return 'dtls'
  if (first >= 128 && first < 192) return 'rtp'
  return 'unknown'
}

export interface BindingRequest {
  transactionId: Buffer
  /** USERNAME is `<ufrag of the receiver>:<ufrag of the sender>`. */
  receiverUfrag: string
  senderUfrag: string
  /** The controlling side has chosen this path. */
  useCandidate: boolean
  /** Whether MESSAGE-INTEGRITY was made with `password`. */
  isSignedWith(password: string): boolean
}

/** @returns undefined for anything that is not a well-formed Binding request with USERNAME and MESSAGE-INTEGRITY */
export function parseBindingRequest(datagram: Buffer): BindingRequest | undefined {
  if (datagram.length < HEADER_BYTES || datagram.readUInt16BE(0) !== BINDING_REQUEST) return undefined
  if (datagram.readUInt32BE(4) !== MAGIC_COOKIE || datagram.readUInt16BE(2) !== datagram.length - HEADER_BYTES) return undefined
  let username: string | undefined
  let useCandidate = false
  let integrityAt: number | undefined
  for (let at = HEADER_BYTES; at + 4 <= datagram.length; ) {
    const type = datagram.readUInt16BE(at)
    const bytes = datagram.readUInt16BE(at + 2)
    if (at + 4 + bytes > datagram.length) return undefined
    if (type === attribute.username) username = datagram.toString('utf8', at + 4, at + 4 + bytes)
    if (type === attribute.useCandidate) useCandidate = true
    if (type === attribute.messageIntegrity && bytes === 20) integrityAt = at
    at += 4 + Math.ceil(bytes / 4) * 4
  }
  const [receiverUfrag, senderUfrag] = username?.split(':') ?? []
  if (!receiverUfrag || !senderUfrag || integrityAt === undefined) return undefined
  const signedUntil = integrityAt
  return {
    transactionId: datagram.subarray(8, HEADER_BYTES),
    receiverUfrag,
    senderUfrag,
    useCandidate,
    isSignedWith: (password) =>
      timingSafeEqual(
        integrity(datagram.subarray(0, signedUntil), password),
        datagram.subarray(signedUntil + 4, signedUntil + 24),
      ),
  }
}

/** Success response that tells the sender where its check came from (IPv4). */
export function bindingSuccess(transactionId: Buffer, from: { address: string; port: number }, password: string): Buffer {
  const mapped = Buffer.alloc(12)
  mapped.writeUInt16BE(attribute.xorMappedAddress, 0)
  mapped.writeUInt16BE(8, 2)
  mapped[5] = 1 // IPv4
  mapped.writeUInt16BE(from.port ^ (MAGIC_COOKIE >>> 16), 6)
  const address = from.address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  mapped.writeUInt32BE((address ^ MAGIC_COOKIE) >>> 0, 8)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(BINDING_SUCCESS, 0)
  header.writeUInt16BE(mapped.length, 2)
  header.writeUInt32BE(MAGIC_COOKIE, 4)
  transactionId.copy(header, 8)
  return withFingerprint(withIntegrity(Buffer.concat([header, mapped]), password))
}

function withIntegrity(message: Buffer, password: string): Buffer {
  const trailer = Buffer.alloc(4)
  trailer.writeUInt16BE(attribute.messageIntegrity, 0)
  trailer.writeUInt16BE(20, 2)
  const signed = Buffer.concat([message, trailer, integrity(message, password)])
  signed.writeUInt16BE(signed.length - HEADER_BYTES, 2)
  return signed
}

/** HMAC over `message` with the length field as if MESSAGE-INTEGRITY were its last attribute (RFC 8489, 14.5). */
function integrity(message: Buffer, password: string): Buffer {
  const copy = Buffer.from(message)
  copy.writeUInt16BE(message.length - HEADER_BYTES + 24, 2)
  return createHmac('sha1', password).update(copy).digest()
}

function withFingerprint(message: Buffer): Buffer {
  const out = Buffer.concat([message, Buffer.alloc(8)])
  out.writeUInt16BE(out.length - HEADER_BYTES, 2)
  out.writeUInt16BE(attribute.fingerprint, message.length)
  out.writeUInt16BE(4, message.length + 2)
  out.writeUInt32BE((crc32(out.subarray(0, message.length)) ^ FINGERPRINT_XOR) >>> 0, message.length + 4)
  return out
}
