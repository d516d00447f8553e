/** A fragment of MP4 (ISO 14496-12, 8.8): what describes some samples, and the samples. Behind the head that `buildInitSegment` makes. */
import { box, fullBox, table, u32, u64 } from './mp4-box.ts'
import { fragmentTrackId } from './mp4-head.ts'

export interface FragmentSample {
  data: Uint8Array
  /** In ticks of the track, as all times here. */
  duration: number
  /** How long after its decoding time it is shown; may be negative. */
  shownAfter: number
  /** Can be decoded on its own. */
  key: boolean
}

export interface Fragment {
  /** From 1 on. */
  number: number
  /** Decoding time of the first sample. */
  start: number
  samples: readonly FragmentSample[]
}

const trunFlags = 0x1 | 0x100 | 0x200 | 0x400 | 0x800
/** sample_depends_on and sample_is_non_sync_sample (8.8.3.1). */
const keyFlags = 0x0200_0000
const otherFlags = 0x0101_0000
const defaultBaseIsMoof = 0x02_0000

export function buildFragment({ number, start, samples }: Fragment): Buffer {
  const rows = samples.flatMap(({ data, duration, shownAfter, key }) => [
    ...[duration, data.length, key ? keyFlags : otherFlags, shownAfter >>> 0],
  ])
  const moof = (dataOffset: number) =>
    box(
      'moof',
      fullBox('mfhd', 0, 0, u32(number)),
      box(
        'traf',
        fullBox('tfhd', 0, defaultBaseIsMoof, u32(fragmentTrackId)),
        fullBox('tfdt', 1, 0, u64(start)),
        // Version 1: what stands in `shownAfter` has a sign.
        fullBox('trun', 1, trunFlags, u32(samples.length, dataOffset), table(rows)),
      ),
    )
  const dataOffset = moof(0).length + 8
  const body = samples.map(({ data }) => data)
  return Buffer.concat([moof(dataOffset), box('mdat', ...body)])
}
