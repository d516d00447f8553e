import { clockStepSchema, type RecorderJob, type StopReason, word } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { z } from 'zod'
import type { ClockStep, WallSetting } from '../clock/clock.ts'
import type { NotKept } from '../ledger/kept-records.ts'
import { isFinalStop, type Stop } from './stop-policy.ts'

const time = z.iso.datetime()
/** When nothing of anybody was taken; `to` is null while that lasts, and for good where the recorder was killed meanwhile. */
const pause = z.object({ from: time, to: time.nullable() })
export type Pause = z.infer<typeof pause>

const same = {
  attempt: z.int().min(1),
  pauses: z.array(pause),
  /** Releases before this one did not say it. */
  clockSteps: z.array(clockStepSchema).default([]),
  /** How the wall clock was set as far as this attempt knows. Releases before this one did not say it. */
  wall: z.object({ boot: z.string(), atBootMillis: z.number() }).optional(),
}
const stopped = { enteredAt: time.nullable(), stoppedAt: time, stopReason: word<StopReason>() }

/**
 * How far an attempt came, as the next one finds it on the volume. One that was killed is `begun` or `recording` for ever; `complete` means
 * that its result was said and every file is in COS.
 */
export const attemptNoteSchema = z.discriminatedUnion('state', [
  z.object({ ...same, state: z.literal('begun') }),
  z.object({ ...same, state: z.literal('recording'), enteredAt: time }),
  z.object({ ...same, state: z.literal('stopped'), ...stopped }),
  z.object({ ...same, state: z.literal('complete'), ...stopped }),
])
export type AttemptNote = z.infer<typeof attemptNoteSchema>
type StoppedNote = Extract<AttemptNote, { state: 'stopped' | 'complete' }>

export const enteredAt = (note: AttemptNote): string | null => (note.state === 'begun' ? null : note.enteredAt)

/** Notes on the volume how far this attempt is. Never throws: a volume that broke while recording must not hide what became of the files. */
export class Attempt {
  readonly #write: (note: AttemptNote) => Promise<void>
  readonly #log: Logger
  readonly #wall: () => WallSetting | undefined
  #current: AttemptNote
  #written: Promise<void> = Promise.resolve()
  #error: Error | undefined
  #again: NodeJS.Timeout | undefined

  constructor(
    attempt: number,
    write: (note: AttemptNote) => Promise<void>,
    log: Logger,
    wall: () => WallSetting | undefined = () => undefined,
  ) {
    this.#current = { attempt, state: 'begun', pauses: [], clockSteps: [], wall: wall() }
    this.#write = write
    this.#log = log
    this.#wall = wall
  }

  get note(): AttemptNote {
    return this.#current
  }

