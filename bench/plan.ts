import type { LivePartName, Mode } from '@trtc-recorder/api'
import { type MeasuredOutput, measuredOutputs } from './outputs/plan.ts'

/** `vp8`: `video/webm;codecs=vp8,opus`; `none`: without a mimeType, which copies H.264. */
export type MediaRecorderType = 'vp8' | 'none'
export type Picture = '1280x720' | '640x360'

/** One thing that is measured. */
export type Step =
  | { part: 'recorder'; mode: Mode; anchors: number; picture: Picture }
  | { part: 'mediaRecorder'; type: MediaRecorderType; anchors: number; picture: Picture }
  /** Beside a recording of mode 02: one part of spec.live, or all of them. */
  | { part: 'live'; live: LivePartName | 'all'; anchors: number; picture: Picture }
  | { part: 'start' }
  | { part: 'stop'; recorded: number }
  /** Of a recording of two that is over; not measured unless asked for. */
  | { part: 'outputs'; output: MeasuredOutput }

const modes = ['02', '01', '00'] as const
const types = ['vp8', 'none'] as const
const liveParts = ['audioSlices', 'stills', 'hls', 'pcm', 'all'] as const

/** In the order they are taken: what is compared stands side by side, on the same publishers. */
export const plan: readonly Step[] = [
  { part: 'start' },
  ...[1, 5, 10].flatMap((anchors): Step[] => [
    ...modes.map((mode) => ({ part: 'recorder' as const, mode, anchors, picture: '1280x720' as const })),
    ...types.map((type) => ({ part: 'mediaRecorder' as const, type, anchors, picture: '1280x720' as const })),
    ...(anchors === 5 ? liveParts.map((live) => ({ part: 'live' as const, live, anchors, picture: '1280x720' as const })) : []),
  ]),
  ...modes.map((mode) => ({ part: 'recorder' as const, mode, anchors: 25, picture: '640x360' as const })),
  ...[60, 600, 3600].map((recorded) => ({ part: 'stop' as const, recorded })),
]

/** Measured only where a filter names them: what they cost does not depend on the rest. */
export const onRequest: readonly Step[] = (Object.keys(measuredOutputs) as MeasuredOutput[]).map((output) => ({
  part: 'outputs',
  output,
}))

/** For a person, and for what failed. */
export function nameOf(step: Step): string {
  switch (step.part) {
    case 'recorder':
      return `mode ${step.mode}, ${step.anchors} × ${step.picture}`
    case 'mediaRecorder':
      return `MediaRecorder ${step.type}, ${step.anchors} × ${step.picture}`
    case 'live':
      return `mode 02 with ${step.live}, ${step.anchors} × ${step.picture}`
    case 'start':
      return 'start'
    case 'stop':
      return `stop after ${step.recorded} s`
    case 'outputs':
      return `output ${step.output}`
  }
}

/** The steps that one of the filters lets through; without filters all of the plan. */
export function chosen(filters: readonly string[]): readonly Step[] {
  if (filters.length === 0) return plan
  const wanted = filters.map(parseFilter)
  return [...plan, ...onRequest].filter((step) => {
    const values: Record<string, unknown> = step
    return wanted.some((filter) => filter.every(([name, value]) => String(values[name]) === value))
  })
}

const names = ['part', 'mode', 'type', 'live', 'anchors', 'picture', 'recorded', 'output']

/** `mode=02,anchors=5`: all of it must hold. */
function parseFilter(text: string): [name: string, value: string][] {
  return text.split(',').map((pair) => {
    const [name, value, ...rest] = pair.split('=')
    if (name === undefined || value === undefined || rest.length > 0 || !names.includes(name)) {
      throw new Error(
        `--only ${text}: "${pair}" must be NAME=VALUE with one of ${names.join(', ')}, for example mode=02,anchors=5`,
      )
    }
    return [name, value]
  })
}
