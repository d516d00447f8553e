import { createHash } from 'node:crypto'
import { type ManifestFile, outputKey, type RecorderJob } from '@trtc-recorder/api'
import { bytesOf, contentOf } from './file-content.ts'
import { type Missing, nothingLeft } from './missing.ts'
import type { Output } from './output.ts'
import { type ReferencedFile, vconOf } from './vcon.ts'

/** The conversation as a vCon, with the addresses and hashes of the files. `mediaDirectory`: where their media lies. */
export function vconOutput(job: RecorderJob, mediaDirectory: string): Output {
  const path = outputKey(job, 'vcon')
  return {
    ...{ kind: 'vcon', path, contentType: 'application/vcon' },
    async make({ manifest, speakers: { startTime, seconds } }) {
      if (manifest.files.length === 0) throw new Error('there is no file, and so nothing to say of a conversation')
      const missing: Missing[] = []
      const files: ReferencedFile[] = []
      for (const file of manifest.files) {
        try {
          files.push({ file, contentHash: await hashOf(file, mediaDirectory) })
        } catch (error) {
          missing.push({ file, why: (error as Error).message })
          files.push({ file, contentHash: undefined })
        }
      }
      if (missing.length === files.length) throw nothingLeft(missing)
      const vcon = vconOf(manifest, files, { key: path, startTime, seconds, createdAt: new Date().toISOString() })
      return { is: 'inMemory', data: Buffer.from(`${JSON.stringify(vcon, undefined, 2)}\n`), missing }
    },
  }
}

/** Of what is in COS: the volume has the same. */
async function hashOf(file: ManifestFile, mediaDirectory: string): Promise<string> {
  if (file.status === 0) throw new Error(`${file.path} is not whole in COS: ${file.message}`)
  const hash = createHash('sha512')
  for await (const chunk of bytesOf(await contentOf(file, mediaDirectory))) hash.update(chunk)
  return `sha512-${hash.digest('base64url')}`
}
