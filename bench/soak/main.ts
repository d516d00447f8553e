/**
 * `make soak-recorder`: an hour of five anchors who mute, change size and lose packets, with an outage of COS and a page that is killed.
 * Every picture that was sent is in a file, or in the ledger as from the time without a page; silence is only where nothing was sent; memory and
 * open files stay.
 *
 *     node bench/soak/main.ts [--minutes 60] [--seed N]
 *
 * Exit code 0 only if all of that holds.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Loss, type Manifest, type ManifestFile, manifestSchema } from '@trtc-recorder/api'
import { identities } from '../../sandbox/src/identities.ts'
import { pictureTimes } from '../fidelity.ts'
import { openFiles, processIds, pssMegabytes } from '../process-tree.ts'
import { median } from '../statistics.ts'
import { type RunningRecorder, roomOf, World } from '../world.ts'
import { type Account, account, pausesOf, type Stretch, uncovered } from './accounting.ts'
import { type Action, script } from './script.ts'

const { values: options } = parseArgs({
  options: { minutes: { type: 'string', default: '60' }, seed: { type: 'string', default: String(Date.now() % 1_000_000) } },
})
const seconds = Number(options.minutes) * 60
const seed = Number(options.seed)
if (!(seconds >= 60)) throw new Error(`--minutes ${options.minutes}: it must be at least 1`)
const picture = '1280x720'
const room = roomOf(picture)
const users = ['anchor1', 'anchor2', 'anchor3', 'anchor4', 'anchor5']
const sampleSeconds = Math.max(2, seconds / 360)
/** Shares of the time whose memory and open files are compared: after what costs some for a while, and at the end. */
const windows = { early: [0.45, 0.6], late: [0.85, 1] } as const
const mostGrowth = 0.05
const aBitOfSilence = 0.1
/** A file begins with its sound; pictures begin with the next key frame, of which there is one a second. */
const firstKeyFrameMillis = 1200
/** What was sent just before the stop may not have arrived. */
const onItsWayMillis = 500

interface Sample {
  at: number
  pssMB: number
  openFiles: number
}

console.log(`${seconds} s with seed ${seed}`)
const world = await World.start()
const findings: string[] = []
const samples: Sample[] = []
try {
  await world.publish(users.length, picture)
  const recorder = await world.startRecorder({ mode: '02', picture })
  await recorder.recording(users.length)
  const began = Date.now()
  const at = (share: number) => began + share * 1000
  const sampling = setInterval(() => samples.push(sampleOf(recorder, began)), sampleSeconds * 1000)
  for (const action of script(seconds, users, seed)) {
    await sleep(Math.max(0, at(action.at) - Date.now()))
    console.log(`${action.at.toFixed(0).padStart(5)} s  ${JSON.stringify(action)}`)
    act(action, recorder).catch((error: Error) => findings.push(`${action.type}: ${error.message}`))
  }
  await sleep(Math.max(0, at(seconds) - Date.now()))
  clearInterval(sampling)
  const within = { from: began + firstKeyFrameMillis, to: Date.now() - onItsWayMillis }
  const { result } = await recorder.stop()
  const key = decodeURIComponent(new URL(result.manifestUrl!).pathname.slice(1))
  const manifest = manifestSchema.parse(JSON.parse(String(await world.cos.fetch(identities.cos.bucket, key))))
  await judge(manifest, within)
} finally {
  await world.close()
}
for (const finding of findings) console.log(`  ✗ ${finding}`)
if (findings.length === 0) console.log('  ✓ Nothing was lost without a word, and nothing grew.')
process.exitCode = findings.length === 0 ? 0 : 1

async function act(action: Action, recorder: RunningRecorder): Promise<void> {
  switch (action.type) {
    case 'mute': {
      const mute = (muted: boolean) => world.room.setMuted({ room, userId: action.userId, kind: action.kind, muted })
      await mute(true)
      await sleep(action.seconds * 1000)
      return mute(false)
    }
    case 'resize':
      return world.resize(action.userId, picture, action.picture)
    case 'loss':
      await world.room.loss({ room, percent: action.percent, repairable: true })
      await sleep(action.seconds * 1000)
      return world.room.loss({ room, percent: 0, repairable: true })
    case 'outage':
      await world.cos.outage(true)
      await sleep(action.seconds * 1000)
      return world.cos.outage(false)
    case 'killPage': {
      const renderer = processIds(recorder.pid).find((pid) => commandLine(pid).includes('--type=renderer'))
      if (renderer === undefined) throw new Error('there is no page to kill')
      process.kill(renderer, 'SIGKILL')
    }
  }
}

