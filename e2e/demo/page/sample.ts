import { mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Manifest, ManifestFile, Mode, StopReason, TimelineEvent } from '@trtc-recorder/api'
import { makeFile } from '../../media/generator.ts'
import type { DemoPageInput } from './page.ts'
import { demoPage } from './page.ts'

const begin = Date.parse('2026-01-01T10:00:03.200Z')
const iso = (second: number) => new Date(begin + second * 1000).toISOString()

/** One file of the sample: who, from when to when (seconds), and when the camera was muted in it. */
type Part = [userId: string, from: number, to: number, muted?: [number, number] | undefined]

/** A demo as it would have gone, with small real files, so that the page can be made and tried without a cluster. */
export async function writeSample(folder: string): Promise<DemoPageInput> {
  const everyone: Part[] = [
    ['alice', 0, 14],
    ['bob', 0.4, 8, [3, 5.5]],
    ['bob', 10, 14],
    ['carol', 1, 14],
  ]
  const cut = (end: number) => everyone.map(([userId, from, to, muted]) => [userId, from, Math.min(to, end), muted] as Part)
  const manifests: Record<string, Manifest> = {
    'lesson-video-and-audio': await record(folder, 'lesson-video-and-audio', '02', 'RemovedByApi', 13, cut(13)),
    'lesson-audio': await record(folder, 'lesson-audio', '00', 'RoomDismissed', 14, cut(14)),
    'lesson-video': await record(
      folder,
      'lesson-video',
      '01',
      'StopRequested',
      12,
      cut(12).filter(([userId]) => userId !== 'carol'),
    ),
  }
  const input: DemoPageInput = {
    room: '43474',
    summary: {
      recordings: Object.entries(manifests).map(([name, { mode, stopReason, files }]) => ({
        name,
        mode,
        stopReason,
        files: files.map(({ userId, stream, path, url, bytes, durationSeconds }) => ({
          userId,
          stream,
          path,
          url,
          bytes,
          durationSeconds,
        })),
        callback: { id: name, state: 'Delivered', attempts: 1, dueSince: iso(15), deliveredTime: iso(15) },
        timings: { applyToStartedMs: 2140, stopToStoredMs: 812, stopToCallbackMs: 1070 },
      })),
    },
    manifests,
    excluded: Object.fromEntries(Object.keys(manifests).map((name) => [name, ['dave']])),
    links: Object.fromEntries(
      Object.keys(manifests).map((name) => [name, [{ label: 'Recording as YAML', href: `${name}.yaml` }]]),
    ),
    callbackBodies: Object.fromEntries(
      Object.keys(manifests).map((name) => [
        name,
        { SdkAppId: '1400000001', RoomId: '43474', UserId: name, StrRoomId: '', Files: [] },
      ]),
    ),
  }
  await writeFile(join(folder, 'index.html'), demoPage(input))
  return input
}

async function record(
  folder: string,
  name: string,
  mode: Mode,
  stopReason: StopReason,
  end: number,
  parts: readonly Part[],
): Promise<Manifest> {
  const files: ManifestFile[] = []
  const events: TimelineEvent[] = []
  for (const [userId, from, to, muted] of parts) {
    const camera = userId !== 'carol'
    const event = (second: number, what: TimelineEvent['event']) =>
      events.push({ time: iso(second), userId, stream: 'main', event: what })
    event(from, 'enter')
    if (mode !== '01') event(from + 0.05, 'audioOn')
    if (mode !== '00' && camera) {
      event(from + 0.1, 'videoOn')
      if (muted) for (const [index, second] of muted.entries()) event(second, index === 0 ? 'videoOff' : 'videoOn')
    }
    if (to < end) event(to, 'leave')
    files.push(await recordPart(folder, mode, [userId, from, to, muted]))
  }
  return {
    version: 1,
    recording: { namespace: 'demo', name, uid: '' },
    sdkAppId: 1400000001,
    roomId: 43474,
    mode,
    startTime: iso(-0.6),
    endTime: iso(end),
    stopReason,
    files,
    events,
    pauses: [],
    clockSteps: [],
    losses: [],
    outputs: [],
    live: [],
    liveSound: [],
  }
}

async function recordPart(folder: string, mode: Mode, [userId, from, to, muted]: Part): Promise<ManifestFile> {
  const video = mode !== '00' && userId !== 'carol'
  const key = `lessons/1400000001_43474_${userId}_main_${mode}${from * 1000}.${mode === '00' ? 'mp3' : 'mp4'}`
  const path = join(folder, key)
  await mkdir(dirname(path), { recursive: true })
  const isMuted = (tick: number) => muted !== undefined && from + tick / 15 > muted[0] && from + tick / 15 < muted[1]
  await makeFile(path, {
    userId,
    mode,
    seconds: to - from,
    framesPerSecond: 15,
    noVideo: !video,
    numberAt: (tick) => (isMuted(tick) ? undefined : tick),
  })
  return {
    userId,
    stream: 'main',
    part: 1,
    check: null,
    clockSource: 'arrival',
    clockErrorMs: 0,
    times: [],
    path: key,
    url: `http://127.0.0.1:18446/recordings-1250000000/${key}`,
    status: 1,
    message: 'ok',
    bytes: (await stat(path)).size,
    durationSeconds: to - from,
    startTime: iso(from),
    endTime: iso(to),
    crc64: '0',
    attempt: 1,
    lostFrames: 0,
    lostSeconds: 0,
    ...(video ? { video: { codec: 'avc1.42c01f', width: 320, height: 64 } } : {}),
    ...(mode === '01' ? {} : { audio: { codec: mode === '00' ? 'mp3' : 'mp4a.40.2', sampleRate: 48_000, channels: 1 } }),
  }
}
