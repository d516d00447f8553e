import type { TapOptions } from './messages.ts'

/**
 * Gives every receiver its tap at the moment it is made. Later is too late: the SDK makes the offer, so by the `track` event the receive
 * stream exists and a transform set there gets no frame and no error.
 *
 * The SDK first opens short-lived connections to find out about codecs. They are told by having nothing else than the receiver; the real
 * one begins with its senders.
 *
 * Returns a lookup from a receiver's track to its slot.
 */
export function tapReceivers(worker: Worker): (track: MediaStreamTrack) => number | undefined {
  const slots = new Map<string, number>()
  const original = RTCPeerConnection.prototype.addTransceiver
  RTCPeerConnection.prototype.addTransceiver = function (this: RTCPeerConnection, trackOrKind, init) {
    const isProbe = this.getTransceivers().length === 0
    const transceiver = original.call(this, trackOrKind, init)
    if (init?.direction !== 'recvonly' || isProbe) return transceiver
    const kind = transceiver.receiver.track.kind as 'audio' | 'video'
    const slot = slots.size
    slots.set(transceiver.receiver.track.id, slot)
    transceiver.receiver.transform = new RTCRtpScriptTransform(worker, { slot, kind } satisfies TapOptions)
    return transceiver
  }
  return (track) => slots.get(track.id)
}
