import { CustomSource, EncodedPacketSink, Input, type InputTrack, MP4 } from 'mediabunny'
import type { FinishedFile } from './finished-file.ts'
import { type Mp4Track, movieTimescale } from './mp4-head.ts'

export interface Demuxed {
  /** Groups of pictures that were counted. */
  groups: number
  problems: string[]
  unchecked: string[]
}

const durationToleranceSeconds = 0.05
/** Samples of each track whose times and sizes the demuxer is asked for. */
const sampledPackets = 50

/** What a demuxer that had no part in making the file finds in it. Stops at `deadline` (by `performance.now()`). */
export async function demux(
  file: FinishedFile,
  tracks: readonly Mp4Track[],
  { durationSeconds, deadline }: { durationSeconds: number; deadline: number },
): Promise<Demuxed> {
  const source = new CustomSource({ getSize: () => file.bytes, read: (start, end) => file.read(start, end) })
  const input = new Input({ formats: [MP4], source })
  const result: Demuxed = { groups: 0, problems: [], unchecked: [] }
  try {
    const found = await input.getTracks()
    for (const track of tracks) {
      const other = found.find((candidate) => candidate.type === track.kind)
      if (other === undefined) {
        result.problems.push(`the ${track.kind} track cannot be found`)
        continue
      }
      await compareSamples(track, other, result)
      if (track.keys !== undefined) await compareGroups(track, track.keys, other, deadline, result)
    }
    const demuxed = found.length === 0 ? 0 : await input.computeDuration()
    const seconds = demuxed - (Math.max(0, ...tracks.map(demuxedEnd)) - Math.max(0, ...tracks.map(shownEnd)))
    if (Math.abs(seconds - durationSeconds) > durationToleranceSeconds) {
      result.problems.push(`the file lasts ${seconds.toFixed(3)} s instead of ${durationSeconds} s`)
    }
  } finally {
    input.dispose()
  }
  return result
}

/** In seconds. */
const shownEnd = ({ edit }: Mp4Track) => (edit.delay + edit.duration) / movieTimescale

/**
 * Where the demuxer takes a track to end, in seconds: as long behind the picture that is shown last as the next one is decoded behind it. That is not where it ends where B
 * pictures are decoded after it and there is a pause among them, nor where a clip ends before it, which is there because one in front of it refers to it.
 */
function demuxedEnd(track: Mp4Track): number {
  const { starts, shownAfter, end, timescale, edit } = track
  if (shownAfter === undefined) return shownEnd(track)
  let last = 0
  for (let at = 1; at < starts.length; at++) if (starts[at]! + shownAfter[at]! >= starts[last]! + shownAfter[last]!) last = at
  const seconds = (tick: number) => edit.delay / movieTimescale + (tick + shownAfter[last]! - edit.mediaTime) / timescale
  const isUsual = last === starts.length - 1 && seconds(starts[last]!) < shownEnd(track)
  return isUsual ? shownEnd(track) : seconds(starts[last + 1] ?? end)
}

async function compareSamples(track: Mp4Track, found: InputTrack, result: Demuxed): Promise<void> {
  const { kind, sizes, starts, shownAfter, timescale, edit } = track
  const sink = new EncodedPacketSink(found)
  const seconds = (at: number) =>
    edit.delay / movieTimescale + (starts[at]! + (shownAfter?.[at] ?? 0) - edit.mediaTime) / timescale
  const stride = Math.max(1, Math.floor(sizes.length / sampledPackets))
  for (let at = 0; at < sizes.length; at = at === sizes.length - 1 ? at + 1 : Math.min(at + stride, sizes.length - 1)) {
    // Half a tick later, so that rounding does not lead to the sample before.
    const packet = await sink.getPacket(seconds(at) + 0.5 / timescale, { metadataOnly: true })
    if (packet === null || packet.byteLength !== sizes[at] || Math.abs(packet.timestamp - seconds(at)) > 1 / timescale) {
      result.problems.push(`sample ${at} of the ${kind} track is not found at ${seconds(at).toFixed(3)} s`)
      return
    }
  }
}

/** Where each group begins says how many pictures the one before has: packets are numbered in the order of decoding. */
async function compareGroups(
  { sizes }: Mp4Track,
  keys: Uint32Array,
  found: InputTrack,
  deadline: number,
  result: Demuxed,
): Promise<void> {
  const sink = new EncodedPacketSink(found)
  let packet = await sink.getKeyPacket(await found.getFirstTimestamp(), { metadataOnly: true })
  for (const [group, key] of keys.entries()) {
    if (packet?.sequenceNumber !== key || packet.byteLength !== sizes[key]) {
      result.problems.push(`group ${group} of the pictures does not begin at picture ${key}`)
      return
    }
    if (performance.now() > deadline) {
      result.unchecked.push(`the pictures of ${result.groups} of ${keys.length} groups were counted`)
      return
    }
    result.groups = group + 1
    packet = await sink.getNextKeyPacket(packet, { metadataOnly: true })
  }
  if (packet !== null) result.problems.push(`there are more than ${keys.length} groups of pictures`)
}
