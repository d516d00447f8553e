import type { AudioGap, LaidSound } from './audio-axis.ts'
import { type ClockFit, clockErrorMicros, fitClock, median, wallMicros } from './clock.ts'
import { type CutRules, common, cutsIn, type Stretch, withoutCuts } from './cuts.ts'
import { type ArrivalColumns, orderPictures, type PlacedPictures } from './picture-order.ts'
import type { Piece } from './pieces.ts'

/** All times in microseconds since 1970 unless they say otherwise. */
export interface Presentation {
  startMicros: number
  endMicros: number
  video?: VideoPresentation
  audio?: AudioPresentation
  gaps: PresentationGap[]
  /** By so much a time may be off, in microseconds, beyond what the network takes at least. */
  clockErrorMicros: number
}

export interface VideoPresentation {
  startMicros: number
  /** The samples in decoding order. */
  samples: Uint32Array
  /** Presentation time of each of them in 90 kHz ticks since the first picture. */
  ticks: Float64Array
  /** The same times in their own order, strictly increasing: when each sample is decoded if a sample is decoded for each that is shown. */
  decodeTicks: Float64Array
  /** How long the last one is shown, in ticks: as long as most. */
  lastTicks: number
  pieces: readonly Piece[]
  /** How far a picture was moved from where its clock has it at most, in microseconds. */
  movedMicros: number
}

export interface AudioPresentation {
  startMicros: number
  /** Length of the sound in wall-clock samples at 48 kHz. */
  samples: number
  /** The same on the axis, as it was encoded. */
  axisSamples: number
  /** Where the two are known to meet; straight lines between. Two of one place on the axis are a cut. */
  knots: readonly { axis: number; wall: number }[]
  /** Wall-clock samples since the start of the sound for a position on the audio axis. */
  place: (axisSamples: number) => number
  /** How far sound was moved from where its clock has it at most, in microseconds. */
  movedMicros: number
}

export interface PresentationGap {
  kind: 'audio' | 'video'
  startMicros: number
  seconds: number
}

/** Silence that stays on both sides of a cut: what a decoder and an encoder give of a sound a little later is not cut off. */
const soundLeadMicros = 20_000
/** A picture held longer than this, and ten times longer than usual, is a gap. */
const videoGapMinTicks = 90_000

/** Decides, when all is known, at what time of the file each sample is presented. `placed` as of `orderPictures`. Pure without it. */
export function present(video: ArrivalColumns, audio: LaidSound, placed?: PlacedPictures): Presentation | undefined {
  const shown = presentVideo(video, placed)
  const heard = presentAudio(audio)
  if (shown === undefined && heard === undefined) return undefined
  const videoEnd = shown && shown.startMicros + ((shown.decodeTicks.at(-1) ?? 0) + shown.lastTicks) / 0.09
  const audioEnd = heard && heard.startMicros + heard.samples / 0.048
  return {
    startMicros: Math.min(shown?.startMicros ?? Infinity, heard?.startMicros ?? Infinity),
    endMicros: Math.max(videoEnd ?? 0, audioEnd ?? 0),
    ...(shown && { video: shown }),
    ...(heard && { audio: heard }),
    gaps: [...(shown ? videoGaps(shown) : []), ...(heard ? audioGaps(heard, audio.gaps) : [])].sort(
      (a, b) => a.startMicros - b.startMicros,
    ),
    clockErrorMicros: Math.max(
      errorOf(shown?.pieces ?? [], shown?.movedMicros ?? 0),
      errorOf(new Set(audio.spans.map(({ piece }) => piece)), heard?.movedMicros ?? 0),
    ),
  }
}

const errorOf = (pieces: Iterable<Piece>, movedMicros: number) =>
  movedMicros + Math.max(0, ...Array.from(pieces, ({ clock }) => clockErrorMicros(clock)))