function sampleOf(recorder: RunningRecorder, began: number): Sample {
  return { at: (Date.now() - began) / 1000, pssMB: pssMegabytes(recorder.pid), openFiles: openFiles(recorder.pid) }
}

async function judge(manifest: Manifest, within: Stretch): Promise<void> {
  const accounts: Record<string, Account> = {}
  for (const userId of users) {
    const files = manifest.files.filter((file) => file.userId === userId)
    const paths = new Map<string, string>()
    for (const file of files) paths.set(file.path, await world.fetch(file))
    const losses = (medium: 'audio' | 'video') =>
      manifest.losses
        .filter((loss) => loss.medium === medium && (loss.userId === userId || loss.userId === null))
        .map(({ from, to }) => ({ from: Date.parse(from), to: Date.parse(to) }))
    const sent = (track: 'audio' | 'video') => world.room.sent({ room, userId, track })
    const pictures = account({
      sent: await sent('video'),
      files: files.map((file) => pictureTimes(paths.get(file.path)!).map((pts) => Date.parse(file.startTime) + pts * 1000)),
      losses: losses('video'),
      within,
    })
    accounts[userId] = pictures
    for (const { from, to } of pictures.unexplained) {
      findings.push(`${userId}: pictures from ${time(from)} to ${time(to)} are in no file and not in the ledger`)
    }
    const explained = [...pausesOf(await sent('audio'), within), ...losses('audio')]
    for (const file of files) {
      if (file.status !== 1) findings.push(`${userId}: ${file.path} has status ${file.status}: ${file.message}`)
      for (const { from, to } of uncovered(silences(paths.get(file.path)!, file), explained)) {
        if (from > within.from && to < within.to)
          findings.push(`${userId}: silence from ${time(from)} to ${time(to)} for no reason`)
      }
    }
  }
  console.table(
    Object.entries(accounts).map(([userId, { sent, recorded, inLedger, unexplained }]) => ({
      ...{ userId, sent, recorded, 'in the ledger': inLedger, unexplained: unexplained.length },
    })),
  )
  const reasons = Object.groupBy(manifest.losses, ({ reason }) => reason)
  console.table(Object.entries(reasons).map(([reason, losses]) => ({ reason, stretches: losses.length })))
  for (const [reason, losses] of Object.entries(reasons)) {
    const unexpected = losses.filter((loss) => !isExpected(loss))
    if (unexpected.length === 0) continue
    findings.push(`the ledger has ${unexpected.length} stretches of ${reason}: ${JSON.stringify(unexpected[0])}`)
  }
  judgeGrowth()
}

/** Without a page nothing can be had, and of sound a lost packet is not sent again: neither Chromium nor the SDK asks for it. */
function isExpected({ reason, medium }: Loss): boolean {
  return reason === 'RoomAway' || (reason === 'LostInNetwork' && medium === 'audio')
}

function judgeGrowth(): void {
  const inWindow = ([from, to]: readonly [number, number]) =>
    samples.filter(({ at }) => at >= from * seconds && at <= to * seconds)
  const [early, late] = [inWindow(windows.early), inWindow(windows.late)]
  const pss = (window: Sample[]) => median(window.map((sample) => sample.pssMB))
  const growth = pss(late) / pss(early) - 1
  // Uploads come and go; what leaks is there at the quietest moment too.
  const least = (window: Sample[]) => Math.min(...window.map((sample) => sample.openFiles))
  console.log(
    `PSS ${pss(early).toFixed(0)} MB, then ${pss(late).toFixed(0)} MB (${(growth * 100).toFixed(1)} %); ` +
      `open files ${least(early)}, then ${least(late)}`,
  )
  if (growth > mostGrowth) findings.push(`memory grew by ${(growth * 100).toFixed(1)} %`)
  if (least(late) > least(early)) findings.push(`open files grew from ${least(early)} to ${least(late)}`)
}

/** Stretches of a file in which nothing can be heard: every anchor hums all the time. */
function silences(path: string, file: ManifestFile): Stretch[] {
  const args = ['-nostats', '-i', path, '-vn', '-af', `silencedetect=noise=-50dB:d=${aBitOfSilence}`, '-f', 'null', '-']
  const { stderr } = spawnSync('ffmpeg', args, { encoding: 'utf8', maxBuffer: 64 << 20 })
  const moments = (name: string) =>
    [...stderr.matchAll(new RegExp(`silence_${name}: (-?[\\d.]+)`, 'g'))].map(
      ([, at]) => Date.parse(file.startTime) + Number(at) * 1000,
    )
  const [starts, ends] = [moments('start'), moments('end')]
  return starts.map((from, n) => ({ from, to: ends[n] ?? Date.parse(file.endTime) }))
}

function time(millis: number): string {
  return new Date(millis).toISOString().slice(11, 23)
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
