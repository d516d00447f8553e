/** One encoded frame as it left the network, before any decoder: a whole H.264 access unit (Annex B) or one Opus packet. */
export interface EncodedFrame {
  /** The receiver it came from. The SDK reuses receivers: a slot is not a user. */
  slot: number
  kind: 'audio' | 'video'
  /** New for every subscription. */
  ssrc: number
  /** Can be decoded on its own. Always true for audio. */
  key: boolean
  /** 32 bit, wraps. 90 kHz for video, 48 kHz for Opus. */
  rtpTimestamp: number
  /** Of the RTP packet, 16 bit, wraps. Null for video, whose frames are many packets, and where the browser does not tell. */
  sequenceNumber: number | null
  /** Wall-clock arrival in microseconds since 1970, by the recorder's clock. */
  receiveTimeMicros: number
  /** Such as `video/H264` or `audio/opus`. */
  mimeType: string
  /** Of video key frames, in pixels. */
  width?: number
  height?: number
  /** Pictures may be missing before it; what the receiver counted of them is told a moment later. Never of sound. */
  mayFollowHole?: boolean
  data: Uint8Array
}
