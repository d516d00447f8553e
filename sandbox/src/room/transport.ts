/**
 * The room's side of one peer connection: ICE-lite (RFC 8445) on a UDP port shared by all, DTLS as the server, SRTP and SRTCP.
 * The SDK builds both sides of the session description itself, so none is needed here.
 */
import { createHash, randomBytes, X509Certificate } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { CipherContext, DtlsServer, RtpHeader, SrtcpSession, SrtpSession } from 'werift'
import type { PacketSink } from './outbound.ts'
import { bindingSuccess, kindOfDatagram, parseBindingRequest } from './stun.ts'

const SRTP_AES128_CM_SHA1_80 = 1
const SRTP_KEY_BYTES = 16
const SRTP_SALT_BYTES = 14

export interface Certificate {
  certPem: string
  keyPem: string
  signatureHash: { hash: number; signature: number }
  /** As it stands in a session description: `AA:BB:…`. */
  fingerprint: string
}

export async function makeCertificate(): Promise<Certificate> {
  // ECDSA P-256 with SHA-256, by the numbers of the TLS registries.
  const made = await CipherContext.createSelfSignedCertificateWithKey({ hash: 4, signature: 3 } as never, 23 as never)
  const { raw } = new X509Certificate(made.certPem)
  return { ...made, fingerprint: fingerprintOf(raw) } as Certificate
}

/** SHA-256 of a certificate (DER) as a session description has it. */
const fingerprintOf = (der: Buffer) => createHash('sha256').update(der).digest('hex').toUpperCase().match(/../g)!.join(':')

interface Address {
  address: string
  port: number
}

/** The UDP port of the room: finds the transport a datagram is for by ICE user name fragment, then by address. */
export class MediaPort {
  readonly #socket: Socket
  readonly #byUfrag = new Map<string, Transport>()
  readonly #byAddress = new Map<string, Transport>()
  readonly certificate: Certificate
  /** As behind a firewall that lets no UDP pass. */
  isBlocked = false

  private constructor(socket: Socket, certificate: Certificate) {
    this.#socket = socket
    this.certificate = certificate
    socket.on('message', (datagram, from) => this.#received(datagram, from))
    // A member that went without a word: the port it had refuses. Its ICE or its grace period ends the matter.
    socket.on('error', () => {})
  }

  static async open(address: string, port: number): Promise<MediaPort> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 })
    socket.bind(port, address)
    await once(socket, 'listening')
    return new MediaPort(socket, await makeCertificate())
  }

  get port(): number {
    return this.#socket.address().port
  }

  /** @param clientFingerprint the client's certificate has to have it: `AA:BB:…` */
  openTransport(clientFingerprint: string, handlers: TransportHandlers): Transport {
    const transport = new Transport(
      this.certificate,
      clientFingerprint,
      (datagram, to) => {
        if (!this.isBlocked) this.#socket.send(datagram, to.port, to.address)
      },
      handlers,
    )
    this.#byUfrag.set(transport.ufrag, transport)
    return transport
  }

  closeTransport(transport: Transport): void {
    transport.close()
    this.#byUfrag.delete(transport.ufrag)
    for (const [address, other] of this.#byAddress) if (other === transport) this.#byAddress.delete(address)
  }

  close(): void {
    for (const transport of this.#byUfrag.values()) transport.close()
    this.#socket.close()
  }

  #received(datagram: Buffer, from: Address): void {
    if (this.isBlocked) return
    const key = `${from.address}:${from.port}`
    if (kindOfDatagram(datagram) !== 'stun') {
      this.#byAddress.get(key)?.received(datagram)
      return
    }
    const request = parseBindingRequest(datagram)
    const transport = request && this.#byUfrag.get(request.receiverUfrag)
    if (!request || !transport || transport.isDead || !request.isSignedWith(transport.password)) return
    this.#byAddress.set(key, transport)
    transport.remote = from
    this.#socket.send(bindingSuccess(request.transactionId, from, transport.password), from.port, from.address)
  }
}

