import { readFile } from 'node:fs/promises'
import { embedRecording, keyPrefix, type RecorderJob, replayKey } from '@trtc-recorder/api'
import type { Output } from './output.ts'

/** The page that plays everybody on one clock. `replayPage`: file with the page as replay/ builds it. */
export function replayOutput(job: RecorderJob, replayPage: string): Output {
  return {
    kind: 'replay',
    path: replayKey(job),
    contentType: 'text/html; charset=utf-8',
    async make({ manifest, speakers }) {
      const template = await readFile(replayPage, 'utf8').catch((error: NodeJS.ErrnoException) => {
        throw new Error(
          `The replay page that this recorder should have is not there (${error.code}): build it with node replay/build.ts`,
        )
      })
      // The page is worth having without.
      const heard = job.spec.outputs.speech ? await speakers.speech().catch(() => null) : null
      const page = embedRecording(template, {
        version: 1,
        manifest,
        folder: keyPrefix(job.spec.cos.path),
        speech: heard?.speech ?? null,
      })
      return { is: 'inMemory', data: Buffer.from(page) }
    },
  }
}
