import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  isCutUser,
  isListed,
  type LiveCounts,
  type Medium,
  nameOfUser,
  type Pcm,
  type PcmFormName,
  type RecorderJob,
  type SentSound,
} from '@trtc-recorder/api'
import type { ReceiverPolicy } from '@trtc-recorder/api/receivers'
import type { Logger } from 'pino'
import type { OnDamagedFile } from '../../disk/durable-lines.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { Decoding, type PcmForm } from '../../media/opus-decoding.ts'
import type { LiveEvent, LivePart, LiveSound, LiveSource } from '../part.ts'
import { filledAddress, shownAddress } from './address.ts'
import { type Dropped, leftSince } from './backlog.ts'
import { connect } from './connection.ts'
import { Feed } from './feed.ts'
import { isOfSentSounds, SentSounds, type SoundTally } from './sent-sounds.ts'
import { SoundClock } from './sound-clock.ts'

export interface PcmPartOptions {
  job: Pick<RecorderJob, 'recording' | 'spec' | 'attempt'>
  pcm: Pcm
  /** Folder of its own on the volume; made when it is needed. */
  directory: string
  policy: ReceiverPolicy
  /** What is sent as the header Authorization; asked for each time. */
  authorization(): Promise<string | undefined>
  /** Told of counts of earlier attempts that cannot be read. */
  onDamagedLines: OnDamagedFile
  ledger: Pick<Ledger, 'add'>
  log: Logger
}

const forms: Record<PcmFormName, PcmForm> = {
  Mono16k: { rate: 16_000, channels: 1 },
  Stereo48k: { rate: 48_000, channels: 2 },
}

/** So long receivers have at the end of the recording to take what waits for them. */
const endMillis = 5000
/** What a recorder that was killed had in memory of what waited, beside what is on the volume. */
const unwrittenMicros = 5_000_000

const whys: Record<Dropped['why'], string> = {
  tooOld: 'its receiver did not take it in time',
  volume: 'it waited for its receiver, and the volume lost it',
}

interface Speaker {
  source: LiveSource
  /** From the first packet on. */
  voice: { clock: SoundClock; feed: Feed } | undefined
  muted: boolean
  paused: boolean
}

/** Hands the sound of each user to an address as PCM over a WebSocket of its own, by LiveKit's convention. Decodes nothing of a user whose receiver is away. */
export class PcmPart implements LivePart {
  readonly name = 'pcm'
  readonly #options: PcmPartOptions
  readonly #speakers = new Map<LiveSource, Speaker>()
  readonly #decoding = new Decoding()
  readonly #over = Promise.withResolvers<void>()
  readonly #ending = new Set<Promise<void>>()
  readonly #feeds = new Set<Feed>()
  readonly #sent: SentSounds

  constructor(options: PcmPartOptions) {
    this.#options = options
    this.#sent = new SentSounds(options.directory, options.job.attempt, options.onDamagedLines)
    this.#tellOfLeftovers()
  }