function presentVideo(arrivals: ArrivalColumns, placed: PlacedPictures | undefined): VideoPresentation | undefined {
  const { samples, rtp, pieceOf, pieces, shownAs } = orderPictures(arrivals, placed)
  if (samples.length === 0) return undefined
  const fits = pieces.map((piece) => fitClock(piece.clock.windows))
  const wall = (at: number) => wallMicros(fits[pieceOf[at]!]!, rtp[at]! / 0.09)
  const startMicros = wall(shownAs[0]!)
  const ticks = new Float64Array(samples.length)
  const decodeTicks = new Float64Array(samples.length)
  let movedTicks = 0
  let before = -1
  for (let number = 0; number < shownAs.length; number++) {
    const at = shownAs[number]!
    const wanted = Math.round((wall(at) - startMicros) * 0.09)
    // Pieces whose clocks contradict each other must not turn time back.
    const tick = Math.max(wanted, before + 1)
    movedTicks = Math.max(movedTicks, tick - wanted)
    ticks[at] = tick
    decodeTicks[number] = tick
    before = tick
  }
  return { startMicros, samples, ticks, decodeTicks, lastTicks: usualStep(decodeTicks), pieces, movedMicros: movedTicks / 0.09 }
}

/** Median distance of neighbours, of a spread of at most a thousand; 1/30 s where there are none. */
function usualStep(ticks: Float64Array): number {
  const steps: number[] = []
  const stride = Math.max(1, Math.floor(ticks.length / 1000))
  for (let at = 1; at < ticks.length; at += stride) steps.push(ticks[at]! - ticks[at - 1]!)
  return steps.length === 0 ? 3000 : Math.min(median(steps), 90_000)
}

function videoGaps({ startMicros, decodeTicks: ticks, lastTicks }: VideoPresentation): PresentationGap[] {
  const threshold = Math.max(videoGapMinTicks, 10 * lastTicks)
  const gaps: PresentationGap[] = []
  for (let at = 1; at < ticks.length; at++) {
    const step = ticks[at]! - ticks[at - 1]!
    if (step >= threshold) gaps.push({ kind: 'video', startMicros: startMicros + ticks[at - 1]! / 0.09, seconds: step / 90_000 })
  }
  return gaps
}

/**
 * While it recorded, the axis was laid by what was known then. Here each span gets its final clock: the difference, some
 * milliseconds after a gap and a few parts per million in a long span, goes into the presentation times.
 */
function presentAudio({ spans, cuts }: Pick<LaidSound, 'spans' | 'cuts'>): AudioPresentation | undefined {
  const first = spans[0]
  if (first === undefined) return undefined
  let cutsSoFar = 0
  const fits = new Map<Piece, ClockFit>()
  const wall = (piece: Piece, rtp: number) => wallMicros(fitOf(fits, piece), rtp / 0.048)
  const startMicros = wall(first.piece, first.rtpStart)
  const knots: { axis: number; wall: number }[] = []
  spans.forEach(({ piece, axisStart, axisEnd, rtpStart, rtpEnd }, at) => {
    knots.push({ axis: axisStart, wall: (wall(piece, rtpStart) - startMicros) * 0.048 })
    const next = spans[at + 1]
    // Where only drift was followed, sound goes on: the line leads from start to start.
    if (next?.piece === piece && next.rtpStart === rtpEnd) return
    knots.push({ axis: axisEnd, wall: (wall(piece, rtpEnd) - startMicros) * 0.048 })
    const end = knots.at(-1)!
    let cutSamples = 0
    for (; next !== undefined && (cuts[cutsSoFar]?.axisStart ?? Infinity) <= next.axisStart; cutsSoFar++) {
      const { axisStart, samples } = cuts[cutsSoFar]!
      const from = end.wall + axisStart - end.axis + cutSamples
      cutSamples += samples
      knots.push({ axis: axisStart, wall: from }, { axis: axisStart, wall: from + samples })
    }
  })
  // Pieces whose clocks contradict each other must not turn time back: such a knot is moved as little as needed. Where the next one begins in front of the end of
  // what is there, sound was squeezed.
  let movedSamples = 0
  for (let at = 1; at < knots.length; at++) {
    const before = knots[at - 1]!
    const knot = knots[at]!
    const least = before.wall + (knot.axis - before.axis) / 2
    movedSamples = Math.max(movedSamples, least - knot.wall, before.axis - knot.axis)
    knot.wall = Math.max(knot.wall, least)
  }
  const place = interpolate(knots)
  const about = { startMicros, samples: Math.round(knots.at(-1)!.wall), axisSamples: knots.at(-1)!.axis }
  return { ...about, knots, place, movedMicros: movedSamples / 0.048 }
}

function fitOf(fits: Map<Piece, ClockFit>, piece: Piece): ClockFit {
  const fit = fits.get(piece) ?? fitClock(piece.clock.windows)
  fits.set(piece, fit)
  return fit
}

