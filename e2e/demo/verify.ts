import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { RecordedFile, Recording, RecordingClip } from '@trtc-recorder/api'
import { callbackBody, type OutputKind, outputKinds } from '@trtc-recorder/api'
import { z } from 'zod'
import { identities } from '../../sandbox/src/identities.ts'
import type { SentSpan } from '../../sandbox/src/room/index.ts'
import { checkFile, expectationOfSent, expectedStreams, type Measures, readMedia } from '../media/index.ts'
import type { World } from '../system/world.ts'
import type { Collected } from './collect.ts'
import { type Actor, cast, recordings, roomId } from './story.ts'

/** A file, what its container holds, and how well it kept what was sent. */
export interface CheckedFile {
  file: RecordedFile
  codecs: string
  measures: Measures
}

export interface Verdict {
  /** Wrong: the demo has failed. */
  findings: string[]
  /** Not as good as on a machine with nothing else to do. */
  notes: string[]
  files: Record<string, CheckedFile[]>
}

/** Decodes every file and compares it with what the room says it sent. */
export async function verify(
  world: World,
  folder: string,
  finished: readonly Recording[],
  collected: Collected,
): Promise<Verdict> {
  const verdict: Verdict = { findings: [], notes: [], files: {} }
  const sent = new Map<string, SentSpan[]>()
  for (const userId of Object.keys(cast)) {
    sent.set(userId, await world.room.sent({ room: { sdkAppId: identities.trtc.sdkAppId, roomId }, userId }))
  }
  for (const recording of finished) {
    const { name } = recording.metadata
    verdict.findings.push(...checkRecording(recording, collected))
    verdict.files[name] = []
    for (const file of recording.status?.files ?? []) {
      const media = await readMedia(join(folder, file.path))
      const { video, audio } = cast[file.userId as Actor] ?? { video: true, audio: true }
      const { findings, measures } = checkFile(media, {
        ...expectationOfSent(sent.get(file.userId) ?? [], file),
        userId: file.userId,
        stream: file.stream,
        mode: recording.spec.mode,
        published: { video, audio },
        startTime: new Date(file.startTime),
        durationSeconds: { atLeast: file.durationSeconds - 0.5, atMost: file.durationSeconds + 0.5 },
      })
      for (const { check, message } of findings) {
        // Whose picture and sound it is never depends on how busy the machine is; lost and late packets do.
        const isFatal = check === 'identity' || check === 'decoding' || check === 'format' || check === 'duration'
        ;(isFatal ? verdict.findings : verdict.notes).push(`${name}: ${file.userId}'s ${file.path}: ${check}: ${message}`)
      }
      verdict.files[name].push({ file, codecs: media.streams.map((stream) => stream.codec).join(' + '), measures })
    }
  }
  for (const recording of finished) verdict.findings.push(...(await checkMade(folder, recording)))
  for (const clip of collected.clips) {
    verdict.findings.push(...checkClip(clip))
    for (const { path, durationSeconds } of clip.status?.files ?? []) {
      const { streams, frames } = await readMedia(join(folder, path))
      const isMoving = streams.some(({ kind }) => kind === 'video')
      if (isMoving && frames.length < durationSeconds * 10)
        verdict.findings.push(`${clip.metadata.name}: ${path} has only ${frames.length} pictures`)
    }
  }
  return verdict
}

