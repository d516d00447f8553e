import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { matchesPattern, outputKey, type RecorderJob, type SoundFormat, userOutputKey } from '@trtc-recorder/api'
import { encodeFlac, encodeMp3 } from './encode-pcm.ts'
import { type MeansNobody, type Missing, nothingLeft } from './missing.ts'
import { encodeMix } from './mix-picture.ts'
import type { Made, Output } from './output.ts'
import { PcmFile } from './pcm-file.ts'
import type { Speakers } from './speakers.ts'
import { rttm, webVtt } from './speech.ts'
import { type PcmFormat, wavHead } from './wav.ts'

export interface SoundOutputOptions {
  job: RecorderJob
  /** Where the media of the files lies. */
  mediaDirectory: string
  /** Folder on the volume where what is long is made. */
  directory: string
  ffmpegPath: string
  deadline: number
}

const wav = 'audio/wav'

const oneVoice: PcmFormat = { channels: 1, rate: 16_000 }

/** The sound of each user who was heard. Of nobody, what says so. */
export function audio16kOutputs(users: readonly string[], format: SoundFormat, options: SoundOutputOptions): Output[] {
  if (users.length > 0) return users.map((userId) => audio16kOutput(userId, format, options))
  const path = outputKey(options.job, `16k.${format === 'Wav' ? 'wav' : 'flac'}`)
  return [{ ...{ kind: 'audio16k', path, contentType: wav }, make: () => Promise.reject(new Error(nobodyHeard)) }]
}

const nobodyHeard = 'nobody was heard in this recording'

function audio16kOutput(userId: string, format: SoundFormat, options: SoundOutputOptions): Output {
  switch (format) {
    case 'Wav': {
      const path = userOutputKey(options.job, userId, '16k.wav')
      return {
        ...{ kind: 'audio16k', userId, path, contentType: wav },
        make: ({ speakers }) => makeWav(speakers, [[userId]], oneVoice, bodyOf(options.directory, path)),
      }
    }
    case 'Flac': {
      const path = userOutputKey(options.job, userId, '16k.flac')
      return {
        ...{ kind: 'audio16k', userId, path, contentType: 'audio/flac' },
        make: ({ speakers }) => makeEncoded(speakers, [userId], oneVoice, { ...options, path, encode: encodeFlac }),
      }
    }
  }
}

/** Left and right, each by its patterns. Silent on one side where nobody is meant by it; not made where nobody is meant at all. */
export function pairOutput({ job, directory }: SoundOutputOptions): Output[] {
  const { pair } = job.spec.outputs
  if (pair === undefined) return []
  const path = outputKey(job, 'pair.wav')
  return [
    {
      ...{ kind: 'pair', path, contentType: wav },
      async make({ speakers }) {
        if (speakers.users.length === 0) throw new Error(nobodyHeard)
        const sides = sidesOf(pair, speakers.users)
        const meansNobody = emptySides.filter((_, side) => sides[side]!.length === 0)
        if (meansNobody.length === 2) throw new Error('spec.outputs.pair means nobody whose sound was recorded')
        const made = await makeWav(speakers, sides, { channels: 2, rate: pair.sampleRate }, bodyOf(directory, path))
        return { ...made, meansNobody }
      },
    },
  ]
}

const emptySides: readonly MeansNobody[] = [
  {
    field: 'spec.outputs.pair.left',
    why: 'spec.outputs.pair.left means nobody whose sound was recorded, so the left side is silent',
  },
  {
    field: 'spec.outputs.pair.right',
    why: 'spec.outputs.pair.right means nobody whose sound was recorded and who is not on the left, so the right side is silent',
  },
]

/** Nobody is on both sides: the left one comes first. Pure. */
export function sidesOf({ left, right }: Pair, users: readonly string[]): [left: string[], right: string[]] {
  const meant = (patterns: readonly string[]) => (userId: string) => patterns.some((pattern) => matchesPattern(pattern, userId))
  const onLeft = users.filter(meant(left))
  return [onLeft, users.filter((userId) => !onLeft.includes(userId)).filter(meant(right))]
}

type Pair = Pick<NonNullable<RecorderJob['spec']['outputs']['pair']>, 'left' | 'right'>

/** Who spoke when, in two forms. */
export function speechOutputs({ job }: SoundOutputOptions): Output[] {
  if (!job.spec.outputs.speech) return []
  const rttmPath = outputKey(job, 'speech.rttm')
  const file = rttmPath
    .split('/')
    .at(-1)!
    .replace(/\.speech\.rttm$/, '')
  const text = (data: string, missing: readonly Missing[]): Made => ({ is: 'inMemory', data: Buffer.from(data), missing })
  return [
    {
      ...{ kind: 'speech', path: outputKey(job, 'speech.vtt'), contentType: 'text/vtt; charset=utf-8' },
      async make({ speakers }) {
        const { speech, missing } = await speakers.speech()
        return text(webVtt(speech, speakers.zeroMillis, missing), missing)
      },
    },
    {
      ...{ kind: 'speech', path: rttmPath, contentType: 'text/plain; charset=utf-8' },
      // Its readers know no line for what is missing: they would take it for somebody who speaks.
      async make({ speakers }) {
        const { speech, missing } = await speakers.speech()
        return text(rttm(speech, speakers.zeroMillis, file), missing)
      },
    },
  ]
}