/** Straight lines between knots, slope 1 outside. Cheap for positions that are asked for in rising order. */
function interpolate(knots: readonly { axis: number; wall: number }[]): (axis: number) => number {
  let at = 0
  return (axis) => {
    while (at > 0 && axis < knots[at]!.axis) at--
    while (at < knots.length - 1 && axis >= knots[at + 1]!.axis) at++
    const from = knots[at]!
    const to = knots[at + 1]
    if (to === undefined || axis < from.axis || to.axis <= from.axis) return from.wall + (axis - from.axis)
    return from.wall + ((axis - from.axis) * (to.wall - from.wall)) / (to.axis - from.axis)
  }
}

/**
 * What is to be taken out of a file: time in which neither pictures nor sound came. Sound is kept for `soundLeadMicros` longer on both sides.
 * Pure.
 */
export function cutsFor(
  { startMicros, endMicros, video, audio, gaps }: Presentation,
  pauses: readonly Stretch[],
  rules: CutRules,
): Stretch[] {
  if (rules.gaps === 'Keep' && (rules.pause === 'Silence' || pauses.length === 0)) return []
  const before = (micros: number): Stretch => ({ fromMicros: startMicros, toMicros: micros })
  const after = (micros: number): Stretch => ({ fromMicros: micros, toMicros: endMicros })
  const stretches = (kind: PresentationGap['kind'], shownMicros: number): Stretch[] =>
    gaps
      .filter((gap) => gap.kind === kind)
      .map((gap) => ({ fromMicros: gap.startMicros + shownMicros, toMicros: gap.startMicros + gap.seconds * 1_000_000 }))
  const everything = [{ fromMicros: startMicros, toMicros: endMicros }]
  const withoutPictures =
    video === undefined
      ? everything
      : [
          before(video.startMicros),
          // The last picture before it is shown for as long as others are.
          ...stretches('video', video.lastTicks / 0.09),
          after(video.startMicros + ((video.decodeTicks.at(-1) ?? 0) + video.lastTicks) / 0.09),
        ]
  const withoutSound =
    audio === undefined
      ? everything
      : [before(audio.startMicros), ...stretches('audio', 0), after(audio.startMicros + audio.samples / 0.048)]
  const cuts = common(withoutPictures, withoutSound).flatMap((absence) => cutsIn(absence, pauses, rules))
  if (audio === undefined) return cuts
  const silent = withoutSound.map(({ fromMicros, toMicros }) => ({
    ...{ fromMicros: fromMicros + soundLeadMicros, toMicros: toMicros - soundLeadMicros },
  }))
  return common(cuts, silent)
}

/** The same as if the time of the cuts had never been. Where it begins stays. */
export function cutOut(presentation: Presentation, cuts: readonly Stretch[]): Presentation {
  if (cuts.length === 0) return presentation
  const { startMicros, endMicros, video, audio } = presentation
  const inFile = withoutCuts(cuts)
  /** Of a count since the beginning of a track, so many of which are a microsecond. */
  const counted = (trackStartMicros: number, perMicro: number) => {
    const first = inFile(trackStartMicros)
    return (count: number) => (inFile(trackStartMicros + count / perMicro) - first) * perMicro
  }
  const cutVideo = (video: VideoPresentation): VideoPresentation => {
    const inTrack = counted(video.startMicros, 0.09)
    const ticks = (times: Float64Array) => times.map((tick) => Math.round(inTrack(tick)))
    return { ...video, startMicros: inFile(video.startMicros), ticks: ticks(video.ticks), decodeTicks: ticks(video.decodeTicks) }
  }
  const cutAudio = (audio: AudioPresentation): AudioPresentation => {
    const inTrack = counted(audio.startMicros, 0.048)
    const place = (axis: number) => inTrack(audio.place(axis))
    return { ...audio, startMicros: inFile(audio.startMicros), samples: Math.round(inTrack(audio.samples)), place }
  }
  return {
    ...presentation,
    startMicros: inFile(startMicros),
    endMicros: inFile(endMicros),
    ...(video && { video: cutVideo(video) }),
    ...(audio && { audio: cutAudio(audio) }),
  }
}

function audioGaps({ startMicros, place }: AudioPresentation, gaps: readonly AudioGap[]): PresentationGap[] {
  return gaps.map(({ axisStart, samples }) => {
    const start = place(axisStart)
    return {
      kind: 'audio',
      startMicros: startMicros + start / 0.048,
      seconds: (place(axisStart + samples) - start) / 48_000,
    }
  })
}