/** What is made of a recording and can be played: ffmpeg decodes it to its end, and it is as long as it says. What Paella Player is told of is there. */
export async function checkMade(folder: string, { metadata: { name }, status }: Recording): Promise<string[]> {
  const findings: string[] = []
  for (const { kind, path, status: isStored, durationSeconds } of status?.outputs ?? []) {
    if (isStored !== 1) continue
    if (durationSeconds !== undefined) {
      const media = await readMedia(join(folder, path))
      if (media.decodeErrors.length > 0) findings.push(`${name}: its ${kind} ${path} cannot be decoded: ${media.decodeErrors[0]}`)
      if (Math.abs(media.durationSeconds - durationSeconds) > 0.5)
        findings.push(`${name}: its ${kind} ${path} is ${media.durationSeconds} s long, not ${durationSeconds}`)
      if (path.endsWith('.mix.mp4') && !(media.frames.length > durationSeconds * 10 && media.sound !== undefined))
        findings.push(`${name}: its mix has ${media.frames.length} pictures, and ${media.sound === undefined ? 'no' : 'a'} sound`)
    }
    if (!path.endsWith('/data.json')) continue
    const { streams } = paellaSchema.parse(JSON.parse(await readFile(join(folder, path), 'utf8')))
    const sources = streams.flatMap(({ sources }) => Object.values(sources).flat())
    if (sources.length === 0) findings.push(`${name}: there is nothing in ${path}`)
    for (const { src } of sources)
      if (!existsSync(join(folder, dirname(path), decodeURIComponent(src))))
        findings.push(`${name}: ${path} names ${src}, which is not there`)
  }
  return findings
}

/** As far as it names what is played. */
const paellaSchema = z.object({
  streams: z.array(z.object({ sources: z.record(z.string(), z.array(z.object({ src: z.string() }))) })),
})

function checkClip({ metadata: { name }, status }: RecordingClip): string[] {
  const files = status?.files ?? []
  if (files.length === 0) return [`${name}: there is no file of it`]
  return files.filter((file) => file.status !== 1).map(({ path, message }) => `${name}: ${path}: ${message}`)
}

/** What is made while it records. */
function checkLive({ metadata: { name }, spec, status }: Recording): string[] {
  return Object.keys(spec.live ?? {}).flatMap((part) => {
    const counts = status?.live?.find((one) => one.part === part)
    if (counts === undefined || counts.stored === 0) return [`${name}: there are no ${part}`]
    return counts.lost === 0 && counts.waiting === 0
      ? []
      : [`${name}: of its ${part} ${counts.lost} are lost and ${counts.waiting} wait`]
  })
}

/** What can be said of a Recording without opening its files. */
export function checkRecording({ metadata, spec, status }: Recording, { callbacks }: Pick<Collected, 'callbacks'>): string[] {
  const { name } = metadata
  const findings: string[] = []
  const files = status?.files ?? []
  const wanted = recordings.find((recording) => recording.name === name)?.stopReason
  if (status?.stopReason !== wanted) findings.push(`${name}: it stopped because of ${status?.stopReason}, not ${wanted}`)
  for (const [userId, { times, ...published }] of Object.entries(cast)) {
    const streams = expectedStreams({ userId, mode: spec.mode, published, framesPerSecond: 1, framesInLoop: 1 })
    const expected = streams.video === undefined && streams.audio === undefined ? 0 : times
    const found = files.filter((file) => file.userId === userId).length
    if (found !== expected) findings.push(`${name}: ${userId} has ${found} files, not ${expected}`)
  }
  for (const file of files) {
    if (!(file.userId in cast)) findings.push(`${name}: there is a file of ${file.userId}, who was not in the room`)
    if (file.status !== 1) findings.push(`${name}: ${file.path} has status ${file.status}: ${file.message}`)
  }
  const asked = (Object.keys(outputKinds) as OutputKind[]).filter((kind) => spec.outputs[kind])
  for (const kind of asked) {
    const made = status?.outputs?.filter((output) => output.kind === kind) ?? []
    if (made.length === 0) findings.push(`${name}: its ${kind} is not stored: nobody made it`)
    for (const { message, missing, ...output } of made) {
      if (output.status !== 1) findings.push(`${name}: its ${kind} is not stored: ${message}`)
      else if (missing !== undefined) findings.push(`${name}: its ${kind} is not whole: ${message}`)
    }
  }
  findings.push(...checkLive({ metadata, spec, status } as Recording))
  const arrived = callbacks[name] ?? []
  if (arrived.length !== 1) findings.push(`${name}: ${arrived.length} callbacks arrived, not 1`)
  for (const callback of arrived) {
    if (callback.signature !== 'valid') findings.push(`${name}: the callback's signature is ${callback.signature}`)
    if (callback.body !== JSON.stringify(callbackBody(spec, files)))
      findings.push(`${name}: the callback's body is not that of its status: ${callback.body}`)
  }
  return findings
}
