/** Commands of the signalling socket, and the numbers of what the server says. Measured against the SDK; see docs/verified.md. */
export const reply = {
  setup: 19,
  join: 20,
  get_user_list: 4137,
  'subscribe/v3': 4156,
  subscribe_change: 4106,
  unsubscribe: 4104,
  rebuild_pc: 4150,
  reconnect: 514,
  'publish/v2': 4146,
  publish_state_change: 4112,
  mute_uplink: 4108,
  unpublish: 4100,
  change_role: 4110,
  update_constraint_config: 772,
  ability_status_report: 4158,
  update_network_time: 5001,
} as const

export const push = { banned: 9, publishers: 23, peerJoin: 4134, peerLeave: 4135 } as const

export interface ClientMessage {
  cmd: string
  data: Record<string, unknown>
  seq: number
}

/** @returns undefined for what is not a command: the SDK sends JSON with `cmd`, `data` (not always) and `seq` */
export function parseClientMessage(text: string): ClientMessage | undefined {
  try {
    const { cmd, data, seq } = JSON.parse(text) as Partial<ClientMessage>
    if (typeof cmd !== 'string') return undefined
    return { cmd, data: typeof data === 'object' && data !== null ? data : {}, seq: Number(seq ?? 0) }
  } catch {
    return undefined
  }
}

export interface RtpCodec {
  payload: number
  codec: string
  fmtp: string
  rate: number
  channels?: number
}

export interface Ability {
  ice: { ufrag: string; password: string }
  dtls: { fingerprint: string }
  audio: { codecs: RtpCodec[]; extensions: unknown[] }
  video: { codecs: RtpCodec[]; decoders: RtpCodec[]; extensions: unknown[] }
}

/** What this room carries. */
export type Codec = 'opus' | 'h264' | 'vp8'
export type VideoCodec = Exclude<Codec, 'opus'>

/** Payload types are the client's own: all its media share one bundle. Undefined where it does not take the codec. */
export type PayloadTypes = Readonly<Record<'opus' | 'h264', number> & Record<'vp8', number | undefined>>

const feedback = [
  { id: 'ccm', params: ['fir'] },
  { id: 'nack', params: [] },
  { id: 'nack', params: ['pli'] },
  { id: 'goog-remb', params: [] },
]

/** Throws if the client can neither do what this room does nor says what it can. */
export function choosePayloadTypes(ability: Ability | undefined): PayloadTypes {
  if (!ability?.audio?.codecs || !ability.video?.codecs) throw new Error('the client names no codecs')
  const { audio, video } = ability
  const opus = audio.codecs.find(({ codec }) => codec.toLowerCase() === 'opus')
  const offered = [...(video.decoders ?? []), ...video.codecs]
  const baseline = (codec: RtpCodec) => /h264/i.test(codec.codec) && /packetization-mode=1/.test(codec.fmtp)
  const h264 = offered.find((codec) => baseline(codec) && /profile-level-id=42e0/i.test(codec.fmtp)) ?? offered.find(baseline)
  if (!opus || !h264) throw new Error('the client does not offer both Opus and H.264 in packetization mode 1')
  const vp8 = offered.find(({ codec }) => codec.toLowerCase() === 'vp8')
  return { opus: opus.payload, h264: h264.payload, vp8: vp8?.payload }
}

/** `uplink`: what the client sends its camera in. The SDK looks for it by name; of what it receives, it takes all that is listed. */
export function serverAbility(
  payloads: PayloadTypes,
  uplink: VideoCodec,
  address: { ip: string; port: number },
  ice: { ufrag: string; password: string },
  fingerprint: string,
): object {
  const video = { rate: 90000, rtx: 0, rtcpfb: feedback }
  const h264 = {
    payload: payloads.h264,
    codec: 'H264',
    fmtp: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
    ...video,
  }
  const codecs = [h264, ...(payloads.vp8 === undefined ? [] : [{ payload: payloads.vp8, codec: 'VP8', fmtp: '', ...video }])]
  const opus = {
    payload: payloads.opus,
    codec: 'opus',
    rate: 48000,
    channels: 2,
    fmtp: 'minptime=10;useinbandfec=1;stereo=1',
    rtcpfb: [],
  }
  return {
    // What the SDK calls foundation is the transport.
    candidates: [{ ...address, priority: 2130706431, type: 'host', foundation: 'udp' }],
    ice,
    dtls: { hash: 'sha-256', fingerprint, setup: 'passive' },
    audio: { codecs: [opus], extensions: [] },
    video: { codecs, decoders: codecs, extensions: [] },
    useVp8: uplink === 'vp8',
    useH265: false,
  }
}
