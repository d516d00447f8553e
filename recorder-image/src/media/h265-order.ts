/** Where a picture of H.265 stands in the order of decoding: what it refers to stands in its first slice (ITU-T H.265, 7.3.6.1 and 7.3.7). */
import type { DecodingPlace, Leads } from '../timeline/decoding-order.ts'
import { parameterSetPayload } from './annexb.ts'
import { BitReader, UnreadableError } from './bit-reader.ts'
import { nalTypes, parseSps, typeOf } from './h265-units.ts'
import type { VideoConfig } from './video-codec.ts'

/** A picture that is referred to: how many are shown from it to the one that refers; later ones have a number above 0. */
interface Reference {
  delta: number
  /** By this picture; else by one after it, for which it is only kept. */
  used: boolean
}

/** What a sequence says of the slices in it. */
interface Sequence {
  orderBits: number
  sets: readonly (readonly Reference[])[]
  hasLongTerm: boolean
  longTermSets: number
}

/** What a picture parameter set says of the slices that name it. */
interface SliceRules {
  sequence: Sequence
  hasOutputFlag: boolean
  extraBits: number
}

/** By the number of their picture parameter set. */
type RulesOfSlices = ReadonlyMap<number, SliceRules>

/** More than the fields up to the reference pictures take. */
const sliceHeaderBytes = 256
const mostReferences = 16
const mostSets = 64
const mostLongTermSets = 32

/** Undefined where it cannot be told: references by other means than their distance (long-term pictures), or what no sequence describes. */
export function decodingPlace(units: readonly Uint8Array[], config: VideoConfig | undefined): DecodingPlace | undefined {
  const slice = firstSlice(units)
  const rules = config?.codec === 'h265' ? rulesOf(config) : undefined
  if (slice === undefined || rules === undefined) return undefined
  return orUndefined(() => readSlice(slice, typeOf(slice), rules))
}

/** Whether it is shown before the key frame in front of it. */
export function leadsOf(units: readonly Uint8Array[]): Leads | undefined {
  const slice = firstSlice(units)
  const type = slice === undefined ? undefined : typeOf(slice)
  if (type === undefined || type < nalTypes.firstLeading || type > nalTypes.lastLeading) return undefined
  return type <= nalTypes.lastDecodableLeading ? 'fromKey' : 'acrossKey'
}

const mayBeLed = (type: number) =>
  type >= nalTypes.firstIrap && type <= nalTypes.lastIrap && type !== nalTypes.brokenLinkAlone && type !== nalTypes.idr

const firstSlice = (units: readonly Uint8Array[]) => units.find((unit) => typeOf(unit) <= nalTypes.lastSlice && isBaseLayer(unit))

const isBaseLayer = (unit: Uint8Array) => (unit[0]! & 1) === 0 && unit[1]! >> 3 === 0

/** A configuration stays the same for many pictures. */
const knownRules = new WeakMap<VideoConfig, RulesOfSlices | undefined>()

function rulesOf(config: VideoConfig): RulesOfSlices | undefined {
  if (!knownRules.has(config))
    knownRules.set(
      config,
      orUndefined(() => readRules(config)),
    )
  return knownRules.get(config)
}

/** What cannot be read of the order costs no picture. */
function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof UnreadableError) return undefined
    throw error
  }
}

function readSlice(slice: Uint8Array, type: number, rulesOfSlices: RulesOfSlices): DecodingPlace | undefined {
  const bits = new BitReader(parameterSetPayload(slice.subarray(0, sliceHeaderBytes), 2))
  if (bits.read(1) !== 1) return undefined
  const isKey = type >= nalTypes.firstIrap && type <= nalTypes.lastIrapReserved
  if (isKey) bits.read(1)
  const rules = rulesOfSlices.get(bits.ue(63))
  if (rules === undefined) return undefined
  const { orderBits, sets, hasLongTerm, longTermSets } = rules.sequence
  bits.skip(rules.extraBits)
  bits.ue(2)
  if (rules.hasOutputFlag) bits.skip(1)
  const modulus = 2 ** orderBits
  const about = {
    ...{ type: 'refers' as const, modulus, isReference: isKey || type % 2 === 1 },
    ...{ goesOn: type === nalTypes.cleanRandomAccess, mayBeLed: mayBeLed(type) },
  }
  if (type === nalTypes.idr || type === nalTypes.idrWithLeading) return { ...about, value: 0, uses: [], keeps: [] }
  const value = bits.read(orderBits)
  if (isKey) return { ...about, value, uses: [], keeps: [] }
  const isOfSequence = bits.read(1) === 1
  const references = isOfSequence ? sets[bits.read(bitsFor(sets.length))] : readSet(bits, sets, sets.length)
  if (references === undefined) return undefined
  if (hasLongTerm && ((longTermSets > 0 && bits.ue(mostLongTermSets) > 0) || bits.ue(mostReferences) > 0)) return undefined
  const all = references.map(({ delta }) => delta)
  return { ...about, value, uses: references.filter(({ used }) => used).map(({ delta }) => delta), keeps: all }
}

