/** `node bench/outputs/make.ts RECORDING OUTPUT`: makes one output as a recorder does when all is over, and puts it nowhere. What it costs is measured from outside. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { manifestSchema, type RecorderJob, recorderJobSchema } from '@trtc-recorder/api'
import { pino } from 'pino'
import { storeOutputs } from '../../recorder-image/src/outputs/outputs.ts'
import type { Store } from '../../recorder-image/src/store/upload.ts'
import { type MeasuredOutput, measuredOutputs } from './plan.ts'

const [directory, output] = process.argv.slice(2) as [string, MeasuredOutput]
const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')))
const job: RecorderJob = recorderJobSchema.parse({
  recording: manifest.recording,
  attempt: 1,
  spec: {
    ...{ sdkAppId: 1, roomId: 1, userId: 'recorder', userSigSecretRef: { name: 'sig' }, mode: '02' },
    cos: { region: 'ap-guangzhou', bucket: 'lessons-1250000000', path: '/', credentialsSecretRef: { name: 'cos' } },
    outputs: measuredOutputs[output].spec,
  },
})

/** Sending costs what it costs for the files themselves, and is measured with them. */
const nowhere = {
  open: () => ({
    finish: async (head: Uint8Array, bodyBytes: number) => ({
      url: 'https://nowhere',
      bytes: head.length + bodyBytes,
      crc64: '0',
    }),
    giveUp: async () => {},
  }),
  put: async (_key: string, body: Uint8Array) => ({ url: 'https://nowhere', bytes: body.length, crc64: '0' }),
} as unknown as Store

const made = await storeOutputs(manifest, {
  ...{ job, store: nowhere, mediaDirectory: directory, directory: join(directory, 'outputs'), replayPage: '', isOver: true },
  deadline: performance.now() + 3_600_000,
  log: pino({ enabled: false }),
})
const failed = made.filter(({ status }) => status === 0)
if (failed.length > 0 || made.length === 0) {
  console.error(failed.map(({ path, message }) => `${path}: ${message}`).join('\n') || 'Nothing was made')
  process.exit(1)
}
