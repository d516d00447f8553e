import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { matchesPattern, outputKey, type RecorderJob, userOutputKey } from '@trtc-recorder/api'
import { encodeMp3 } from './encode-mp3.ts'
import type { Made, Output } from './output.ts'
import { PcmFile } from './pcm-file.ts'
import type { Speakers } from './speakers.ts'
import { rttm, webVtt } from './speech.ts'
import { type PcmFormat, wavHead } from './wav.ts'

export interface SoundOutputOptions {
  job: RecorderJob
  /** Folder on the volume where what is long is made. */
  directory: string
  ffmpegPath: string
  deadline: Date
}

const wav = 'audio/wav'

/** One WAV of each user. */
export const audio16kOutputs = (users: readonly string[], { job, directory }: SoundOutputOptions): Output[] =>
  users.map((userId) => {
    const path = userOutputKey(job, userId, '16k.wav')
    return {
      ...{ kind: 'audio16k', userId, path, contentType: wav },
      make: ({ speakers }) => makeWav(speakers, [[userId]], { channels: 1, rate: 16_000 }, bodyOf(directory, path)),
    }
  })

/** Left and right, each by its patterns. */
export function pairOutput({ job, directory }: SoundOutputOptions): Output[] {
  const { pair } = job.spec.outputs
  if (pair === undefined) return []
  const path = outputKey(job, 'pair.wav')
  return [
    {
      ...{ kind: 'pair', path, contentType: wav },
      async make({ speakers }) {
        const sides = [pair.left, pair.right].map((patterns) =>
          speakers.users.filter((userId) => patterns.some((pattern) => matchesPattern(pattern, userId))),
        )
        for (const [n, name] of ['left', 'right'].entries()) {
          if (sides[n]!.length === 0) throw new Error(`nobody whose sound was recorded is meant by spec.outputs.pair.${name}`)
        }
        return makeWav(speakers, sides, { channels: 2, rate: pair.sampleRate }, bodyOf(directory, path))
      },
    },
  ]
}

/** Who spoke when, in two forms. */
export function speechOutputs({ job }: SoundOutputOptions): Output[] {
  if (!job.spec.outputs.speech) return []
  const rttmPath = outputKey(job, 'speech.rttm')
  const file = rttmPath
    .split('/')
    .at(-1)!
    .replace(/\.speech\.rttm$/, '')
  const text = (data: string): Made => ({ is: 'inMemory', data: Buffer.from(data) })
  return [
    {
      ...{ kind: 'speech', path: outputKey(job, 'speech.vtt'), contentType: 'text/vtt; charset=utf-8' },
      make: async ({ speakers }) => text(webVtt(await speakers.speech(), speakers.zeroMillis)),
    },
    {
      ...{ kind: 'speech', path: rttmPath, contentType: 'text/plain; charset=utf-8' },
      make: async ({ speakers }) => text(rttm(await speakers.speech(), speakers.zeroMillis, file)),
    },
  ]
}

const mixFormat: PcmFormat = { channels: 1, rate: 48_000 }

/** Everybody in one MP3. */
export function mixOutput({ job, directory, ffmpegPath, deadline }: SoundOutputOptions): Output[] {
  if (!job.spec.outputs.mix) return []
  const path = outputKey(job, 'mix.mp3')
  return [
    {
      ...{ kind: 'mix', path, contentType: 'audio/mpeg' },
      async make({ speakers }) {
        const pcm = bodyOf(directory, `${path}.pcm`)
        try {
          await writePcm(speakers, [speakers.users], mixFormat, pcm)
          const bodyPath = bodyOf(directory, path)
          const bodyBytes = await encodeMp3(pcm, bodyPath, mixFormat, { ffmpegPath, deadline })
          return { is: 'onVolume', head: new Uint8Array(), bodyPath, bodyBytes, ...timesOf(speakers) }
        } finally {
          await rm(pcm, { force: true })
        }
      },
    },
  ]
}

async function makeWav(
  speakers: Speakers,
  sides: readonly (readonly string[])[],
  format: PcmFormat,
  bodyPath: string,
): Promise<Made> {
  const bodyBytes = await writePcm(speakers, sides, format, bodyPath)
  return { is: 'onVolume', head: wavHead(format, bodyBytes), bodyPath, bodyBytes, ...timesOf(speakers) }
}

/** A channel for each of the sides, user after user: one is decoded at a time. */
async function writePcm(
  speakers: Speakers,
  sides: readonly (readonly string[])[],
  format: PcmFormat,
  path: string,
): Promise<number> {
  const pcm = await PcmFile.create(path, format, speakers.samples(format.rate))
  try {
    for (const [channel, users] of sides.entries()) {
      for (const userId of users) {
        for await (const sound of speakers.sound(userId, format.rate)) await pcm.add(channel, sound)
      }
    }
    return pcm.bytes
  } finally {
    await pcm.close()
  }
}

const timesOf = ({ startTime, seconds }: Speakers) => ({ startTime, durationSeconds: seconds })

const bodyOf = (directory: string, key: string) => join(directory, key.split('/').at(-1)!)