/** Of a number from 0 to `count` - 1. */
const bitsFor = (count: number) => (count <= 1 ? 0 : 32 - Math.clz32(count - 1))

/** Of two sets of one number the later one holds. */
function readRules({ units }: VideoConfig): RulesOfSlices {
  const of = (type: number) => units.filter((unit) => typeOf(unit) === type && isBaseLayer(unit))
  const sequences = new Map<number, Sequence | undefined>()
  for (const sps of of(nalTypes.sps)) {
    const { id, ...sequence } = parseSps(sps)
    sequences.set(id, readSequence(sequence))
  }
  const rules = new Map<number, SliceRules>()
  for (const pps of of(nalTypes.pps)) {
    const { id, sequenceId, ...rest } = sliceRules(pps)
    const sequence = sequences.get(sequenceId)
    if (sequence !== undefined) rules.set(id, { sequence, ...rest })
  }
  return rules
}

/** From where it says how pictures are counted. Undefined of one whose slices are coded in three planes. */
function readSequence({ rest: bits, layers, inPlanes }: Omit<ReturnType<typeof parseSps>, 'id'>): Sequence | undefined {
  if (inPlanes) return undefined
  const orderBits = bits.ue(12) + 4
  for (let left = bits.read(1) === 1 ? layers : 1; left > 0; left--) for (let field = 0; field < 3; field++) bits.ue(2 ** 32)
  for (let field = 0; field < 6; field++) bits.ue(64)
  if (bits.read(1) === 1 && bits.read(1) === 1) skipScalingLists(bits)
  bits.skip(2)
  if (bits.read(1) === 1) {
    bits.skip(8)
    bits.ue(64)
    bits.ue(64)
    bits.skip(1)
  }
  const sets: Reference[][] = []
  for (let count = bits.ue(mostSets); sets.length < count; ) sets.push(readSet(bits, sets, count))
  const hasLongTerm = bits.read(1) === 1
  const longTermSets = hasLongTerm ? bits.ue(mostLongTermSets) : 0
  return { orderBits, sets, hasLongTerm, longTermSets }
}

/** The fields of a picture parameter set that a slice header depends on (7.3.2.3.1). */
function sliceRules(pps: Uint8Array): { id: number; sequenceId: number; hasOutputFlag: boolean; extraBits: number } {
  const bits = new BitReader(parameterSetPayload(pps, 2))
  const [id, sequenceId] = [bits.ue(63), bits.ue(15)]
  bits.skip(1)
  return { id, sequenceId, hasOutputFlag: bits.read(1) === 1, extraBits: bits.read(3) }
}

/** 7.3.4. */
function skipScalingLists(bits: BitReader): void {
  for (let size = 0; size < 4; size++) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      if (bits.read(1) === 0) {
        bits.ue(6)
        continue
      }
      if (size > 1) bits.se()
      for (let left = Math.min(64, 16 << (2 * size)); left > 0; left--) bits.se()
    }
  }
}

/** A short-term reference picture set (7.3.7): those shown before, nearest first, then those shown after. `count`: of those in the sequence. */
function readSet(bits: BitReader, sets: readonly (readonly Reference[])[], count: number): Reference[] {
  if (sets.length > 0 && bits.read(1) === 1) return predictedSet(bits, sets, count)
  const [before, after] = [bits.ue(mostReferences), bits.ue(mostReferences)]
  const references: Reference[] = []
  for (const [number, sign] of [
    [before, -1],
    [after, 1],
  ] as const) {
    for (let left = number, delta = 0; left > 0; left--) {
      delta += sign * (bits.ue(2 ** 15) + 1)
      references.push({ delta, used: bits.read(1) === 1 })
    }
  }
  return references
}

/** One that is another one moved on (7.4.8, 7-61 and 7-62). */
function predictedSet(bits: BitReader, sets: readonly (readonly Reference[])[], count: number): Reference[] {
  const back = sets.length === count ? bits.ue(mostSets) + 1 : 1
  const from = sets[sets.length - back]
  if (from === undefined) throw new UnreadableError('it refers to pictures as none before it')
  const sign = bits.read(1) === 1 ? -1 : 1
  const moved = sign * (bits.ue(2 ** 15) + 1)
  // The picture that the other set stands in is one more of them.
  const references = [...from, { delta: 0, used: false }].flatMap(({ delta }) => {
    const used = bits.read(1) === 1
    const isKept = used || bits.read(1) === 1
    return isKept ? [{ delta: delta + moved, used }] : []
  })
  const shownBefore = references.filter(({ delta }) => delta < 0).sort((a, b) => b.delta - a.delta)
  const shownAfter = references.filter(({ delta }) => delta > 0).sort((a, b) => a.delta - b.delta)
  return [...shownBefore, ...shownAfter]
}
