import type { Expectation, Finding } from './expectation.ts'
import type { Media } from './read-media.ts'

/** The streams that a mode must give for what a user published. */
export function expectedStreams({
  mode,
  stream = 'main',
  published = { video: true, audio: stream === 'main' },
  audioCodec = 'AAC',
}: Expectation) {
  switch (mode) {
    case '00':
      return { container: 'mp3', video: undefined, audio: published.audio ? 'mp3' : undefined }
    case '01':
      return { container: 'mp4', video: published.video ? 'h264' : undefined, audio: undefined }
    case '02':
      return {
        container: 'mp4',
        video: published.video ? 'h264' : undefined,
        audio: published.audio ? audioCodec.toLowerCase() : undefined,
      }
  }
}

/** The container and the streams are those of the mode; an MP4 has its head in front and is not fragmented. */
export function checkFormat(media: Media, expected: Expectation): Finding[] {
  const wanted = expectedStreams(expected)
  const findings: Finding[] = []
  const complain = (message: string) => findings.push({ check: 'format', message })
  const container = media.container === 'mp3' ? 'mp3' : media.container.split(',').includes('mp4') ? 'mp4' : media.container
  if (container !== wanted.container) complain(`is ${container}, not ${wanted.container} as mode ${expected.mode} asks`)
  for (const kind of ['video', 'audio'] as const) {
    const found = media.streams.filter((stream) => stream.kind === kind).map((stream) => stream.codec)
    const want = wanted[kind] === undefined ? [] : [wanted[kind]]
    if (found.join() !== want.join()) {
      complain(`has ${kind} [${found.join(', ')}], not [${want.join(', ')}] as mode ${expected.mode} asks`)
    }
  }
  const others = media.streams.filter((stream) => stream.kind === 'other')
  if (others.length > 0) complain(`has ${others.length} streams that are neither video nor audio`)
  if (container === 'mp4') {
    if (media.boxes.includes('moof')) complain('is a fragmented MP4')
    const [moov, mdat] = [media.boxes.indexOf('moov'), media.boxes.indexOf('mdat')]
    if (moov === -1 || (mdat !== -1 && moov > mdat)) complain(`does not have its moov box in front: ${media.boxes.join(' ')}`)
  }
  return findings
}

/** ffmpeg has nothing to complain of, and every packet gives a picture. */
export function checkDecoding(media: Media): Finding[] {
  const findings: Finding[] = media.decodeErrors.map((error) => ({ check: 'decoding', message: `ffmpeg says: ${error}` }))
  const video = media.streams.find((stream) => stream.kind === 'video')
  if (video !== undefined && media.frames.length !== video.packets) {
    findings.push({ check: 'decoding', message: `${video.packets} video packets decode to ${media.frames.length} pictures` })
  }
  return findings
}

export function checkDuration(media: Media, { durationSeconds }: Expectation): Finding[] {
  if (durationSeconds === undefined) return []
  const { atLeast, atMost } = durationSeconds
  if (media.durationSeconds >= atLeast && media.durationSeconds <= atMost) return []
  const message = `lasts ${media.durationSeconds.toFixed(2)} s, not ${atLeast.toFixed(2)} to ${atMost.toFixed(2)} s`
  return [{ check: 'duration', message }]
}
