import { randomBytes } from 'node:crypto'
import { Crc64 } from '../../recorder-image/src/store/crc64.ts'
import { type Bucket, bucketWith, CosRefusal, type Keys } from './bucket.ts'
import type { Findings } from './report.ts'
import type { Settings } from './settings.ts'

const partBytes = 1024 * 1024

/** What the recorder's uploads rely on, tried on an object of its own. */
export async function checkStore(
  findings: Findings,
  settings: Settings,
  { keys, folder }: { keys: Keys; folder: string },
): Promise<void> {
  const bucket = bucketWith(keys, settings)
  await findings.during(['cos-parts-any-order', 'cos-crc64'], () => checkParts(findings, bucket, `${folder}/parts.bin`))
  await findings.during(['cos-refusal-codes'], () => checkRefusals(findings, settings, bucket, folder))
}

async function checkParts(findings: Findings, bucket: Bucket, key: string): Promise<void> {
  const parts = [randomBytes(partBytes), randomBytes(1000)] as const
  const whole = Buffer.concat(parts)
  const upload = await bucket.begin(key)
  try {
    const second = await bucket.part(key, upload, 2, parts[1])
    const first = await bucket.part(key, upload, 1, parts[0])
    await bucket.complete(key, upload, [first, second])
  } catch (error) {
    if (!(error instanceof CosRefusal) || error.status === 0 || error.status >= 500) throw error
    findings.differs('cos-parts-any-order', error.message)
    return
  }
  const isSame = whole.equals(await bucket.get(key))
  findings.judge(
    'cos-parts-any-order',
    isSame,
    isSame ? 'completed and read back the same' : 'what was read back is not what was sent',
  )
  const { crc64 } = await bucket.head(key)
  const own = String(new Crc64().update(whole).digest())
  findings.judge('cos-crc64', crc64 === own, `COS says ${crc64 || 'nothing'}, it is ${own}`)
}

async function checkRefusals(findings: Findings, settings: Settings, bucket: Bucket, folder: string): Promise<void> {
  const { secretId, secretKey } = settings
  const refusal = async (asked: Promise<unknown>) => {
    const refused = await asked.then(
      () => 'taken',
      (error: unknown) => error,
    )
    if (refused instanceof CosRefusal && refused.status !== 0) return `${refused.status} ${refused.code}`.trim()
    if (refused === 'taken') return refused
    throw refused
  }
  const list = (keys: Keys) => bucketWith(keys, settings).below(folder)
  const seen = [
    await refusal(list({ secretId: `AKID${'x'.repeat(32)}`, secretKey })),
    await refusal(list({ secretId, secretKey: 'x'.repeat(32) })),
    await refusal(bucket.get(`${folder}/not-there`)),
  ]
  const wanted = ['403 InvalidAccessKeyId', '403 SignatureDoesNotMatch', '404 NoSuchKey']
  findings.judge('cos-refusal-codes', String(seen) === String(wanted), seen.join(', '))
}
