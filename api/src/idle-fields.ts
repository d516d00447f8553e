import type { CelRule } from './rules.ts'

/**
 * Fields of a Recording's spec that mean something only beside another: what is written there without that would be accepted and ignored. The API server refuses it
 * in a Recording that is made, and in the template of a policy that is changed. What was admitted before, by an earlier release, stays and is ignored as it always was: a
 * Recording that is there can be changed, stopped and applied again whatever stands in it, and the gateway leaves such fields out of what it makes.
 *
 * A default says nothing of what anybody wrote, so it is idle nowhere.
 */
export interface IdleField extends CelRule {
  /** Where it stands, as `outputs.mixFormat`. */
  field: string
  isIdle(spec: LooseSpec): boolean
}

/** As a user writes it, without defaults, or as it is read, with them. */
export interface LooseSpec {
  mode?: unknown
  outputs?: { mix?: unknown; mixFormat?: unknown; audio16k?: unknown; audio16kFormat?: unknown } | undefined
  live?: { hls?: { streams?: unknown } | undefined } | undefined
  subscribe?: { audio?: LooseLists | undefined; video?: LooseLists | undefined } | undefined
}
interface LooseLists {
  include?: unknown
  exclude?: unknown
}

const isMode = (mode: string, { mode: is = '00' }: LooseSpec) => is === mode
const modeIs = (mode: string) =>
  mode === '00' ? "(!has(self.mode) || self.mode == '00')" : `(has(self.mode) && self.mode == '${mode}')`
const isTrue = (field: string) => `(has(self.outputs.${field}) && self.outputs.${field})`

const lists = (medium: 'audio' | 'video', mode: string, why: string): IdleField[] =>
  (['include', 'exclude'] as const).map((list) => ({
    field: `subscribe.${medium}.${list}`,
    isIdle: (spec) => isMode(mode, spec) && ((spec.subscribe?.[medium]?.[list] as unknown[] | undefined) ?? []).length > 0,
    rule: `!${modeIs(mode)} || !has(self.subscribe) || !has(self.subscribe.${medium}) || !has(self.subscribe.${medium}.${list}) || size(self.subscribe.${medium}.${list}) == 0`,
    message: why,
    fieldPath: `.subscribe.${medium}.${list}`,
  }))

export const idleFields: readonly IdleField[] = [
  {
    field: 'outputs.mixFormat',
    isIdle: ({ outputs = {} }) => outputs.mixFormat === 'Mp4' && outputs.mix !== true,
    rule: `!has(self.outputs) || !has(self.outputs.mixFormat) || self.outputs.mixFormat == 'Mp3' || ${isTrue('mix')}`,
    message: 'has no effect without mix: set outputs.mix to true, or leave mixFormat out',
    fieldPath: '.outputs.mixFormat',
  },
  {
    field: 'outputs.audio16kFormat',
    isIdle: ({ outputs = {} }) => outputs.audio16kFormat === 'Flac' && outputs.audio16k !== true,
    rule: `!has(self.outputs) || !has(self.outputs.audio16kFormat) || self.outputs.audio16kFormat == 'Wav' || ${isTrue('audio16k')}`,
    message: 'has no effect without audio16k: set outputs.audio16k to true, or leave audio16kFormat out',
    fieldPath: '.outputs.audio16kFormat',
  },
  {
    field: 'live.hls.streams',
    isIdle: (spec) => {
      const streams = spec.live?.hls?.streams as unknown[] | undefined
      return isMode('00', spec) && streams !== undefined && !streams.includes('main')
    },
    rule: `!${modeIs('00')} || !has(self.live) || !has(self.live.hls) || !has(self.live.hls.streams) || 'main' in self.live.hls.streams`,
    message: 'has to have main in mode 00: an aux stream is pictures, and mode 00 has none',
    fieldPath: '.live.hls.streams',
  },
  ...lists('video', '00', 'has no effect in mode 00, which records no pictures'),
  ...lists('audio', '01', 'has no effect in mode 01, which records no sound'),
]

export const idleProblems = (spec: LooseSpec): { path: string; message: string }[] =>
  idleFields.filter(({ isIdle }) => isIdle(spec)).map(({ field, message }) => ({ path: field, message }))

/** The same without the fields that have no effect in it. */
export function withoutIdleFields<Spec extends object>(spec: Spec): Spec {
  const idle = idleFields.filter(({ isIdle }) => isIdle(spec as LooseSpec))
  if (idle.length === 0) return spec
  const copy = structuredClone(spec)
  for (const { field } of idle) {
    const steps = field.split('.')
    const last = steps.pop()!
    const parent = steps.reduce<Record<string, unknown>>((at, step) => at[step] as Record<string, unknown>, copy as never)
    delete parent[last]
  }
  return copy
}