  /** Why the volume does not have how far this attempt is; undefined when it has. */
  get notKept(): NotKept | undefined {
    const { attempt, state } = this.#current
    if (this.#error === undefined) return undefined
    return { file: `attempts/${attempt}.json`, what: `that this attempt is ${state}`, error: this.#error }
  }

  begun(): Promise<void> {
    return this.#note(this.#current)
  }

  entered(at: Date): Promise<void> {
    // A page that was replaced enters again; the attempt has been in the room since the first time.
    if (this.#current.state !== 'begun') return this.#written
    return this.#note({ ...this.#current, state: 'recording', enteredAt: at.toISOString() })
  }

  paused(at: Date): Promise<void> {
    if (this.#current.pauses.at(-1)?.to === null) return this.#written
    return this.#note({ ...this.#current, pauses: [...this.#current.pauses, { from: at.toISOString(), to: null }] })
  }

  resumed(at: Date): Promise<void> {
    return this.#note({ ...this.#current, pauses: ended(this.#current.pauses, at) })
  }

  /** Somebody has set the wall clock, since the attempt before or in this one. */
  clockSet({ toldMicros, beforeMicros, afterMicros }: ClockStep): Promise<void> {
    const iso = (micros: number) => new Date(micros / 1000).toISOString()
    const step = { time: iso(toldMicros), before: iso(beforeMicros), after: iso(afterMicros) }
    return this.#note({ ...this.#current, clockSteps: [...this.#current.clockSteps, step], wall: this.#wall() })
  }

  stopped(stopReason: StopReason, at: Date): Promise<void> {
    const { attempt, pauses, clockSteps, wall } = this.#current
    const times = { enteredAt: enteredAt(this.#current), stoppedAt: at.toISOString() }
    return this.#note({ attempt, state: 'stopped', pauses: ended(pauses, at), clockSteps, wall, ...times, stopReason })
  }

  complete(): Promise<void> {
    return this.#current.state === 'stopped' ? this.#note({ ...this.#current, state: 'complete' }) : this.#written
  }

  /** Nothing more is tried. */
  close(): void {
    clearTimeout(this.#again)
  }

  #note(note: AttemptNote): Promise<void> {
    this.#current = note
    this.#written = this.#written.then(() => this.#keep(note))
    return this.#written
  }

  /** What the volume does not take is tried again: the next attempt would not know that this one was in the room. */
  async #keep(note: AttemptNote): Promise<void> {
    clearTimeout(this.#again)
    try {
      await this.#write(note)
      this.#error = undefined
    } catch (error) {
      if (this.#error === undefined)
        this.#log.error({ error: (error as Error).message }, 'The attempt could not be noted on the volume')
      this.#error = error as Error
      this.#again = setTimeout(() => this.#note(this.#current), againMillis).unref()
    }
  }
}

const againMillis = 5000

const ended = (pauses: Pause[], at: Date): Pause[] => pauses.map(({ from, to }) => ({ from, to: to ?? at.toISOString() }))

/** The job as this attempt at it carries it out. By hand nobody has numbered the attempts, and a recording that is complete begins anew. */
export function numbered(
  job: RecorderJob,
  earlier: readonly AttemptNote[],
  byHand: boolean,
): { job: RecorderJob; anew: boolean } {
  const last = earlier.at(-1)
  const anew = byHand && last?.state === 'complete'
  const attempt = !byHand ? job.attempt : anew ? 1 : (last?.attempt ?? 0) + 1
  const entered = anew ? null : earlier.map(enteredAt).find((at) => at !== null)
  const firstStartedAt = job.firstStartedAt ?? entered ?? undefined
  return { job: { ...job, attempt, ...(firstStartedAt === undefined ? {} : { firstStartedAt }) }, anew }
}

/** Why there is nothing more to record, if so: then this attempt only finishes what is left. */
export function alreadyOver(job: RecorderJob, earlier: readonly AttemptNote[], now: number): Stop | undefined {
  const { uploadOnly, firstStartedAt, spec } = job
  const stops = earlier.filter((one): one is StoppedNote => one.state === 'stopped' || one.state === 'complete')
  const final = stops.findLast(({ stopReason }) => isFinalStop(stopReason))
  if (final !== undefined || uploadOnly) {
    return {
      reason: (final ?? stops.at(-1))?.stopReason ?? 'NeverStarted',
      message: 'The recording was over already; this attempt finished what was left of it',
    }
  }
  const { maxDurationSeconds } = spec.limits
  if (maxDurationSeconds === undefined || firstStartedAt === undefined) return undefined
  if (now - Date.parse(firstStartedAt) < maxDurationSeconds * 1000) return undefined
  const message = `limits.maxDurationSeconds (${maxDurationSeconds} s) had passed before this attempt began`
  return { reason: 'MaxDuration', message }
}

/**
 * When nothing of anybody was taken, over all attempts. A recorder that was killed meanwhile could not say until when: until the next one was in the room,
 * and on from there where that was paused too; null where none was. By the next one's clock that may be before it began: then nobody knows how long it was.
 */
export function pausesOf(notes: readonly AttemptNote[]): Pause[] {
  const pauses: Pause[] = []
  for (const note of notes) {
    const entered = enteredAt(note)
    const open = pauses.at(-1)?.to === null ? pauses.pop() : undefined
    const [first, ...others] = note.pauses
    const goesOn = open !== undefined && first !== undefined && first.from === entered
    if (open !== undefined) {
      const to = goesOn ? first.to : entered
      pauses.push({ from: open.from, to: to !== null && to < open.from ? open.from : to })
    }
    pauses.push(...(goesOn ? others : note.pauses))
  }
  return pauses
}

/** The attempt that was the last in the room at a time. */
export const attemptAt = (notes: readonly AttemptNote[], at: string): number =>
  notes.findLast((note) => isBy(enteredAt(note), at))?.attempt ?? notes[0]?.attempt ?? 1

const isBy = (time: string | null, at: string) => time !== null && time <= at
