import type { Manifest, Stream } from '@trtc-recorder/api'

export interface Seconds {
  from: number
  to: number
}

/** A stream that is in the picture, at the seconds of the recording at which it is. */
export interface Seen {
  userId: string
  stream: Stream
  spans: Seconds[]
}

export const mixPicture = { width: 1280, height: 720, picturesPerSecond: 15 } as const
/** As many as a person can tell apart. */
export const mostCameras = 16
/** More of them in one expression than anybody switches a camera, and few enough to be looked at for each picture. */
const mostSpans = 200

/**
 * Who had a camera or a screen on, and when: from the beginning of their files to the end, without the time for which it was off. Cameras and screens apart, in the order of their
 * appearance; of more than 16 cameras those that were on longest, and apart from them those for which there is no room. Pure.
 */
export function seenIn(manifest: Manifest, zeroMillis: number): { cameras: Seen[]; screens: Seen[]; noRoomFor: Seen[] } {
  const all = new Map<string, Seen>()
  const seconds = (time: string) => (Date.parse(time) - zeroMillis) / 1000
  for (const file of manifest.files.toSorted((a, b) => Date.parse(a.startTime) - Date.parse(b.startTime))) {
    if (file.video === undefined || file.durationSeconds === 0) continue
    const { userId, stream, startTime, endTime } = file
    const seen = all.get(`${stream} ${userId}`) ?? { userId, stream, spans: [] }
    seen.spans.push({ from: seconds(startTime), to: seconds(endTime) })
    all.set(`${stream} ${userId}`, seen)
  }
  const streams = [...all.values()].map((seen) => ({
    ...seen,
    spans: joined(without(seen.spans, offSpans(manifest, seen, seconds))),
  }))
  const of = (stream: Stream) => streams.filter((seen) => seen.stream === stream)
  const cameras = of('main')
  const longest = new Set(cameras.toSorted((a, b) => lengthOf(b) - lengthOf(a)).slice(0, mostCameras))
  return {
    cameras: cameras.filter((seen) => longest.has(seen)),
    screens: of('aux'),
    noRoomFor: cameras.filter((seen) => !longest.has(seen)),
  }
}

const lengthOf = ({ spans }: Seen) => spans.reduce((sum, { from, to }) => sum + to - from, 0)

/** From each off to the next on. */
function offSpans({ events }: Manifest, { userId, stream }: Seen, seconds: (time: string) => number): Seconds[] {
  const off: Seconds[] = []
  let since: number | undefined
  for (const { userId: whose, stream: which, event, time } of events) {
    if (whose !== userId || which !== stream) continue
    if (event === 'videoOff') since ??= seconds(time)
    if (event === 'videoOn' && since !== undefined) {
      off.push({ from: since, to: seconds(time) })
      since = undefined
    }
  }
  return since === undefined ? off : [...off, { from: since, to: Number.POSITIVE_INFINITY }]
}

function without(spans: readonly Seconds[], holes: readonly Seconds[]): Seconds[] {
  let left = [...spans]
  for (const hole of holes) {
    left = left.flatMap(({ from, to }) => [
      { from, to: Math.min(to, hole.from) },
      { from: Math.max(from, hole.to), to },
    ])
    left = left.filter(({ from, to }) => to > from)
  }
  return left
}

/** Those that touch as one; and, where there are too many, those with the shortest time between them. */
function joined(spans: readonly Seconds[]): Seconds[] {
  const sorted = spans.toSorted((a, b) => a.from - b.from)
  const gaps = sorted.slice(1).map(({ from }, at) => from - sorted[at]!.to)
  const most = Math.max(0, gaps.toSorted((a, b) => b - a)[mostSpans - 1] ?? 0)
  const result: Seconds[] = []
  for (const { from, to } of sorted) {
    const last = result.at(-1)
    if (last !== undefined && from - last.to <= most) last.to = Math.max(last.to, to)
    else result.push({ from, to })
  }
  return result
}

