import { createHash } from 'node:crypto'
import { outputKey, type RecorderJob } from '@trtc-recorder/api'
import { bytesOf, contentOf } from './file-content.ts'
import type { Output } from './output.ts'
import { type HashedFile, vconOf } from './vcon.ts'

/** The conversation as a vCon, with the addresses and hashes of the files. `mediaDirectory`: where their media lies. */
export function vconOutput(job: RecorderJob, mediaDirectory: string): Output {
  return {
    ...{ kind: 'vcon', path: outputKey(job, 'vcon'), contentType: 'application/vcon' },
    async make({ manifest, speakers: { startTime, seconds } }) {
      if (manifest.files.length === 0) throw new Error('there is no file, and so nothing to say of a conversation')
      const files: HashedFile[] = []
      for (const file of manifest.files) {
        if (file.status === 0) throw new Error(`${file.path} is not whole in COS, and a vCon says the hash of what is there`)
        const hash = createHash('sha512')
        for await (const chunk of bytesOf(await contentOf(file, mediaDirectory))) hash.update(chunk)
        files.push({ file, contentHash: `sha512-${hash.digest('base64url')}` })
      }
      const vcon = vconOf(manifest, files, { startTime, seconds, createdAt: new Date().toISOString() })
      return { is: 'inMemory', data: Buffer.from(`${JSON.stringify(vcon, undefined, 2)}\n`) }
    },
  }
}
