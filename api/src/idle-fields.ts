import { type LivePartName, liveParts } from './live.ts'
import { type OutputKind, outputKinds } from './outputs.ts'
import type { CelRule } from './rules.ts'
import { excludesAll, excludesAllRule, isMeantBy, isMeantByRule, type Lists } from './user-patterns.ts'

/**
 * Fields of a Recording's spec that mean something only beside another: what is written there without that would be accepted and ignored, or could never work. The API server refuses it
 * in a Recording that is made, and in the template of a policy that is changed. What was admitted before, by an earlier release, stays and is ignored as it always was: a
 * Recording that is there can be changed, stopped and applied again whatever stands in it, and the gateway leaves such fields out of what it makes.
 *
 * A default says nothing of what anybody wrote, so it is idle nowhere.
 */
export interface IdleField extends CelRule {
  /** Where it stands, as `outputs.mixFormat`. */
  field: string
  /** What is left out where it is idle, if that is more than the field. False: nothing, for without it something else would be done than was asked for. */
  leftOut?: string | false
  isIdle(spec: LooseSpec): boolean
}

/** As a user writes it, without defaults, or as it is read, with them. */
export interface LooseSpec {
  mode?: unknown
  outputs?:
    | ({ mixFormat?: unknown; audio16kFormat?: unknown; pair?: { left?: unknown; right?: unknown } | undefined } & {
        [kind in Exclude<OutputKind, 'pair'>]?: unknown
      })
    | undefined
  live?: { [part in LivePartName]?: { users?: LooseLists | undefined; streams?: unknown } | undefined } | undefined
  callback?: { outputs?: unknown } | undefined
  networkProxy?: { turnServer?: unknown; iceTransportPolicy?: unknown } | undefined
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

/** Of whom a part is made is frozen, so that nobody will ever be meant. Whom to record may be changed, and nobody today is somebody tomorrow. */
const nobody = (part: LivePartName): IdleField => {
  const users = `self.live.${part}.users`
  return {
    field: `live.${part}.users.include`,
    leftOut: `live.${part}`,
    isIdle: ({ live }) => excludesAll((live?.[part]?.users ?? {}) as Lists),
    rule: `!has(self.live) || !has(self.live.${part}) || !has(${users}) || !(${excludesAllRule(users)})`,
    message: 'has nobody whom exclude does not have, too, and who is excluded is not meant even if included',
    fieldPath: `.live.${part}.users.include`,
  }
}

/** Whether anything is made when the recording is over. */
const isMade = (kind: string) => (kind === 'pair' ? 'has(self.outputs.pair)' : isTrue(kind))

export const idleFields: readonly IdleField[] = [
  {
    field: 'callback.outputs',
    isIdle: ({ callback, outputs = {} }) =>
      callback?.outputs === true &&
      (Object.keys(outputKinds) as OutputKind[]).every((kind) => outputs[kind] === undefined || outputs[kind] === false),
    rule: `!has(self.callback) || !has(self.callback.outputs) || !self.callback.outputs || (has(self.outputs) && (${Object.keys(outputKinds).map(isMade).join(' || ')}))`,
    message: 'has no effect where nothing is made: ask for something in outputs, or leave it out',
    fieldPath: '.callback.outputs',
  },
  {
    field: 'networkProxy.iceTransportPolicy',
    leftOut: false,
    isIdle: ({ networkProxy }) => networkProxy?.iceTransportPolicy === 'relay' && networkProxy.turnServer === undefined,
    rule: "!has(self.networkProxy) || !has(self.networkProxy.iceTransportPolicy) || self.networkProxy.iceTransportPolicy != 'relay' || has(self.networkProxy.turnServer)",
    message: 'relay sends media through a TURN server only, and there is none: set networkProxy.turnServer, or leave it out',
    fieldPath: '.networkProxy.iceTransportPolicy',
  },
  {
    field: 'outputs.pair.right',
    leftOut: 'outputs.pair',
    isIdle({ outputs }) {
      const { left = [], right = [] } = (outputs?.pair ?? {}) as { left?: string[]; right?: string[] }
      return right.length > 0 && right.every((user) => isMeantBy(user, left))
    },
    rule: `!has(self.outputs) || !has(self.outputs.pair) || !self.outputs.pair.right.all(user, ${isMeantByRule('user', 'self.outputs.pair.left')})`,
    message: 'has nobody whom left does not have, too, and who is on both sides is on the left one only',
    fieldPath: '.outputs.pair.right',
  },
  ...(Object.keys(liveParts) as LivePartName[]).map(nobody),
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
  const idle = idleFields.filter(({ isIdle, leftOut }) => leftOut !== false && isIdle(spec as LooseSpec))
  if (idle.length === 0) return spec
  const copy = structuredClone(spec)
  for (const { field, leftOut = field } of idle) {
    const steps = (leftOut as string).split('.')
    const last = steps.pop()!
    const parent = steps.reduce<Record<string, unknown> | undefined>((at, step) => at?.[step] as never, copy as never)
    delete parent?.[last]
  }
  // What is gone may have been what another one needed.
  return withoutIdleFields(copy)
}
