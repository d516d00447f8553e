import type { LaidSound } from '../timeline/audio-axis.ts'
import { type Stretch, withoutCuts } from '../timeline/cuts.ts'
import { cutOut, cutsFor, type Presentation } from '../timeline/presentation.ts'
import { type TimePoint, thinned } from '../timeline/time-table.ts'
import { soundKind } from './audio-format.ts'
import type { MediaFileIdentity } from './media-file.ts'
import type { MediaIndex } from './media-index.ts'
import { alignedToFrames } from './sound-frames.ts'

/** Where wall time lies in a file of which time was taken out. */
export interface FileTime {
  /** The presentation as if the time that was taken out had never been. */
  inFile: Presentation
  mediaSeconds: number
  /** Wall time of the end of the file, in microseconds since 1970. */
  endMicros: number
  times: TimePoint[]
}

/** Decides what is taken out of a file. Pure. */
export function fileTime(
  identity: MediaFileIdentity,
  presentation: Presentation,
  index: Pick<MediaIndex, 'audio' | 'pauses'>,
  sound: LaidSound,
): FileTime {
  return identity.mode === '00' ? mp3Time(presentation, sound) : mp4Time(identity, presentation, index)
}

/** MP3 has no presentation times: it is as long as what was encoded, which followed the wall clock. What is taken out never got in. */
function mp3Time(presentation: Presentation, { cuts }: LaidSound): FileTime {
  const { startMicros, audio } = presentation
  const samples = audio?.axisSamples ?? 0
  const cutSamples = cuts.reduce((sum, cut) => sum + cut.samples, 0)
  const points = audio?.knots.map(({ axis, wall }) => ({ mediaSeconds: axis / 48_000, wallMicros: startMicros + wall / 0.048 }))
  return {
    inFile: presentation,
    mediaSeconds: samples / 48_000,
    endMicros: startMicros + (samples + cutSamples) / 0.048,
    times: thinned(points ?? []),
  }
}

function mp4Time(
  identity: MediaFileIdentity,
  presentation: Presentation,
  { audio: frames, pauses }: Pick<MediaIndex, 'audio' | 'pauses'>,
): FileTime {
  const { startMicros, endMicros, audio } = presentation
  const wanted = cutsFor(presentation, pauses, identity)
  const hasSound = audio !== undefined && frames.sizes.length > 0
  const cuts = hasSound ? alignedToFrames(wanted, audio, frames, soundKind(identity)) : wanted
  const inFileMicros = withoutCuts(cuts)
  const point = (wallMicros: number) => ({ mediaSeconds: (inFileMicros(wallMicros) - startMicros) / 1e6, wallMicros })
  const inFile = cutOut(presentation, cuts)
  return {
    inFile,
    mediaSeconds: (inFile.endMicros - startMicros) / 1e6,
    endMicros,
    times: [startMicros, ...cuts.flatMap(bothEnds), endMicros].map(point),
  }
}

const bothEnds = ({ fromMicros, toMicros }: Stretch) => [fromMicros, toMicros]
