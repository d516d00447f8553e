import { setImmediate } from 'node:timers/promises'
import type { Hls, LiveCounts, Loss } from '@trtc-recorder/api'
import { tellDamagedLines } from '../../../ledger/kept-records.ts'
import { Ledger } from '../../../ledger/ledger.ts'
import { aJob, noLog } from '../../../recorder/testing.ts'
import { LiveObjects } from '../../live-objects.ts'
import { HlsPart } from '../hls-part.ts'
import { mayBecome, type ReadPlaylist, readMediaPlaylist } from './read-playlist.ts'

/** A bucket that holds every playlist to what it may name and become; `delay` says how many turns a request takes. */
export class Bucket {
  readonly objects = new Map<string, { data: Buffer; cacheControl: string | undefined }>()
  readonly playlists = new Map<string, ReadPlaylist>()
  readonly problems: string[] = []
  /** Names of what it never takes. */
  refuses: (name: string) => boolean = () => false
  delay = () => 0

  /** For one recorder: what is on its way when that is killed may arrive, or not. */
  store(life: { isOver: boolean }, random = () => 0) {
    return {
      put: async (key: string, body: Uint8Array, _type: string, options?: { cacheControl?: string }) => {
        if (life.isOver) await new Promise(() => {})
        for (let turns = this.delay(); turns > 0; turns--) await setImmediate()
        if (life.isOver && random() < 0.5) await new Promise(() => {})
        if (this.refuses(key)) throw new Error('refused')
        this.#take(key, Buffer.from(body), options?.cacheControl)
        if (life.isOver) await new Promise(() => {})
        return { url: '', bytes: body.length, crc64: '0' }
      },
    }
  }

  #take(key: string, data: Buffer, cacheControl: string | undefined): void {
    this.objects.set(key, { data, cacheControl })
    if (!/(video|audio)\.m3u8$/.test(key)) return
    try {
      const playlist = readMediaPlaylist(data.toString())
      const before = this.playlists.get(key)
      if (before !== undefined) mayBecome(before, playlist)
      for (const { uri, map, isGap } of playlist.segments) {
        const place = key.slice(0, key.lastIndexOf('/') + 1)
        if (!isGap && ![uri, map].every((name) => this.objects.has(place + name)))
          this.problems.push(`${uri} is named and not there`)
      }
      this.playlists.set(key, playlist)
    } catch (error) {
      this.problems.push((error as Error).message)
    }
  }
}

/** One attempt at a recording with HLS. */
export class Attempt {
  readonly asked: number[] = []
  readonly told: unknown[] = []
  readonly life = { isOver: false }
  readonly part: HlsPart
  readonly #objects: LiveObjects
  readonly #ledger = new Ledger()

  /** `hls`: also what a Recording may not ask for, so that a test does not take as long. */
  constructor(bucket: Bucket, directory: string, attempt: number, random?: () => number, hls: Partial<Hls> = {}) {
    const job = aJob({ live: { hls: { seconds: 2 } } }, { attempt })
    const deps = { job, log: noLog, directory }
    this.#objects = new LiveObjects({
      events: { add: (type, object) => this.told.push([type, object?.path, object?.startTime, object?.endTime]) },
      ...deps,
      ledger: this.#ledger,
      store: bucket.store(this.life, random),
    })
    this.part = new HlsPart(
      { ...job.spec.live.hls!, ...hls },
      {
        ...{ ...deps, objects: this.#objects, ledger: this.#ledger, onDamagedLines: tellDamagedLines(job, this.#ledger, noLog) },
        room: { requestKeyFrame: ({ id }) => this.asked.push(id) },
      },
    )
    this.#objects.takeOver()
  }

  async end(): Promise<{ counts: LiveCounts[]; losses: readonly Loss[] }> {
    await this.part.end()
    await this.#objects.finish(new Promise(() => {}))
    void this.#ledger.settle()
    return { counts: this.#objects.counts, losses: this.#ledger.losses }
  }
}
