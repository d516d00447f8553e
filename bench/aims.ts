/** What is aimed at, and what of the results is beyond it. */
import type { Mode } from '@trtc-recorder/api'
import { nameOf } from './plan.ts'
import type { LiveRun, RecorderRun, Results } from './results.ts'

/** Cores per anchor, on a machine on which MediaRecorder with VP8 takes 0.41 at one anchor. */
const coresPerAnchor: Record<Mode, Record<number, number>> = {
  '02': { 1: 0.085, 5: 0.045, 10: 0.035 },
  '01': { 1: 0.07, 5: 0.035, 10: 0.025 },
  '00': { 1: 0.05, 5: 0.02, 10: 0.015 },
}
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

export const recorderAim = ({ mode, anchors, coresPerAnchor: measured }: RecorderRun) =>
  aimOf(coresPerAnchor[mode][anchors], measured)

/** What a part takes beyond a recording of as many; undefined where that was not measured. */
export function beyondRecording({ runs }: Pick<Results, 'runs'>, { anchors, coresPerAnchor }: LiveRun): number | undefined {
  const alone = runs.find((run) => run.mode === '02' && run.anchors === anchors)
  return alone && coresPerAnchor - alone.coresPerAnchor
}

export const liveAim = (results: Pick<Results, 'runs'>, run: LiveRun) =>
  aimOf(run.live === 'all' ? liveCoresPerAnchor : undefined, beyondRecording(results, run))

/** Of the medians; undefined where one of them was not measured. */
export function stopGrew({ stopToStoredMs }: Pick<Results, 'stopToStoredMs'>): number | undefined {
  const at = (seconds: number) => stopToStoredMs.find(({ recordedSeconds }) => recordedSeconds === seconds)?.median
  const [minute, hour] = [at(60), at(3600)]
  return minute === undefined || hour === undefined ? undefined : hour / minute
}

export const stopAim = (results: Pick<Results, 'stopToStoredMs'>): Aim => aimOf(stopGrowth, stopGrew(results), 2)!

/** What was measured beyond its aim, one a line. */
export function missedAims(results: Results): string[] {
  const line = (what: string, measured: number, { value }: Aim, unit: string) =>
    `${what}: ${measured.toFixed(3)} ${unit}, aim ${value}`
  const recorded = results.runs.flatMap((run) => {
    const aim = recorderAim(run)
    const step = { part: 'recorder', ...run, picture: run.picture as '1280x720' } as const
    return aim?.isMissed ? [line(nameOf(step), run.coresPerAnchor, aim, 'core per anchor')] : []
  })
  const live = results.live.flatMap((run) => {
    const aim = liveAim(results, run)
    const step = { part: 'live', ...run, picture: run.picture as '1280x720' } as const
    return aim?.isMissed ? [line(nameOf(step), beyondRecording(results, run)!, aim, 'core per anchor beyond recording')] : []
  })
  const stop = stopAim(results)
  const grown = stop.isMissed ? [line('stop after an hour to one after a minute', stopGrew(results)!, stop, 'times as long')] : []
  return [...recorded, ...live, ...grown]
}