interface Cell {
  x: number
  y: number
  width: number
  height: number
}

/**
 * The filter graph of ffmpeg that puts the inputs into one picture, `[mixed]`: input n is that of stream n, cameras first. A camera has its place for the whole recording, and
 * is black while it is off. While a screen is on it is large, and the cameras are beside it. A blank picture at the pace of the mix leads: of each input the picture counts that
 * is shown then, so none is held back or doubled. Pure.
 */
export function mixGraph({ cameras, screens }: { cameras: readonly Seen[]; screens: readonly Seen[] }, seconds: number): string {
  const { width, height, picturesPerSecond } = mixPicture
  const shared = joined(screens.flatMap(({ spans }) => spans))
  const chains = [`color=c=black:s=${width}x${height}:r=${picturesPerSecond}:d=${seconds},format=yuv420p[base0]`]
  let base = 0
  // Beside the picture where it is not shown: `enable` is looked at for pictures to come, too, and lets one through too early.
  const overlay = (input: string, cell: Cell, shown: string) => {
    chains.push(`[${input}]${fitted(cell)}[fitted${base}]`)
    chains.push(
      `[base${base}][fitted${base}]overlay=x='if(${shown},${cell.x}+(${cell.width}-w)/2,W)':y=${cell.y}+(${cell.height}-h)/2[base${base + 1}]`,
    )
    base++
  }
  const inGrid = gridOf(cameras.length)
  const beside = columnOf(cameras.length)
  cameras.forEach(({ spans }, at) => {
    if (shared.length === 0) overlay(`${at}:v`, inGrid[at]!, within(spans))
    else {
      chains.push(`[${at}:v]split[grid${at}][beside${at}]`)
      overlay(`grid${at}`, inGrid[at]!, `(${within(spans)})*not(${within(shared)})`)
      overlay(`beside${at}`, beside[at]!, `(${within(spans)})*(${within(shared)})`)
    }
  })
  const large = { x: 0, y: 0, width: cameras.length === 0 ? width : width - columnWidth, height }
  screens.forEach((_, at) => {
    overlay(`${cameras.length + at}:v`, large, within(onTop(screens, at)))
  })
  chains.push(`[base${base}]null[mixed]`)
  return chains.join(';')
}

/** Of screens that are shared at once the one that came last is shown, and when that ends the one before again. */
function onTop(screens: readonly Seen[], at: number): Seconds[] {
  const shown = screens[at]!.spans.flatMap((span) => {
    const later = screens.flatMap(({ spans }, other) =>
      other === at ? [] : spans.filter(({ from }) => from > span.from || (from === span.from && other > at)),
    )
    return without([span], later)
  })
  return joined(shown)
}

const within = (spans: readonly Seconds[]) =>
  spans.length === 0 ? '0' : spans.map(({ from, to }) => `between(t,${from.toFixed(3)},${to.toFixed(3)})`).join('+')

const fitted = ({ width, height }: Cell) =>
  `scale=${width}:${height}:force_original_aspect_ratio=decrease:force_divisible_by=2:flags=bilinear,setsar=1`

const even = (value: number) => Math.floor(value / 2) * 2

function gridOf(count: number): Cell[] {
  const columns = Math.ceil(Math.sqrt(count))
  const rows = Math.ceil(count / columns)
  return cellsOf(count, columns, { x: 0, width: even(mixPicture.width / columns), height: even(mixPicture.height / rows) })
}

const columnWidth = 256

/** Up to five one above the other, else two columns. */
function columnOf(count: number): Cell[] {
  const columns = count <= 5 ? 1 : 2
  const width = columnWidth / columns
  return cellsOf(count, columns, { x: mixPicture.width - columnWidth, width, height: even((width * 9) / 16) })
}

const cellsOf = (count: number, columns: number, { x, width, height }: Omit<Cell, 'y'>): Cell[] =>
  Array.from({ length: count }, (_, at) => ({
    ...{ x: x + (at % columns) * width, y: Math.floor(at / columns) * height, width, height },
  }))
