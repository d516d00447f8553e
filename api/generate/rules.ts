import { idleFields } from '../src/idle-fields.ts'
import { livePicturesRule, liveSoundRule } from '../src/live.ts'
import { picturesRule, soundRule } from '../src/outputs.ts'
import { numericTolerationsRule } from '../src/placement.ts'
import { opusMessage } from '../src/recording.ts'
import { sameMeaning } from './same.ts'
import type { Rule, Schema } from './structural.ts'

const frozenMessage = (kind: string) => `is immutable; create a new ${kind} instead`

/**
 * Turns `.meta({ immutable: true })` on the fields of an object into CEL rules. A rule on the field itself guards its value; a field
 * that may be absent also needs one on its parent, for no rule runs on a field that is not there.
 */
export function freeze(object: Schema, kind: string): Schema {
  const message = frozenMessage(kind)
  const properties: Record<string, Schema> = {}
  const presence: Rule[] = []
  for (const [name, { immutable, ...field }] of Object.entries(object.properties ?? {})) {
    if (immutable === undefined) {
      properties[name] = field
      continue
    }
    properties[name] = withRules(field, { rule: sameInAnyWords(field), message })
    const mayBeAbsent = !object.required?.includes(name) && field.default === undefined
    if (mayBeAbsent) {
      const [one, other] = [`self.${name}`, `oldSelf.${name}`]
      const same = `has(${one}) == has(${other})`
      const rule =
        field.absent === undefined ? same : `${same} || (has(${one}) ? ${isEmpty(field, one)} : ${isEmpty(field, other)})`
      presence.push({ rule, message, fieldPath: `.${name}` })
    }
  }
  return withRules({ ...object, properties }, ...presence)
}

/** What is written as it was is the same whatever it means, and judged at once. */
function sameInAnyWords(field: Schema): string {
  const [verbatim, inOtherWords] = ['self == oldSelf', sameMeaning(field)]
  return inOtherWords === verbatim ? verbatim : `${verbatim} || (${inOtherWords})`
}

/** An object without any of its fields, which is what `absent` says is no other than none. */
const isEmpty = ({ properties = {} }: Schema, object: string) =>
  Object.keys(properties)
    .map((name) => `!has(${object}.${name})`)
    .join(' && ')

/** What the spec as a whole has to hold, beside what each field says of itself. */
export const specRules: Rule[] = [
  {
    rule: 'has(self.roomId) || has(self.strRoomId)',
    message: 'exactly one of roomId and strRoomId must be set, and neither is',
    fieldPath: '.roomId',
    reason: 'FieldValueRequired',
  },
  {
    rule: '!(has(self.roomId) && has(self.strRoomId))',
    message: 'exactly one of roomId and strRoomId must be set, and both are; room 123 and room "123" are different rooms',
    fieldPath: '.strRoomId',
  },
  {
    rule: 'has(self.userSigSecretRef) || has(self.appSecretKeyRef)',
    message: 'exactly one of userSigSecretRef and appSecretKeyRef must be set, and neither is',
    fieldPath: '.userSigSecretRef',
    reason: 'FieldValueRequired',
  },
  {
    rule: '!(has(self.userSigSecretRef) && has(self.appSecretKeyRef))',
    message: 'exactly one of userSigSecretRef and appSecretKeyRef must be set, and both are',
    fieldPath: '.appSecretKeyRef',
  },
  {
    rule: "!has(self.audioCodec) || self.audioCodec == 'AAC' || (has(self.mode) && self.mode == '02')",
    message: opusMessage,
    fieldPath: '.audioCodec',
  },
  soundRule,
  picturesRule,
  liveSoundRule,
  livePicturesRule,
  // Of what is there already nobody asks: it could be changed no more, nor stopped.
  ...idleFields.map(
    ({ rule, message, fieldPath }): Rule => ({
      ...{ rule: `oldSelf.hasValue() || (${rule})`, message, optionalOldSelf: true },
      ...(fieldPath === undefined ? {} : { fieldPath }),
    }),
  ),
]

/** Pods are named after their Recording, with the number of the attempt behind it, and 63 characters is the most a label holds. */
export const objectRules: Rule[] = [
  {
    rule: 'size(self.metadata.name) <= 52',
    message: 'metadata.name must have at most 52 characters',
  },
]

export function withRules(schema: Schema, ...rules: Rule[]): Schema {
  if (rules.length === 0) return schema
  return { ...schema, 'x-kubernetes-validations': [...(schema['x-kubernetes-validations'] ?? []), ...rules] }
}

/** What of tolerations only a later Kubernetes knows is refused, unless the chart leaves that out (`main.ts`). */
export function withTolerationsOfItsVersion(spec: Schema): Schema {
  const { tolerations } = spec.properties ?? {}
  if (tolerations?.items === undefined) throw new Error('there are no tolerations')
  const items = withRules(tolerations.items, numericTolerationsRule)
  return { ...spec, properties: { ...spec.properties, tolerations: { ...tolerations, items } } }
}
