import { setTimeout as sleep } from 'node:timers/promises'
import { manifestSchema, type RecorderResult, type StopReason } from '@trtc-recorder/api'
import type { RecorderProcess } from '../recorder/recorder-process.ts'
import type { AssumptionId } from './assumptions.ts'
import type { Bucket } from './bucket.ts'
import { RefusedByApi } from './cloud.ts'
import type { Findings } from './report.ts'
import type { Settings } from './settings.ts'

export interface Ending {
  id: AssumptionId
  wanted: StopReason
  /** The call of the API. */
  act(): Promise<unknown>
}

/** Ends a recorder from outside. One that does not heed it is asked to stop, so that its files are there to look at. */
export async function endRecorder(
  findings: Findings,
  recorder: RecorderProcess,
  { id, wanted, act }: Ending,
  patienceSeconds: number,
): Promise<RecorderResult | undefined> {
  try {
    await act()
    if (!(await stopsWithin(recorder, patienceSeconds)))
      findings.differs(id, `the recorder went on for ${patienceSeconds} s after the call was answered`)
  } catch (error) {
    if (error instanceof RefusedByApi) findings.differs(id, `the call was refused: ${error.message}`)
    else findings.unchecked(id, (error as Error).message)
  }
  if (!findings.isOpen(id)) recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  if (findings.isOpen(id)) {
    if (result === undefined) findings.differs(id, 'the recorder ended without a result')
    else findings.judge(id, result.stopReason === wanted, `the recorder says ${result.stopReason}`)
  }
  return result
}

/** What comes after the stop, such as uploads, takes as long as it takes. */
async function stopsWithin(recorder: RecorderProcess, seconds: number): Promise<boolean> {
  const deadline = performance.now() + seconds * 1000
  while (performance.now() < deadline) {
    // One that is over answers no more.
    const state = await recorder.status().then(
      (progress) => progress.state,
      () => 'done' as const,
    )
    if (state !== 'recording') return true
    await sleep(200)
  }
  return false
}

/** What the recorders say of the anchor, and what is in COS of it. */
export async function checkResult(
  findings: Findings,
  result: RecorderResult,
  { settings, bucket, hasTemporaryKeys }: { settings: Settings; bucket: Bucket; hasTemporaryKeys: boolean },
): Promise<void> {
  const files = result.files.filter(({ userId }) => userId === 'anchor')
  const [file] = files
  if (file === undefined) {
    findings.differs('media-encoded', `there is no file of the anchor: ${result.message}`)
    return
  }
  const { video, audio, status, message } = file
  findings.judge(
    'media-encoded',
    status === 1 && video !== undefined && audio !== undefined,
    `status ${status} (${message}), ${video?.codec ?? 'no picture'}, ${audio?.codec ?? 'no sound'}`,
  )
  if (video !== undefined) findings.judge('media-codec', /^(avc1|vp08)/.test(video.codec), video.codec)
  await findings.during(['cos-virtual-host', 'cos-temporary-keys'], async () => {
    const { hostname } = new URL(file.url)
    const wanted = `${settings.bucket}.${settings.endpoints === undefined ? `cos.${settings.region}.myqcloud.com` : new URL(settings.endpoints.cos).hostname}`
    const { bytes } = await bucket.head(file.path)
    findings.judge(
      'cos-virtual-host',
      hostname === wanted && bytes === file.bytes,
      `${hostname}; told ${file.bytes} bytes, there are ${bytes}`,
    )
    if (hasTemporaryKeys) findings.judge('cos-temporary-keys', status === 1, `the file was written with them: ${message}`)
  })
  await findings.during(['mute-one-file'], async () => {
    const manifestKey = decodeURIComponent(new URL(result.manifestUrl ?? '').pathname.slice(1))
    const { events } = manifestSchema.parse(JSON.parse(String(await bucket.get(manifestKey))))
    const told = events.filter(({ userId }) => userId === 'anchor').map(({ event }) => event)
    const off = told.indexOf('videoOff')
    const isToldOf = off >= 0 && told.indexOf('videoOn', off) > off
    findings.judge('mute-one-file', isToldOf && files.length === 1, `${files.length} file; told of: ${told.join(', ')}`)
  })
}
