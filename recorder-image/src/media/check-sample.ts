import type { Mp4Track } from './mp4-head.ts'
import type { VideoConfig } from './video-codec.ts'

/** A file shorter than this is decoded as a whole. */
export const wholeUnderSeconds = 60
/** What is decoded of a longer one, at 1280x720; some 0.15 s of CPU. Fewer pictures where they are larger. */
const samplePictures = 240
const usualPixels = 1280 * 720
/** Of one group, so that a sender without key frames is sampled too. */
const picturesOfAGroup = 60
/** Sound is decoded in stretches. */
const stretchSeconds = 1
const stretches = 6

/** Samples of one track from `first` on, before `end`. */
export interface Stretch {
  first: number
  end: number
}

/** Which groups of pictures, or what from their beginning on, are decoded: spread over the whole length, with each configuration. */
export function picturesToDecode(track: Mp4Track, configs: readonly VideoConfig[], durationSeconds: number): Stretch[] {
  const keys = track.keys ?? new Uint32Array()
  const groups = Array.from(keys, (first, at) => ({ first, end: keys[at + 1] ?? track.sizes.length }))
  if (durationSeconds < wholeUnderSeconds) return groups
  const pixels = configs.reduce((most, { width, height }) => Math.max(most, width * height), 1)
  const budget = Math.max(8, Math.round((samplePictures * usualPixels) / Math.max(pixels, usualPixels / 8)))
  const cut = ({ first, end }: Stretch) => ({ first, end: Math.min(end, first + picturesOfAGroup) })
  const usual = Math.min(picturesOfAGroup, Math.max(1, track.sizes.length / Math.max(1, groups.length)))
  const wanted = spread(groups.length, Math.max(2, Math.floor(budget / usual)))
  const chosen = new Set(wanted)
  const seen = new Set<number>()
  groups.forEach(({ first }, at) => {
    const entry = track.entries?.[first] ?? 0
    if (!seen.has(entry)) chosen.add(at)
    seen.add(entry)
  })
  return [...chosen].sort((a, b) => a - b).map((at) => cut(groups[at]!))
}

/** Which frames of sound are decoded, `perSecond` of them being a second. */
export function soundToDecode(frames: number, perSecond: number, durationSeconds: number): Stretch[] {
  if (frames === 0) return []
  const length = Math.ceil(perSecond * stretchSeconds)
  if (durationSeconds < wholeUnderSeconds || frames <= stretches * length) return [{ first: 0, end: frames }]
  return spread(Math.floor(frames / length), stretches).map((at, n, all) => {
    const first = n === all.length - 1 ? frames - length : at * length
    return { first, end: first + length }
  })
}

/** At most `count` of the numbers below `total`, evenly, the first and the last among them. */
function spread(total: number, count: number): number[] {
  if (total <= count) return Array.from({ length: total }, (_, at) => at)
  return Array.from({ length: count }, (_, at) => Math.round((at * (total - 1)) / (count - 1)))
}
