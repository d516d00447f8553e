import type { Hls, Stream } from '@trtc-recorder/api'
import type { Rendition, RenditionFacts } from './packager.ts'
import { changesIn, type ListedSegment, mediaPlaylist, multivariantPlaylist } from './playlist.ts'

/** A line of the journal of one source: whose it is, what is in COS, or never will be, and may be named in playlists. */
export type PublishedLine =
  | { is: 'source'; userId: string; stream: Stream; folder: string }
  | { is: 'init'; rendition: Rendition; facts: RenditionFacts }
  | { is: 'segment'; rendition: Rendition; segment: ListedSegment; bytes: number }
  | { is: 'ended' }

export interface PlaylistOptions {
  type: 'Event' | 'Live'
  targetDurationSeconds: number
}

/** Key frames come a little later than they are asked for, and may come late: twice the length is the most. */
export const playlistOptions = ({ seconds, playlist }: Hls): PlaylistOptions => ({
  type: playlist,
  targetDurationSeconds: 2 * seconds,
})

interface Listed {
  facts: RenditionFacts
  segments: ListedSegment[]
  /** Of the segment with the most of them, in bits a second. */
  peakBitRate: number
}

const names: Record<Rendition, string> = { video: 'video.m3u8', audio: 'audio.m3u8' }
/** The one that names the others. */
export const multivariantName = 'index.m3u8'

/** What one source's playlists may name, from the lines of its journal, live or of an attempt that was killed. */
export class Published {
  isEnded = false
  readonly #renditions: Partial<Record<Rendition, Listed>> = {}
  readonly #options: PlaylistOptions

  constructor(options: PlaylistOptions, lines: readonly PublishedLine[] = []) {
    this.#options = options
    for (const line of lines) this.add(line)
  }

  add(line: PublishedLine): void {
    switch (line.is) {
      case 'init': {
        const known = this.#renditions[line.rendition]
        if (known === undefined) this.#renditions[line.rendition] = { facts: line.facts, segments: [], peakBitRate: 0 }
        else if (line.facts.width * line.facts.height > known.facts.width * known.facts.height) {
          known.facts = { ...line.facts, changesBefore: known.facts.changesBefore }
        }
        return
      }
      case 'segment': {
        const { segment, bytes, rendition } = line
        const listed = this.#renditions[rendition]
        if (listed === undefined) return
        listed.segments.push(segment)
        listed.peakBitRate = Math.max(listed.peakBitRate, (bytes * 8) / segment.seconds)
        return
      }
      case 'source':
        return
      case 'ended':
        this.isEnded = true
    }
  }

  /** When the last segment of each rendition ends, in microseconds. */
  get ends(): [Rendition, number][] {
    return this.#all.flatMap(([rendition, { segments }]) => {
      const last = segments.at(-1)
      return last === undefined ? [] : [[rendition, last.startMicros + last.seconds * 1_000_000]]
    })
  }

  /** How often each rendition became another so far; those that have nothing are not there. */
  get changes(): Partial<Record<Rendition, number>> {
    return Object.fromEntries(
      this.#all.map(([rendition, { facts, segments }]) => [rendition, facts.changesBefore + changesIn(segments)]),
    )
  }

  /** From the first segment of either rendition to the end of the last. Only where there is one. */
  get span(): { from: Date; to: Date } {
    const segments = this.#all.flatMap((listed) => listed[1].segments)
    const from = Math.min(...segments.map(({ startMicros }) => startMicros))
    const to = Math.max(...this.ends.map(([, micros]) => micros))
    return { from: new Date(from / 1000), to: new Date(to / 1000) }
  }

  /** Names and texts, in the order in which they are to be stored; none where there is nothing to play. */
  playlists(): [name: string, text: string][] {
    const media = this.#all
      .filter(([, { segments }]) => segments.length > 0)
      .map(
        ([
          rendition,
          {
            segments,
            facts: { changesBefore },
          },
        ]): [string, string] => [
          names[rendition],
          mediaPlaylist({ ...this.#options, segments, changesBefore, isEnded: this.isEnded }),
        ],
      )
    return media.length === 0 ? [] : [...media, [multivariantName, this.multivariant('')]]
  }

  /** The playlist that names the others, which lie in `folder`: empty, or ending in a slash. */
  multivariant(folder: string): string {
    const all = this.#all.filter(([, { segments }]) => segments.length > 0)
    const named = Object.fromEntries(
      all.map(([rendition, { facts }]) => [rendition, { ...facts, uri: folder + names[rendition] }]),
    )
    const peak = all.reduce((sum, [, { peakBitRate }]) => sum + peakBitRate, 0)
    return multivariantPlaylist({ ...named, peakBitRate: this.isEnded ? peak : roomAbove(peak) })
  }

  get #all(): [Rendition, Listed][] {
    return Object.entries(this.#renditions) as [Rendition, Listed][]
  }
}

/** What is to come may take more: a power of two that half as much again fits into, so that the text seldom changes. */
const roomAbove = (bitRate: number) => 2 ** Math.ceil(Math.log2(bitRate * 1.5))
