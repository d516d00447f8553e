/** What is aimed at, and what of the results is beyond it. */
import type { Mode } from '@trtc-recorder/api'
import { nameOf } from './plan.ts'
import type { LiveRun, RecorderRun, Results, StopToStored } from './results.ts'

/** Of a core at one anchor, by a MediaRecorder with VP8 on the machine that the aims in cores are of. */
export const mediaRecorderCores = 0.407

/** Cores per anchor. */
const coresPerAnchor: Record<Mode, Record<number, number>> = {
  '02': { 1: 0.085, 5: 0.045, 10: 0.035 },
  '01': { 1: 0.07, 5: 0.035, 10: 0.025 },
  '00': { 1: 0.05, 5: 0.02, 10: 0.015 },
}
/** Proportional set size of all processes, in MB; every mode is to stay within it. */
const pssMB: Record<number, number> = { 1: 300, 10: 420 }
/** From the start of the process, in ms. */
export const enteredMs = 1500
/** From the stop to the end of the process, in ms, at any length. */
export const storedMs = 1000
/** Cores per anchor of all parts of spec.live together, beyond recording. */
export const liveCoresPerAnchor = 0.02
/** How many times as long a stop after an hour takes as one after a minute. */
export const stopGrowth = 1.3

/** Undefined where there is none. */
export interface Aim {
  value: number
  isMissed: boolean
}

const aimOf = (value: number | undefined, measured: number | undefined, digits = 3): Aim | undefined =>
  value === undefined ? undefined : { value, isMissed: measured !== undefined && Number(measured.toFixed(digits)) > value }

/**
 * How many times as much of a core the machine takes for the same as that of the aims, by the MediaRecorder of the same run: what is aimed at in
 * cores is that many times as much. At least 1, so that no machine is held to more than was asked; 1 where no MediaRecorder was measured.
 */
export function slowness({ mediaRecorder }: Pick<Results, 'mediaRecorder'>): number {
  const theirs = mediaRecorder.find(({ type, anchors }) => type === 'vp8' && anchors === 1)
  return Math.max(1, (theirs?.coresPerAnchor ?? 0) / mediaRecorderCores)
}

const coresAim = (results: Pick<Results, 'mediaRecorder'>, cores: number | undefined, measured: number | undefined) =>
  aimOf(cores && Number((cores * slowness(results)).toFixed(3)), measured)

export const recorderAim = (results: Pick<Results, 'mediaRecorder'>, { mode, anchors, coresPerAnchor: measured }: RecorderRun) =>
  coresAim(results, coresPerAnchor[mode][anchors], measured)

export const memoryAim = ({ anchors, pssMB: measured }: Pick<RecorderRun, 'anchors' | 'pssMB'>) => aimOf(pssMB[anchors], measured)

export const startAim = ({ startMs }: Pick<Results, 'startMs'>): Aim => aimOf(enteredMs, startMs?.entered)!

export const storedAim = ({ median }: Pick<StopToStored, 'median'>): Aim => aimOf(storedMs, median)!

/** What a part takes beyond a recording of as many; undefined where that was not measured. */
export function beyondRecording({ runs }: Pick<Results, 'runs'>, { anchors, coresPerAnchor }: LiveRun): number | undefined {
  const alone = runs.find((run) => run.mode === '02' && run.anchors === anchors)
  return alone && coresPerAnchor - alone.coresPerAnchor
}

export const liveAim = (results: Pick<Results, 'runs' | 'mediaRecorder'>, run: LiveRun) =>
  coresAim(results, run.live === 'all' ? liveCoresPerAnchor : undefined, beyondRecording(results, run))

/** Of the medians; undefined where one of them was not measured. */
export function stopGrew({ stopToStoredMs }: Pick<Results, 'stopToStoredMs'>): number | undefined {
  const at = (seconds: number) => stopToStoredMs.find(({ recordedSeconds }) => recordedSeconds === seconds)?.median
  const [minute, hour] = [at(60), at(3600)]
  return minute === undefined || hour === undefined ? undefined : hour / minute
}

export const stopAim = (results: Pick<Results, 'stopToStoredMs'>): Aim => aimOf(stopGrowth, stopGrew(results), 2)!

/** What was measured beyond its aim, one a line. */
export function missedAims(results: Results): string[] {
  const line = (what: string, measured: number, aim: Aim | undefined, unit: string, digits = 3) =>
    aim?.isMissed ? [`${what}: ${measured.toFixed(digits)} ${unit}, aim ${aim.value}`] : []
  const recorded = results.runs.flatMap((run) => {
    const name = nameOf({ part: 'recorder', ...run, picture: run.picture as '1280x720' })
    return [
      ...line(name, run.coresPerAnchor, recorderAim(results, run), 'core per anchor'),
      ...line(name, run.pssMB, memoryAim(run), 'MB', 0),
      ...line(name, run.framesLost, { value: 0, isMissed: run.framesLost > 0 }, 'frames lost', 0),
    ]
  })
  const live = results.live.flatMap((run) =>
    line(
      nameOf({ part: 'live', ...run, picture: run.picture as '1280x720' }),
      beyondRecording(results, run) ?? 0,
      liveAim(results, run),
      'core per anchor beyond recording',
    ),
  )
  const start = line('start to in the room', results.startMs?.entered ?? 0, startAim(results), 'ms', 0)
  const stored = results.stopToStoredMs.flatMap((stop) =>
    line(`stop to stored after ${stop.recordedSeconds / 60} min`, stop.median, storedAim(stop), 'ms', 0),
  )
  const grown = line('stop after an hour to one after a minute', stopGrew(results) ?? 0, stopAim(results), 'times as long')
  return [...recorded, ...live, ...start, ...stored, ...grown]
}
