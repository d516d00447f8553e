import type { AudioGap, AudioSpan } from './audio-axis.ts'
import { type ClockFit, fitClock, lineBelow, median, wallMicros } from './clock.ts'
import { type ArrivalColumns, orderPictures } from './picture-order.ts'
import type { Piece } from './pieces.ts'

/** All times in microseconds since 1970 unless they say otherwise. */
export interface Presentation {
  startMicros: number
  endMicros: number
  video?: VideoPresentation
  audio?: AudioPresentation
  gaps: PresentationGap[]
  /** How far the fastest packets usually lie from where the fits put them, in microseconds: by so much a time may be off. */
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
}

export interface AudioPresentation {
  startMicros: number
  /** Length of the sound in wall-clock samples at 48 kHz. */
  samples: number
  /** The same on the axis, as it was encoded. */
  axisSamples: number
  /** Where the two are known to meet; straight lines between. */
  knots: readonly { axis: number; wall: number }[]
  /** Wall-clock samples since the start of the sound for a position on the audio axis. */
  place: (axisSamples: number) => number
}

export interface PresentationGap {
  kind: 'audio' | 'video'
  startMicros: number
  seconds: number
}

/** A picture held longer than this, and ten times longer than usual, is a gap. */
const videoGapMinTicks = 90_000

/** Decides, when all is known, at what time of the file each sample is presented. Pure. */
export function present(
  video: ArrivalColumns,
  audio: { spans: readonly AudioSpan[]; gaps: readonly AudioGap[] },
): Presentation | undefined {
  const shown = presentVideo(video)
  const heard = presentAudio(audio.spans)
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
    clockErrorMicros: Math.max(0, ...[...(shown?.pieces ?? []), ...new Set(audio.spans.map(({ piece }) => piece))].map(errorOf)),
  }
}

const errorOf = ({ clock }: Piece) => lineBelow(clock.windows).noiseMicros

function presentVideo(arrivals: ArrivalColumns): VideoPresentation | undefined {
  const { samples, rtp, pieceOf, pieces, shownAs } = orderPictures(arrivals)
  if (samples.length === 0) return undefined
  const fits = pieces.map((piece) => fitClock(piece.clock.windows))
  const wall = (at: number) => wallMicros(fits[pieceOf[at]!]!, rtp[at]! / 0.09)
  const startMicros = wall(shownAs[0]!)
  const ticks = new Float64Array(samples.length)
  const decodeTicks = new Float64Array(samples.length)
  shownAs.forEach((at, number) => {
    // Pieces whose clocks contradict each other must not turn time back.
    const tick = Math.max(Math.round((wall(at) - startMicros) * 0.09), number === 0 ? 0 : decodeTicks[number - 1]! + 1)
    ticks[at] = tick
    decodeTicks[number] = tick
  })
  return { startMicros, samples, ticks, decodeTicks, lastTicks: usualStep(decodeTicks), pieces }
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
function presentAudio(spans: readonly AudioSpan[]): AudioPresentation | undefined {
  const first = spans[0]
  if (first === undefined) return undefined
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
  })
  // Pieces whose clocks contradict each other must not turn time back: such a knot is moved as little as needed.
  for (let at = 1; at < knots.length; at++) {
    const before = knots[at - 1]!
    const knot = knots[at]!
    knot.wall = Math.max(knot.wall, before.wall + (knot.axis - before.axis) / 2)
  }
  const place = interpolate(knots)
  return { startMicros, samples: Math.round(knots.at(-1)!.wall), axisSamples: knots.at(-1)!.axis, knots, place }
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
