import {
  isCutUser,
  type LiveEntry,
  type LiveIndex,
  type LiveIndexObject,
  type LivePartName,
  type Medium,
  nameOfUser,
  type Stream,
} from '@trtc-recorder/api'
import { DurableLines, type OnDamagedLines, readLines } from '../disk/durable-lines.ts'

/** As many as one list holds; then the next one begins. */
export const entriesAList = 500

/** An object on its way, as its line on the volume has it. A later line of the same id replaces the earlier one. Times in microseconds. */
export interface ObjectLine {
  id: number
  /** `begun`: it is being made. `made`: it waits for COS, its content beside on the volume or in memory. `dropped`: there was nothing in it. */
  state: 'begun' | 'made' | 'stored' | 'lost' | 'dropped'
  fromMicros: number
  /** Of what is begun: at most. */
  toMicros: number
  /** Name of the file of the recording that has the same. */
  file: string
  medium: Medium
  /** Name within the folder of its part; empty as long as it is begun. */
  name: string
  bytes: number
  /** CRC-32 of the content. */
  crc32: number
  contentType: string
  /** Why it is lost, or `ok`. */
  message: string
}

/** Whose a list is. */
export interface ListIdentity {
  part: LivePartName
  userId: string
  stream: Stream
  attempt: number
  /** From 1 on. */
  number: number
}

/** `<part>.<stream>.<base64url user>.<attempt>-<number>.jsonl` */
export const listFileName = ({ part, userId, stream, attempt, number }: ListIdentity) =>
  nameOfUser(
    Buffer.from(userId, 'utf8').toString('base64url'),
    (written) => `${part}.${stream}.${written}.${attempt}-${number}.jsonl`,
  )

/** The first line of a list whose name is too short to say whose it is. */
interface OwnerLine {
  id: 0
  userId: string
}
const isOwner = (line: ObjectLine | OwnerLine): line is OwnerLine => line.id === 0

/** Of a list whose name is too short to say whose it is, as it is written there. */
export function readListFileName(name: string): ListIdentity | undefined {
  const match = /^([A-Za-z0-9]+)\.(main|aux)\.([A-Za-z0-9_~-]*)\.(\d+)-(\d+)\.jsonl$/.exec(name)
  if (match === null) return undefined
  const [, part, stream, user, attempt, number] = match as unknown as [string, string, string, string, string, string]
  return {
    // Of another release, perhaps.
    part: part as LivePartName,
    stream: stream as Stream,
    userId: isCutUser(user) ? user : Buffer.from(user, 'base64url').toString('utf8'),
    attempt: Number(attempt),
    number: Number(number),
  }
}

/** The objects of one part and stream, up to some number of them, in memory and on the volume. */
export class ObjectList {
  readonly identity: ListIdentity
  /** Something is in it that its copy in COS has not got. */
  isChanged = false
  readonly #lines: DurableLines
  readonly #objects = new Map<number, ObjectLine>()

  constructor(identity: ListIdentity, path: string, objects?: readonly ObjectLine[]) {
    this.identity = identity
    this.#lines = new DurableLines(path)
    const owner: OwnerLine = { id: 0, userId: identity.userId }
    if (objects === undefined && isCutUser(listFileName(identity))) this.#lines.add([[0, owner]])
    for (const object of objects ?? []) this.#objects.set(object.id, object)
  }

  /** Rejects where it cannot be read. */
  static async read(identity: ListIdentity, path: string, onDamage: OnDamagedLines): Promise<ObjectList> {
    const lines = await readLines<ObjectLine | OwnerLine>(path, onDamage)
    const userId = lines.find(isOwner)?.userId ?? identity.userId
    const objects = lines.filter((line): line is ObjectLine => !isOwner(line))
    const list = new ObjectList({ ...identity, userId }, path, objects)
    list.isChanged = true
    return list
  }

  /** Never throws, never waits. */
  set(line: ObjectLine): void {
    this.#objects.set(line.id, line)
    this.#lines.add([[line.id, line]])
    this.isChanged = true
  }

  settled(): Promise<void> {
    return this.#lines.settled()
  }

  get isFull(): boolean {
    return this.#objects.size >= entriesAList
  }

  get objects(): ObjectLine[] {
    return [...this.#objects.values()]
  }

  count(...states: ObjectLine['state'][]): number {
    let count = 0
    for (const { state } of this.#objects.values()) if (states.includes(state)) count++
    return count
  }

  /** As it goes to COS. `keyOf`: object key of a name. */
  object(keyOf: (name: string) => string): LiveIndexObject {
    const { part, userId, stream, attempt } = this.identity
    return { version: 1, part, userId, stream, attempt, entries: this.#told.map((line) => entryOf(line, keyOf)) }
  }

  /** Undefined of a list that has nothing to tell. */
  index(path: string): LiveIndex | undefined {
    const told = this.#told
    if (told.length === 0) return undefined
    const { part, userId, stream } = this.identity
    const to = told.reduce((latest, { toMicros }) => Math.max(latest, toMicros), 0)
    const [stored, lost] = [this.count('stored'), this.count('lost')]
    return { part, userId, stream, path, stored, lost, from: timeOf(told[0]!.fromMicros), to: timeOf(to) }
  }

  get #told(): ObjectLine[] {
    return this.objects.filter(({ state }) => state === 'stored' || state === 'lost').sort((a, b) => a.fromMicros - b.fromMicros)
  }
}

function entryOf(
  { state, fromMicros, toMicros, file, name, bytes, message }: ObjectLine,
  keyOf: (name: string) => string,
): LiveEntry {
  const isStored = state === 'stored'
  return {
    startTime: timeOf(fromMicros),
    endTime: timeOf(toMicros),
    path: isStored ? keyOf(name) : '',
    bytes: isStored ? bytes : 0,
    message: message.slice(0, 256),
    file,
  }
}

export const timeOf = (micros: number) => new Date(Math.round(micros / 1000)).toISOString()
