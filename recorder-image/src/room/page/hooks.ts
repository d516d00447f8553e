import type { TapOptions } from './messages.ts'
import type { PacketCounts } from './repair-counts.ts'

export interface TappedConnections {
  /** What came through the connection that receives, by its own count; -1 where there is none. */
  path(): Promise<{ packets: number; responses: number }>
  /** Of the streams of pictures that come through it, by SSRC. */
  repairs(): Promise<Map<number, PacketCounts>>
}

/**
 * Gives every receiver its tap at the moment it is made. Later is too late: the SDK makes the offer, so by the `track` event the receive
 * stream exists and a transform set there gets no frame and no error.
 *
 * The SDK first opens short-lived connections to find out about codecs. They are told by having nothing else than the receiver; the real
 * one begins with its senders.
 */
export function tapReceivers(worker: Worker): TappedConnections {
  let slots = 0
  let latest: RTCPeerConnection | undefined
  const original = RTCPeerConnection.prototype.addTransceiver
  RTCPeerConnection.prototype.addTransceiver = function (this: RTCPeerConnection, trackOrKind, init) {
    const isProbe = this.getTransceivers().length === 0
    const transceiver = original.call(this, trackOrKind, init)
    if (init?.direction !== 'recvonly' || isProbe) return transceiver
    const kind = transceiver.receiver.track.kind as 'audio' | 'video'
    const slot = slots++
    latest = this
    transceiver.receiver.transform = new RTCRtpScriptTransform(worker, { slot, kind } satisfies TapOptions)
    return transceiver
  }
  return { path: async () => pathOf(await latest?.getStats()), repairs: async () => repairsOf(await latest?.getStats()) }
}

function pathOf(stats: RTCStatsReport | undefined): { packets: number; responses: number } {
  if (stats === undefined) return { packets: -1, responses: -1 }
  const path = { packets: 0, responses: 0 }
  for (const entry of stats.values()) {
    if (entry.type === 'transport') path.packets += entry.packetsReceived ?? 0
    if (entry.type === 'candidate-pair') path.responses += entry.responsesReceived ?? 0
  }
  return path
}

function repairsOf(stats: RTCStatsReport | undefined): Map<number, PacketCounts> {
  const repairs = new Map<number, PacketCounts>()
  for (const entry of stats?.values() ?? []) {
    if (entry.type !== 'inbound-rtp' || entry.kind !== 'video') continue
    const {
      ssrc,
      packetsLost: lost = 0,
      packetsReceived: received = 0,
      timestamp,
      lastPacketReceivedTimestamp = timestamp,
    } = entry
    repairs.set(ssrc, { lost, received, quietMillis: Math.max(0, timestamp - lastPacketReceivedTimestamp) })
  }
  return repairs
}
