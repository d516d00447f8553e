/** A strict reader of playlists (RFC 8216, and EXT-X-GAP of rfc8216bis): throws for whatever a section of it forbids. For tests. */

export interface ReadSegment {
  uri: string
  map: string
  seconds: number
  startMillis: number
  sequence: number
  discontinuitySequence: number
  isGap: boolean
}

export interface ReadPlaylist {
  version: number
  targetDuration: number
  type: string | undefined
  isEnded: boolean
  segments: ReadSegment[]
}

const integer = /^\d+$/
const once = [
  'EXT-X-VERSION',
  'EXT-X-TARGETDURATION',
  'EXT-X-MEDIA-SEQUENCE',
  'EXT-X-DISCONTINUITY-SEQUENCE',
  'EXT-X-PLAYLIST-TYPE',
  'EXT-X-ENDLIST',
]
const known = [...once, 'EXT-X-INDEPENDENT-SEGMENTS', 'EXT-X-TRTC-START-REC-TIME']

export function readMediaPlaylist(text: string): ReadPlaylist {
  const must = (holds: boolean, rule: string) => {
    if (!holds) throw new Error(`${rule}:\n${text}`)
  }
  must(!text.startsWith('\ufeff') && /^[\n\x20-\x7e]*$/.test(text), '4.1: UTF-8 without a byte order mark or control characters')
  const all = text.split('\n')
  must(all[0] === '#EXTM3U', '4.3.1.1: EXTM3U is the first line')
  must(all.at(-1) === '', '4.1: lines end')
  const seen = new Map<string, string>()
  const segments: ReadSegment[] = []
  let map: string | undefined
  let next: { seconds?: number; startMillis?: number; isGap?: boolean } = {}
  let discontinuities = 0
  const number = (name: string) => {
    const value = seen.get(name)!
    must(integer.test(value), `4.2: ${name} is a decimal integer`)
    return Number(value)
  }
  for (const line of all.slice(1, -1)) {
    const [, tag, value = ''] = /^#(EXT[A-Z0-9-]*)(?::(.*))?$/.exec(line) ?? []
    if (tag === undefined) {
      must(line !== '' && !line.startsWith('#') && !/\s/.test(line), '4.1: what is no tag is a URI')
      must(next.seconds !== undefined, '4.3.2.1: EXTINF stands before each segment')
      must(map !== undefined, '3.3: fragmented MP4 needs an EXT-X-MAP')
      must(next.startMillis !== undefined, 'a segment says its wall-clock time')
      const sequence = (seen.has('EXT-X-MEDIA-SEQUENCE') ? number('EXT-X-MEDIA-SEQUENCE') : 0) + segments.length
      const discontinuitySequence =
        discontinuities + (seen.has('EXT-X-DISCONTINUITY-SEQUENCE') ? number('EXT-X-DISCONTINUITY-SEQUENCE') : 0)
      const { seconds = 0, startMillis = 0, isGap = false } = next
      segments.push({ uri: line, map: map!, seconds, startMillis, sequence, discontinuitySequence, isGap })
      next = {}
    } else if (tag === 'EXTINF') {
      must(/^\d+(\.\d+)?,/.test(value), '4.3.2.1: EXTINF is a decimal number and a comma')
      next.seconds = Number.parseFloat(value)
    } else if (tag === 'EXT-X-MAP') {
      map = /^URI="([^"\s]+)"$/.exec(value)?.[1]
      must(map !== undefined, '4.3.2.5: EXT-X-MAP has a URI')
    } else if (tag === 'EXT-X-PROGRAM-DATE-TIME') {
      must(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value), '4.3.2.6: a date with a zone and milliseconds')
      next.startMillis = Date.parse(value)
    } else if (tag === 'EXT-X-DISCONTINUITY') discontinuities++
    else if (tag === 'EXT-X-GAP') next.isGap = true
    else {
      must(known.includes(tag), `${tag} is a tag of media playlists`)
      must(!seen.has(tag), `4.3.3: ${tag} stands once`)
      if (['EXT-X-MEDIA-SEQUENCE', 'EXT-X-DISCONTINUITY-SEQUENCE'].includes(tag)) {
        must(
          segments.length === 0 && discontinuities === 0,
          `4.3.3.2, 4.3.3.3: ${tag} stands before segments and discontinuities`,
        )
      }
      seen.set(tag, value)
    }
  }
  must(Object.keys(next).length === 0, 'a segment follows its tags')
  must(seen.has('EXT-X-TARGETDURATION'), '4.3.3.1: there is a target duration')
  const targetDuration = number('EXT-X-TARGETDURATION')
  const version = seen.has('EXT-X-VERSION') ? number('EXT-X-VERSION') : 1
  must(version >= 6, '7: EXT-X-MAP needs version 6')
  must(version >= 8 || segments.every(({ isGap }) => !isGap), 'rfc8216bis 8: EXT-X-GAP needs version 8')
  for (const { seconds } of segments)
    must(Math.round(seconds) <= targetDuration, '4.3.3.1: no segment is longer than the target duration')
  const type = seen.get('EXT-X-PLAYLIST-TYPE')
  must(type === undefined || type === 'EVENT' || type === 'VOD', '4.3.3.5: EVENT or VOD')
  for (const [at, segment] of segments.entries()) {
    const before = segments[at - 1]
    if (before === undefined || segment.discontinuitySequence !== before.discontinuitySequence) continue
    must(segment.map === before.map, '4.3.2.3: another file format follows a discontinuity')
    const gapMillis = segment.startMillis - before.startMillis - before.seconds * 1000
    must(Math.abs(gapMillis) < 2, 'without a discontinuity one segment begins where the other ends')
  }
  return { version, targetDuration, type, isEnded: seen.has('EXT-X-ENDLIST'), segments }
}

/** What may happen to a playlist while it goes on (6.2.1): throws where `later` is none that `earlier` may become. */
export function mayBecome(earlier: ReadPlaylist, later: ReadPlaylist): void {
  const must = (holds: boolean, rule: string) => {
    if (!holds) throw new Error(rule)
  }
  must(later.targetDuration === earlier.targetDuration, '6.2.1: the target duration stays')
  must(later.type === earlier.type, '6.2.1: the type stays')
  must(!earlier.isEnded || later.segments.length === earlier.segments.length, '4.3.3.4: nothing follows the end')
  const bySequence = new Map(later.segments.map((segment) => [segment.sequence, segment]))
  for (const segment of earlier.segments) {
    const same = bySequence.get(segment.sequence)
    if (same === undefined) must(earlier.type !== 'EVENT', '4.3.3.5: an event playlist loses nothing')
    else must(JSON.stringify(same) === JSON.stringify(segment), '6.2.1: a segment stays what it is')
  }
}