  wants({ userId }: Pick<LiveSource, 'userId'>): readonly Medium[] {
    return isListed(this.#options.pcm.users, userId) ? ['audio'] : []
  }

  on(event: LiveEvent): void {
    if (event.type === 'opened') {
      this.#speakers.set(event.source, { source: event.source, voice: undefined, muted: false, paused: false })
      return
    }
    const speaker = this.#speakers.get(event.source)
    if (speaker === undefined) return
    switch (event.type) {
      case 'picture':
        return
      case 'sound':
        this.#sound(speaker, event.sound)
        return
      case 'sends':
        if (event.kind !== 'audio') return
        speaker.muted = !event.sends
        speaker.voice?.clock.muted(speaker.muted, event.atMicros)
        return
      case 'reached':
        this.#sent.keepNowAndThen()
        if (!speaker.paused) speaker.voice?.feed.add(speaker.voice.clock.reached(event.micros))
        return
      case 'paused':
        speaker.paused = true
        return
      case 'resumed':
        speaker.paused = false
        speaker.voice?.clock.skipTo(event.micros)
        return
      case 'closed':
        this.#speakers.delete(event.source)
        if (speaker.voice !== undefined) this.#end(speaker.voice.feed)
    }
  }

  async end(): Promise<void> {
    for (const { voice } of this.#speakers.values()) if (voice !== undefined) this.#end(voice.feed)
    this.#speakers.clear()
    const timer = setTimeout(() => this.#over.resolve(), endMillis)
    await Promise.all(this.#ending)
    clearTimeout(timer)
    this.#sent.keep()
  }

  sent(): { counts: LiveCounts | undefined; sounds: SentSound[] } {
    const waiting = [...this.#feeds].reduce((sum, { waitingSeconds }) => sum + waitingSeconds, 0)
    return { counts: this.#sent.counts(waiting), sounds: this.#sent.all }
  }

  #sound(speaker: Speaker, sound: LiveSound): void {
    const { samples, ptsMicros } = sound
    if (sound.is === 'packet') {
      speaker.voice ??= this.#voice(speaker, ptsMicros)
      const { clock, feed } = speaker.voice
      // It stays, and what came is a view.
      feed.add(clock.packet(new Uint8Array(sound.data), samples, ptsMicros))
    } else if (speaker.voice !== undefined) {
      speaker.voice.feed.add(speaker.voice.clock.missing(samples, ptsMicros))
    }
  }

  #voice({ source, muted }: Speaker, startMicros: number): NonNullable<Speaker['voice']> {
    const { job, pcm, policy, authorization, log } = this.#options
    const { userId, stream } = source
    const { roomId, strRoomId = '' } = job.spec
    const room = roomId === undefined ? strRoomId : String(roomId)
    const address = filledAddress(pcm.url, { userId, room, stream, recording: job.recording.name })
    const receiver = shownAddress(address)
    const tally = this.#sent.tallyOf(source, startMicros)
    const feed = new Feed({
      form: forms[pcm.form],
      directory: join(this.#options.directory, folderOf(source)),
      keepSeconds: pcm.backlogSeconds,
      decoding: this.#decoding,
      async connect(signal) {
        const header = await authorization()
        return connect(address, { policy, signal, ...(header === undefined ? {} : { authorization: header }) })
      },
      onDrop: (dropped) => this.#lose(source, tally, dropped),
      onConnected() {
        tally.connections++
      },
      onSent({ samples, bytes, toMicros }) {
        tally.sentSamples += samples
        tally.sentBytes += bytes
        tally.toMicros = Math.max(tally.toMicros, toMicros)
      },
      onTrouble(problem) {
        if (problem === undefined) log.info({ userId, stream, receiver }, 'The receiver of live sound is there again')
        else
          log.warn({ userId, stream, receiver, error: problem }, 'The receiver of live sound cannot be reached; its sound waits')
      },
    })
    this.#feeds.add(feed)
    const clock = new SoundClock(startMicros, pcm.backlogSeconds)
    clock.muted(muted, startMicros)
    return { clock, feed }
  }

  /** What waits for a receiver that is away has the time that it may wait. */
  #end(feed: Feed): void {
    const stop = new AbortController()
    const late = sleep(this.#options.pcm.backlogSeconds * 1000, undefined, { signal: stop.signal, ref: false }).catch(() => {})
    const ended = feed.end(Promise.race([late, this.#over.promise])).finally(() => {
      stop.abort()
      this.#feeds.delete(feed)
      this.#ending.delete(ended)
    })
    this.#ending.add(ended)
  }

  /** The file has it: it is no loss of the file's. */
  #lose({ userId, stream }: LiveSource, tally: SoundTally, { fromMicros, toMicros, packets, bytes, why }: Dropped): void {
    tally.lostMicros += toMicros - fromMicros
    tally.toMicros = Math.max(tally.toMicros, toMicros)
    const of = { userId, stream, medium: 'audio' as const, reason: 'LiveOutputLost' as const, file: null }
    this.#options.ledger.add({ ...of, fromMicros, toMicros, frames: packets, bytes, detail: `${this.name}: ${whys[why]}` })
  }

  /** What waited when an earlier attempt was killed comes too late for anybody: it is told of, and goes. */
  #tellOfLeftovers(): void {
    const { directory, ledger } = this.#options
    for (const folder of namesIn(directory)) {
      if (isOfSentSounds(folder)) continue
      const [user = '', stream] = folder.split('.')
      const names = namesIn(join(directory, folder))
      const fromMicros = leftSince(names)
      try {
        rmSync(join(directory, folder), { recursive: true, force: true })
      } catch (error) {
        // Told of again by the next attempt.
        this.#options.log.warn({ error: (error as Error).message }, 'Live sound that was left on the volume cannot be removed')
      }
      if (fromMicros === undefined) continue
      const toMicros = fromMicros + names.length * unwrittenMicros + unwrittenMicros
      // What is too long for a name is written in it as it can be.
      const userId = isCutUser(user) ? user : Buffer.from(user, 'base64url').toString()
      const of = { userId, stream: stream === 'aux' ? 'aux' : 'main' } as const
      const tally = this.#sent.tallyOf(of, fromMicros)
      tally.lostMicros += toMicros - fromMicros
      tally.toMicros = Math.max(tally.toMicros, toMicros)
      ledger.add({
        ...{ ...of, medium: 'audio' },
        ...{ fromMicros, toMicros, frames: null, bytes: null, reason: 'LiveOutputLost', file: null },
        detail: `${this.name}: it waited for its receiver when the recorder ended`,
      })
    }
  }
}

/** Where the sound of a source waits, within the folder of the part. */
const folderOf = ({ userId, stream, id }: LiveSource) =>
  nameOfUser(Buffer.from(userId).toString('base64url'), (written) => `${written}.${stream}.${id}`)

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
