import { join } from 'node:path'
import {
  type Manifest,
  type ManifestFile,
  outputKey,
  type RecordedOutput,
  type RecorderJob,
  type Stream,
  userOutputKey,
} from '@trtc-recorder/api'
import type { Missing } from './missing.ts'
import type { Output } from './output.ts'
import { paellaManifest, paellaPreview } from './paella.ts'
import { type SoundOutputOptions, soundOfAll } from './sound-outputs.ts'
import { filesOf, streamPictures } from './stream-pictures.ts'

/** Beside `data.json`. */
const previewName = 'preview.svg'

/**
 * What Paella Player opens: a folder, as its repositories have one for each video, with the pictures of each stream, the sound of everybody, and `data.json` at last, which
 * names what of it is in COS. The player knows no beginnings and hears one stream alone, so all are as long as the recording, and the sound is a mix.
 */
export function paellaOutputs(manifest: Manifest, isHeard: boolean, options: SoundOutputOptions): Output[] {
  const { job, directory, mediaDirectory } = options
  if (!job.spec.outputs.paella) return []
  const kind = 'paella' as const
  const previewPath = keyOf(job, previewName)
  const streams = streamsOf(manifest).map((one) => ({ ...one, path: keyOf(job, nameOf(job, one)) }))
  const pictures = streams.map(
    ({ userId, path, files }): Output => ({
      ...{ kind, userId, path, contentType: 'video/mp4' },
      make: ({ speakers: { startTime, seconds } }) =>
        streamPictures(files, { mediaDirectory, joinedPath: join(directory, path.split('/').at(-1)!), startTime, seconds }),
    }),
  )
  // A mix that is made anyhow is the same.
  const { mix, mixFormat } = job.spec.outputs
  const isMixed = mix && mixFormat === 'Mp3'
  const soundPath = isMixed ? outputKey(job, 'mix.mp3') : keyOf(job, 'sound.mp3')
  const sound = isHeard && !isMixed ? [soundOfAll(kind, soundPath, options)] : []
  const preview: Output = {
    ...{ kind, path: previewPath, contentType: 'image/svg+xml' },
    make: async () => ({ is: 'inMemory', data: Buffer.from(paellaPreview(job.recording.name)) }),
  }
  const data: Output = {
    ...{ kind, path: keyOf(job, 'data.json'), contentType: 'application/json' },
    async make({ before, speakers: { seconds } }) {
      const isStored = (path: string) => before.some((output) => output.path === path && output.status === 1)
      const src = (path: string) => fromFolder(job, path)
      const data = paellaManifest({
        title: job.recording.name,
        seconds,
        preview: src(previewPath),
        pictures: streams
          .filter(({ path }) => isStored(path))
          .map(({ path, stream, files }) => ({ stream, src: src(path), ...sizeOf(files) })),
        sound: isStored(soundPath) ? src(soundPath) : undefined,
      })
      if (data.streams.length === 0) throw new Error('nothing that it could show or let hear was stored')
      const unshown = streams.flatMap(({ path, files }) => missingIn(before, path, files))
      const unheard = missingIn(
        before,
        soundPath,
        manifest.files.filter(({ audio }) => audio !== undefined),
      )
      const missing = [...unshown, ...unheard]
      return { is: 'inMemory', data: Buffer.from(`${JSON.stringify(data, undefined, 2)}\n`), missing }
    },
  }
  return [...pictures, ...sound, preview, data]
}

interface PictureStream {
  userId: string
  stream: Stream
  files: ManifestFile[]
}

/** Of those who had pictures, in the order of their appearance. */
function streamsOf(manifest: Manifest): PictureStream[] {
  const streams = new Map(
    manifest.files
      .toSorted((a, b) => Date.parse(a.startTime) - Date.parse(b.startTime))
      .map(({ userId, stream }) => [`${stream} ${userId}`, { userId, stream }]),
  )
  return [...streams.values()].map((one) => ({ ...one, files: filesOf(manifest, one) })).filter(({ files }) => files.length > 0)
}

/** What of its files an output that was made before lacks: all of them, where it was not stored. */
function missingIn(before: readonly RecordedOutput[], path: string, files: readonly ManifestFile[]): Missing[] {
  const output = before.find((one) => one.path === path)
  if (output === undefined) return []
  const { status, missing = [], message } = output
  return files.filter((file) => status === 0 || missing.includes(file.path)).map((file) => ({ file, why: message }))
}

/** Of the largest picture. */
function sizeOf(files: readonly ManifestFile[]): { width: number; height: number } {
  const [largest] = files.flatMap(({ video }) => video ?? []).sort((a, b) => b.width * b.height - a.width * a.height)
  return { width: largest!.width, height: largest!.height }
}

const folderOf = (job: RecorderJob) => outputKey(job, 'paella')

const keyOf = (job: RecorderJob, name: string) => `${folderOf(job)}/${name}`

/** As in the names of files: `<user>.main.mp4`. */
const nameOf = (job: RecorderJob, { userId, stream }: PictureStream) =>
  userOutputKey(job, userId, `${stream}.mp4`).slice(outputKey(job, '').length)

/** As an address: where files are named as TRTC does, a user may be written with a `+`, which COS takes for a blank. */
const fromFolder = (job: RecorderJob, path: string) => {
  const name = encodeURIComponent(path.split('/').at(-1)!)
  return path.startsWith(`${folderOf(job)}/`) ? name : `../${name}`
}