const everybody: PcmFormat = { channels: 1, rate: 48_000 }

/** Everybody in one file. */
export function mixOutput(options: SoundOutputOptions): Output[] {
  const { job } = options
  const { mix, mixFormat } = job.spec.outputs
  if (!mix) return []
  switch (mixFormat) {
    case 'Mp3':
      return [soundOfAll('mix', outputKey(job, 'mix.mp3'), options)]
    case 'Mp4':
      return [picturesOfAll(outputKey(job, 'mix.mp4'), options)]
  }
}

function picturesOfAll(path: string, options: SoundOutputOptions): Output {
  const { directory } = options
  return {
    ...{ kind: 'mix', path, contentType: 'video/mp4' },
    async make({ manifest, speakers, onDone }) {
      const pcm = bodyOf(directory, `${path}.pcm`)
      const bodyPath = bodyOf(directory, path)
      try {
        const { isHeard, missing: unheard } = await writePcm(speakers, [speakers.users], everybody, pcm)
        const sound = isHeard ? { path: pcm, format: everybody } : undefined
        const { bytes: bodyBytes, missing: unseen } = await encodeMix(bodyPath, {
          ...options,
          manifest,
          startTime: speakers.startTime,
          seconds: speakers.seconds,
          sound,
          onDone,
        })
        const missing = [...unheard, ...unseen]
        return { is: 'onVolume', head: new Uint8Array(), bodyPath, bodyBytes, missing, ...timesOf(speakers) }
      } finally {
        await rm(pcm, { force: true })
      }
    },
  }
}

/** The MP3 with everybody in it, for whatever it is. */
export function soundOfAll(kind: Output['kind'], path: string, options: SoundOutputOptions): Output {
  return {
    ...{ kind, path, contentType: 'audio/mpeg' },
    async make({ speakers }) {
      if (speakers.users.length === 0) throw new Error(nobodyHeard)
      return makeEncoded(speakers, speakers.users, everybody, { ...options, path, encode: encodeMp3 })
    },
  }
}

/** Of one channel, by way of PCM on the volume. */
async function makeEncoded(
  speakers: Speakers,
  users: readonly string[],
  format: PcmFormat,
  { path, encode, directory, ffmpegPath, deadline }: SoundOutputOptions & { path: string; encode: typeof encodeMp3 },
): Promise<Made> {
  const pcm = bodyOf(directory, `${path}.pcm`)
  try {
    const { isHeard, missing } = await writePcm(speakers, [users], format, pcm)
    if (!isHeard && missing.length > 0) throw nothingLeft(missing)
    const bodyPath = bodyOf(directory, path)
    const bodyBytes = await encode(pcm, bodyPath, format, { ffmpegPath, deadline })
    return { is: 'onVolume', head: new Uint8Array(), bodyPath, bodyBytes, missing, ...timesOf(speakers) }
  } finally {
    await rm(pcm, { force: true })
  }
}

async function makeWav(
  speakers: Speakers,
  sides: readonly (readonly string[])[],
  format: PcmFormat,
  bodyPath: string,
): Promise<Made> {
  const { bytes: bodyBytes, isHeard, missing } = await writePcm(speakers, sides, format, bodyPath)
  if (!isHeard && missing.length > 0) throw nothingLeft(missing)
  return { is: 'onVolume', head: wavHead(format, bodyBytes), bodyPath, bodyBytes, missing, ...timesOf(speakers) }
}

interface WrittenPcm {
  bytes: number
  /** There was something of somebody. */
  isHeard: boolean
  missing: Missing[]
}

/** A channel for each of the sides, user after user: one is decoded at a time. What of them is missing is silent. */
async function writePcm(
  speakers: Speakers,
  sides: readonly (readonly string[])[],
  format: PcmFormat,
  path: string,
): Promise<WrittenPcm> {
  const missing: Missing[] = []
  let isHeard = false
  const pcm = await PcmFile.create(path, format, speakers.samples(format.rate))
  try {
    for (const [channel, users] of sides.entries()) {
      for (const userId of users) {
        for await (const sound of speakers.sound(userId, format.rate, missing)) {
          isHeard = true
          await pcm.add(channel, sound)
        }
      }
    }
    return { bytes: pcm.bytes, isHeard, missing }
  } finally {
    await pcm.close()
  }
}

const timesOf = ({ startTime, seconds }: Speakers) => ({ startTime, durationSeconds: seconds })

const bodyOf = (directory: string, key: string) => join(directory, key.split('/').at(-1)!)