export interface TransportHandlers {
  onConnected(): void
  onRtp(header: RtpHeader, payload: Buffer): void
  onRtcp(compound: Buffer): void
}

export class Transport implements PacketSink {
  readonly ufrag = randomBytes(6).toString('hex')
  readonly password = randomBytes(16).toString('hex')
  remote: Address | undefined
  /** Nothing passes any more, as if the path between had died. */
  isDead = false
  readonly #clientFingerprint: string
  readonly #send: (datagram: Buffer, to: Address) => void
  readonly #handlers: TransportHandlers
  readonly #dtls: DtlsServer
  readonly #dtlsWire: { onData: (data: Buffer) => void }
  #srtp: SrtpSession | undefined
  #srtcp: SrtcpSession | undefined

  constructor(
    certificate: Certificate,
    clientFingerprint: string,
    send: (datagram: Buffer, to: Address) => void,
    handlers: TransportHandlers,
  ) {
    this.#clientFingerprint = clientFingerprint
    this.#send = send
    this.#handlers = handlers
    this.#dtlsWire = {
      type: 'sandbox',
      address: { host: '', port: 0 },
      onData: () => {},
      send: async (data: Buffer) => this.send(data),
      close: async () => {},
    } as never
    this.#dtls = new DtlsServer({
      transport: this.#dtlsWire as never,
      cert: certificate.certPem,
      key: certificate.keyPem,
      signatureHash: certificate.signatureHash as never,
      srtpProfiles: [SRTP_AES128_CM_SHA1_80],
      extendedMasterSecret: true,
      certificateRequest: true,
    })
    this.#dtls.onConnect.subscribe(() => this.#connected())
    this.#dtls.onError.subscribe(() => {})
  }

  get isConnected(): boolean {
    return this.#srtp !== undefined
  }

  received(datagram: Buffer): void {
    if (this.isDead) return
    if (kindOfDatagram(datagram) === 'dtls') {
      this.#dtlsWire.onData(datagram)
      return
    }
    if (!this.#srtp || !this.#srtcp || datagram.length < 12) return
    const type = (datagram[1] as number) & 0x7f
    const isRtcp = type >= 64 && type < 96
    const plain = decrypted(isRtcp ? this.#srtcp : this.#srtp, datagram)
    if (!plain) return
    if (isRtcp) this.#handlers.onRtcp(plain)
    else {
      const header = RtpHeader.deSerialize(plain)
      this.#handlers.onRtp(header, plain.subarray(header.payloadOffset))
    }
  }

  protect(header: RtpHeader, payload: Buffer): Buffer {
    if (!this.#srtp) throw new Error('there are no keys yet')
    return this.#srtp.encrypt(payload, header)
  }

  send(datagram: Buffer): void {
    if (this.remote && !this.isDead) this.#send(datagram, this.remote)
  }

  sendRtcp(compound: Buffer): void {
    if (this.#srtcp) this.send(this.#srtcp.encrypt(compound))
  }

  close(): void {
    this.isDead = true
  }

  #connected(): void {
    const { remoteCertificate } = this.#dtls
    // Whoever shows another certificate than it announced is somebody else.
    if (!remoteCertificate || fingerprintOf(remoteCertificate) !== this.#clientFingerprint) {
      this.close()
      return
    }
    const keys = this.#dtls.extractSessionKeys(SRTP_KEY_BYTES, SRTP_SALT_BYTES)
    const config = {
      keys: {
        localMasterKey: keys.localKey,
        localMasterSalt: keys.localSalt,
        remoteMasterKey: keys.remoteKey,
        remoteMasterSalt: keys.remoteSalt,
      },
      profile: SRTP_AES128_CM_SHA1_80,
    }
    this.#srtp = new SrtpSession(config)
    this.#srtcp = new SrtcpSession(config)
    this.#handlers.onConnected()
  }
}

/** @returns undefined for a packet that does not authenticate: it is dropped, as any SRTP endpoint does */
function decrypted(session: SrtpSession | SrtcpSession, datagram: Buffer): Buffer | undefined {
  try {
    return session.decrypt(datagram)
  } catch {
    return undefined
  }
}
