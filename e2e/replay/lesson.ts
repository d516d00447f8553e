import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { embedRecording, type Manifest, type ManifestFile, type Replay, type TimelineEvent } from '@trtc-recorder/api'
import { buildTemplate } from '../../replay/template.ts'

const run = promisify(execFile)
const begin = Date.parse('2026-01-01T08:00:00.000Z')
export const iso = (second: number) => new Date(begin + second * 1000).toISOString()

/** A lesson of an hour as it would lie in a bucket, with small real files: two cameras, a shared screen, a voice alone, and two files that are none. */
export interface Lesson {
  /** Folder with the page, `replay.html`, and the files. */
  folder: string
  replay: Replay
}

export async function makeLesson(folder: string, seconds = 3600): Promise<Lesson> {
  const prefix = 'lessons/math/'
  const files: ManifestFile[] = [
    await makeFile(folder, `${prefix}alice.mp4`, 'alice', 'main', 0, seconds, ['testsrc', 440]),
    await makeFile(folder, `${prefix}bob.mp4`, 'bob', 'main', 12.345, seconds - 20, ['testsrc2', 550]),
    await makeFile(folder, `${prefix}alice-screen.mp4`, 'alice', 'aux', 30, seconds / 2, ['smptebars', undefined]),
    await makeFile(folder, `${prefix}carol.mp4`, 'carol', 'main', 5, seconds - 5, [undefined, 660]),
  ]
  await writeFile(join(folder, prefix, 'dave.mp4'), 'this is no media file'.repeat(100))
  const dave = { ...files[1]!, userId: 'dave', path: `${prefix}dave.mp4` }
  const erin = {
    ...files[1]!,
    userId: 'erin',
    path: `${prefix}erin.mp4`,
    url: '',
    status: 0 as const,
    message: 'writing to COS: the bucket is gone',
  }
  files.push(dave, erin)
  const event = (second: number, userId: string, what: TimelineEvent['event'], stream: 'main' | 'aux' = 'main') => ({
    ...{ time: iso(second), userId, stream, event: what },
  })
  const manifest: Manifest = {
    version: 1,
    recording: { namespace: 'school', name: 'math', uid: '5b1c1a52-3b0f-4a0e-9f0c-000000000001' },
    ...{
      sdkAppId: 1400000001,
      strRoomId: 'math',
      mode: '02',
      startTime: iso(0),
      endTime: iso(seconds),
      stopReason: 'RoomDismissed',
    },
    files,
    events: [
      ...['alice', 'bob', 'carol', 'dave', 'erin'].flatMap((userId, at) => [
        event(at * 4, userId, 'enter'),
        event(at * 4 + 0.2, userId, 'audioOn'),
      ]),
      ...[event(0.3, 'alice', 'videoOn'), event(12.4, 'bob', 'videoOn')],
      ...[event(seconds * 0.4, 'bob', 'videoOff'), event(seconds * 0.6, 'bob', 'videoOn')],
      ...[event(30, 'alice', 'videoOn', 'aux'), event(30 + seconds / 2, 'alice', 'videoOff', 'aux')],
    ],
    pauses: [{ from: iso(seconds * 0.7), to: iso(seconds * 0.72) }],
    clockSteps: [],
    losses: [],
    outputs: [],
    live: [],
    liveSound: [],
  }
  const speech = Array.from({ length: 60 }, (_, at) => {
    const userId = ['alice', 'bob', 'carol'][at % 3]!
    return { userId, start: begin + (at / 60) * seconds * 1000, end: begin + ((at + 0.8) / 60) * seconds * 1000 }
  })
  const replay: Replay = { version: 1, manifest, folder: prefix, speech }
  await writeFile(join(folder, prefix, 'replay.html'), embedRecording(await buildTemplate(), replay))
  const { name, uid } = manifest.recording
  const cue = '00:56:40.000 --> 00:59:00.000\n<v bob>That is all for today.\n'
  await writeFile(join(folder, prefix, `${name}_${uid}.transcript.vtt`), `WEBVTT\n\n${cue}`)
  return { folder: join(folder, prefix), replay }
}

async function makeFile(
  folder: string,
  path: string,
  userId: string,
  stream: 'main' | 'aux',
  from: number,
  seconds: number,
  [picture, hertz]: [string | undefined, number | undefined],
): Promise<ManifestFile> {
  const target = join(folder, path)
  await mkdir(dirname(target), { recursive: true })
  const work = await mkdtemp(join(folder, 'work-'))
  // A minute is encoded, and copied over and over: an hour costs no more.
  const loop = Math.min(60, seconds)
  const minute = join(work, 'minute.mp4')
  await run('ffmpeg', [
    ...['-v', 'error', '-nostdin'],
    ...(picture === undefined ? [] : ['-f', 'lavfi', '-i', `${picture}=size=320x180:rate=10:duration=${loop}`]),
    ...(hertz === undefined
      ? []
      : ['-f', 'lavfi', '-i', `sine=frequency=${hertz}:beep_factor=2:sample_rate=48000:duration=${loop}`]),
    ...(picture === undefined ? [] : ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '20', '-bf', '0', '-pix_fmt', 'yuv420p']),
    ...(hertz === undefined ? [] : ['-c:a', 'aac', '-b:a', '32k']),
    minute,
  ])
  const whole = join(work, 'whole.mp4')
  await run('ffmpeg', [
    ...['-v', 'error', '-nostdin', '-stream_loop', String(Math.ceil(seconds / loop)), '-i', minute],
    ...['-t', String(seconds), '-c', 'copy', '-movflags', '+faststart', whole],
  ])
  await rename(whole, target)
  return {
    ...{ userId, stream, part: 1, check: null, clockSource: 'arrival', clockErrorMs: 1, times: [], path },
    ...{ url: `https://recordings-1250000000.cos.ap-guangzhou.myqcloud.com/${path}`, status: 1, message: 'ok' },
    bytes: (await stat(target)).size,
    ...{
      durationSeconds: seconds,
      startTime: iso(from),
      endTime: iso(from + seconds),
      crc64: '0',
      attempt: 1,
      lostFrames: 0,
      lostSeconds: 0,
    },
    ...(picture === undefined ? {} : { video: { codec: 'avc1.42c01f', width: 320, height: 180 } }),
    ...(hertz === undefined ? {} : { audio: { codec: 'mp4a.40.2', sampleRate: 48_000, channels: 1 } }),
  }
}
