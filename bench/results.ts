/** bench/results/recorder.json: what `make bench-recorder` measured. Docs are written from it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LivePartName, Mode } from '@trtc-recorder/api'
import type { Costs } from './outputs/measure.ts'
import type { MeasuredOutput } from './outputs/plan.ts'
import type { MediaRecorderType, Step } from './plan.ts'

export const resultsFile = fileURLToPath(new URL('./results/recorder.json', import.meta.url))

export interface Results {
  measuredAt: string
  /** Whether every step of the plan was taken; else docs are not written from it. */
  complete: boolean
  /** How many runs its rows come from: one, and one more for each `--append`. */
  madeInRuns: number
  cores: number
  measuredSeconds: number
  /** Which ffmpeg the recorders used: that of the image, the one that the machine has, or one that was given. */
  ffmpeg: 'image' | 'machine' | 'given'
  runs: RecorderRun[]
  mediaRecorder: MediaRecorderRun[]
  live: LiveRun[]
  stopToStoredMs: StopToStored[]
  startMs: StartUp | null
  outputs: OutputRun[]
  /** Steps that could not be taken, and why. */
  failed: { step: string; why: string }[]
}

interface Cost {
  anchors: number
  /** Width and height of every anchor's picture. */
  picture: string
  coresPerAnchor: number
  /** Of it, by program. */
  coresPerAnchorOf: Record<string, number>
  pssMB: number
  /** Of it, by program; empty where that was not measured. */
  pssMBOf: Record<string, number>
  wakeUpsPerSecond: number
}

export interface RecorderRun extends Cost {
  mode: Mode
  /** Pictures (in mode 00: beeps) that were sent between the first and the last of a file and are not in it, over all files. */
  framesLost: number
  /** Stretches of anything that the recorder's own ledger says is missing. */
  lossesInLedger: number
  /** By how much the worst of them lies off its sender's clock. */
  worstPtsErrorMs: number
}

export interface MediaRecorderRun extends Cost {
  type: MediaRecorderType
  /** Of 30 that were sent, in one user's file. */
  framesPerSecond: number
}

/** A recording of mode 02 with a part of spec.live, or all of them. */
export interface LiveRun extends Cost {
  live: LivePartName | 'all'
  /** Objects that could not be made or stored, and of PCM stretches that were dropped. */
  lost: number
}

export interface StopToStored {
  recordedSeconds: number
  rounds: number
  median: number
  max: number
}

/** From the start of the process, in ms, median of `rounds`. */
export interface StartUp {
  rounds: number
  entered: number
  firstByte: number
  enteredMax: number
  firstByteMax: number
  /**
   * Beside it, from the launch of the same browser until a MediaRecorder ran in it: what the machine, the SDK and the room take.
   * Null where it was not measured.
   */
  mediaRecorder: number | null
}

/** Of two users, an hour long. */
export interface OutputRun {
  output: MeasuredOutput
  here: Costs
  byHand: Costs
}

export const noResults = (cores: number, measuredSeconds: number, ffmpeg: Results['ffmpeg']): Results => ({
  measuredAt: new Date().toISOString(),
  complete: false,
  madeInRuns: 1,
  cores,
  measuredSeconds,
  ffmpeg,
  runs: [],
  mediaRecorder: [],
  live: [],
  stopToStoredMs: [],
  startMs: null,
  outputs: [],
  failed: [],
})

export const readResults = (path: string = resultsFile): Results => JSON.parse(readFileSync(path, 'utf8'))

export function writeResults(path: string, results: Results): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(results, undefined, 2)}\n`)
}

/** Puts a row in place of the one that measured the same, or at the end. */
export function put<Row extends object>(rows: Row[], row: Row, key: readonly (keyof Row)[]): void {
  const at = rows.findIndex((other) => key.every((name) => other[name] === row[name]))
  if (at < 0) rows.push(row)
  else rows[at] = row
}

/** Whether every step of the plan has its row. */
export const isComplete = (results: Results, plan: readonly Step[]): boolean => plan.every((step) => isTaken(results, step))

function isTaken({ runs, mediaRecorder, live, startMs, stopToStoredMs, outputs }: Results, step: Step): boolean {
  switch (step.part) {
    case 'recorder':
      return runs.some(({ mode, anchors }) => mode === step.mode && anchors === step.anchors)
    case 'mediaRecorder':
      return mediaRecorder.some(({ type, anchors }) => type === step.type && anchors === step.anchors)
    case 'live':
      return live.some((run) => run.live === step.live && run.anchors === step.anchors)
    case 'start':
      return startMs !== null
    case 'stop':
      return stopToStoredMs.some(({ recordedSeconds }) => recordedSeconds === step.recorded)
    case 'outputs':
      return outputs.some(({ output }) => output === step.output)
  }
}
