/** Playlists of HTTP Live Streaming (RFC 8216). Texts only; pure. */

export const contentTypes = { playlist: 'application/vnd.apple.mpegurl', video: 'video/mp4', audio: 'audio/mp4' } as const

/** As a playlist names it. */
export interface ListedSegment {
  uri: string
  /** Its initialisation section. */
  map: string
  seconds: number
  /** Wall-clock time of its first instant, in microseconds. */
  startMicros: number
  /** How often what comes became another before it, since the segment before: the pictures, or those beside it, are of another configuration, or another attempt made it. */
  changes: number
  /** It is not there, and never will be. */
  isMissing: boolean
}

export interface MediaPlaylist {
  /** `Event`: everything from the beginning on. `Live`: what is recent. */
  type: 'Event' | 'Live'
  /** Each segment is as long at most, rounded; never changes. */
  targetDurationSeconds: number
  segments: readonly ListedSegment[]
  /** How often pictures had become others before the first segment. */
  changesBefore: number
  /** No more will come. */
  isEnded: boolean
}

/** A client may be three target durations behind the end (RFC 8216, 6.2.2); so many more are for those that were slow. */
const windowDurations = 6

/** Version 8 for EXT-X-GAP (rfc8216bis), which says of a segment that it is not there; else 7. */
export function mediaPlaylist({ type, targetDurationSeconds, segments, changesBefore, isEnded }: MediaPlaylist): string {
  const first = type === 'Event' ? 0 : windowStart(segments, targetDurationSeconds)
  const listed = segments.slice(first)
  const gone = changesBefore + changesIn(segments.slice(0, first))
  const [start] = segments
  let map: string | undefined
  return lines(
    '#EXTM3U',
    `#EXT-X-VERSION:${listed.some(({ isMissing }) => isMissing) ? 8 : 7}`,
    `#EXT-X-TARGETDURATION:${targetDurationSeconds}`,
    `#EXT-X-MEDIA-SEQUENCE:${first}`,
    ...(gone > 0 ? [`#EXT-X-DISCONTINUITY-SEQUENCE:${gone}`] : []),
    ...(type === 'Event' ? ['#EXT-X-PLAYLIST-TYPE:EVENT'] : []),
    '#EXT-X-INDEPENDENT-SEGMENTS',
    // Tencent's own recordings say so when they began, and tools for those read it.
    ...(start === undefined ? [] : [`#EXT-X-TRTC-START-REC-TIME:${Math.round(start.startMicros / 1000)}`]),
    ...listed.flatMap((segment) => {
      const isOtherMap = segment.map !== map
      map = segment.map
      return [
        ...Array.from({ length: segment.changes }, () => '#EXT-X-DISCONTINUITY'),
        ...(isOtherMap ? [`#EXT-X-MAP:URI="${segment.map}"`] : []),
        `#EXT-X-PROGRAM-DATE-TIME:${new Date(segment.startMicros / 1000).toISOString()}`,
        ...(segment.isMissing ? ['#EXT-X-GAP'] : []),
        `#EXTINF:${segment.seconds.toFixed(6)},`,
        segment.uri,
      ]
    }),
    ...(isEnded ? ['#EXT-X-ENDLIST'] : []),
  )
}

export const changesIn = (segments: readonly ListedSegment[]) => segments.reduce((sum, { changes }) => sum + changes, 0)

function windowStart(segments: readonly ListedSegment[], targetDurationSeconds: number): number {
  let seconds = 0
  let at = segments.length
  while (at > 0 && seconds < windowDurations * targetDurationSeconds) seconds += segments[--at]!.seconds
  return at
}

export interface MultivariantPlaylist {
  video?: { uri: string; codec: string; width: number; height: number }
  audio?: { uri: string; codec: string }
  /** Of the segment with the most of them, in bits a second. */
  peakBitRate: number
}

export function multivariantPlaylist({ video, audio, peakBitRate }: MultivariantPlaylist): string {
  const codecs = [video?.codec, audio?.codec].filter((codec) => codec !== undefined).join(',')
  const attributes = [`BANDWIDTH=${Math.ceil(peakBitRate)}`, `CODECS="${codecs}"`]
  if (video !== undefined) attributes.push(`RESOLUTION=${video.width}x${video.height}`)
  const isApart = video !== undefined && audio !== undefined
  if (isApart) attributes.push('AUDIO="sound"')
  return lines(
    ...['#EXTM3U', '#EXT-X-VERSION:7', '#EXT-X-INDEPENDENT-SEGMENTS'],
    ...(isApart
      ? [`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="${audio.uri}"`]
      : []),
    `#EXT-X-STREAM-INF:${attributes.join(',')}`,
    video?.uri ?? audio?.uri ?? '',
  )
}

const lines = (...all: string[]) => `${all.join('\n')}\n`
