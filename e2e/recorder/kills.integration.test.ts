import { setTimeout as sleep } from 'node:timers/promises'
import type { Loss, ManifestFile } from '@trtc-recorder/api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { framesAsSent } from '../media/index.ts'
import { compare, type Moment, pictureMoments, seenPictures, wallMillisIn } from '../media/moments.ts'
import { processTree, type RunningProcess } from './processes.ts'
import { seededRandom } from './random.ts'
import type { RecorderProcess } from './recorder-process.ts'
import { type ReadSlice, World } from './world.ts'

/**
 * What is killed at random moments: recorder, page, Chromium. Of any stream at most the last second is lost of what had come until then, and the ledger
 * names each loss. `make soak-kills` does it twenty times; `SEED` plays the same kills again.
 */
const count = Number(process.env.KILLS ?? 3)
const seed = Number(process.env.SEED)
const users = ['alice', 'bob']
const kinds = ['audio', 'video'] as const
const clip = { width: 320, height: 180, fps: 15, loopSeconds: 10 } as const
const targets = ['recorder', 'page', 'Chromium'] as const
type Target = (typeof targets)[number]

interface Kill {
  target: Target
  millis: number
}

/** Slices of what is recorded are held to the same: right, or named. */
const slicing = { spec: { live: { audioSlices: { seconds: 5 } } } }
/** A recorder that is killed in the first second of a file has not made anything of it yet. */
const mostUnslicedMillis = 1500

let world: World
beforeAll(async () => {
  world = await World.start()
})
afterAll(() => world.close())

test(`${count} kills at random, seed ${seed}: at most the last second is lost, and the ledger names it`, {
  timeout: 60_000 + count * 30_000,
}, async () => {
  console.log(`kills: SEED=${seed} KILLS=${count}`)
  const random = seededRandom(seed)
  for (const userId of users) await world.publish(userId, { audio: true, video: true }, clip)
  const kills: Kill[] = []
  const arrivals: Arrival[] = []
  let recorder = await world.record(slicing)
  // Each of the three before any comes again.
  let order: readonly Target[] = targets
  for (let n = 0; n <= count; n++) {
    await allArrive(recorder, kills.at(-1)?.millis ?? 0)
    await sleep(1500 + random.upTo(2500))
    if (n === count) break
    if (n % targets.length === 0) order = random.shuffle(targets)
    const target = order[n % targets.length]!
    const victim = target === 'recorder' ? recorder.pid : (await processOf(recorder, target)).pid
    kills.push({ target, millis: Date.now() })
    process.kill(victim, 'SIGKILL')
    if (target !== 'recorder') continue
    await recorder.ended
    arrivals.push(...arrivalsOf(recorder))
    recorder = await world.record(slicing)
  }
  const stopMillis = Date.now()
  recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  arrivals.push(...arrivalsOf(recorder))
  expect(result).toMatchObject({ outcome: 'Completed' })
  const manifest = await world.manifest()
  const { files, losses } = manifest
  const findings: string[] = files.flatMap(({ path, status, message }) => (status === 1 ? [] : [`${path}: ${message}`]))
  for (const userId of users) {
    const own = <T extends { userId: string | null }>(all: readonly T[]) => all.filter((one) => one.userId === userId)
    const about = { files: own(files), losses: own(losses), arrivals: own(arrivals), kills, stopMillis }
    findings.push(...judgeSlices(about.files, about.losses, await world.slices(manifest, userId)))
    findings.push(...(await judge(userId, about)).map((finding) => `${userId}: ${finding}`))
  }
  expect(findings).toEqual([])
})

interface Arrival {
  userId: string
  kind: string
  millis: number
}

interface About {
  files: readonly ManifestFile[]
  losses: readonly Loss[]
  arrivals: readonly Arrival[]
  kills: readonly Kill[]
  stopMillis: number
}

async function judge(userId: string, { files, losses, arrivals, kills, stopMillis }: About): Promise<string[]> {
  const findings: string[] = []
  const media = await Promise.all(files.map(world.media))
  const seen = files.flatMap((file, at) => seenPictures(file, framesAsSent(media[at]!)))
  const soundEnds = files.map((file, at) => wallMillisIn(file, media[at]!.sound?.durationSeconds ?? 0))
  for (const { target, millis } of kills) {
    const last = {
      audio: Math.max(...soundEnds.filter((end) => end <= millis + 100)),
      video: Math.max(...seen.flatMap(({ wallMillis }) => (wallMillis <= millis ? [wallMillis] : []))),
    }
    for (const kind of kinds) {
      const lostMillis = millis - last[kind]
      if (lostMillis > 1000) findings.push(`${lostMillis.toFixed(0)} ms of ${kind} were lost by killing the ${target}`)
      const isNamed = losses.some(
        ({ medium, reason, from, to }) =>
          medium === kind &&
          (reason === 'RecorderKilled' || reason === 'RoomAway') &&
          Date.parse(from) <= millis + 100 &&
          Date.parse(to) >= millis,
      )
      if (!isNamed) findings.push(`no ${kind} is in the ledger for the killed ${target}`)
    }
  }
  const window = { from: arrivals.find(({ kind }) => kind === 'video')!.millis, to: stopMillis - 800 }
  const spans = await world.sent(userId, 'video')
  const { missing, forbidden } = compare(pictureMoments(spans, { windowOf: () => window, edgeFrames: 0 }), seen)
  if (forbidden.length > 0) findings.push(`${forbidden.length} pictures were not sent, or come twice`)
  // Back in the room, each stream begins with its next key frame.
  const beginnings = kills.map(({ millis }) => ({
    from: millis,
    to: arrivals.find((one) => one.kind === 'video' && one.millis >= millis)?.millis ?? millis,
  }))
  const named = losses
    .filter(({ medium }) => medium === 'video')
    .map(({ from, to }) => ({ from: Date.parse(from), to: Date.parse(to) }))
  const isTold = ({ wallMillis }: Moment) =>
    [...named, ...beginnings].some(({ from, to }) => wallMillis >= from - 20 && wallMillis <= to + 20)
  const untold = missing.filter((moment) => !isTold(moment))
  if (untold.length > 0) {
    findings.push(
      `${untold.length} pictures are missing without a word, the first of ${new Date(untold[0]!.wallMillis).toISOString()}`,
    )
  }
  return findings
}

/** Each slice is whole; what is in none of them is named as lost, or too short to have been begun. */
function judgeSlices(files: readonly ManifestFile[], losses: readonly Loss[], slices: readonly ReadSlice[]): string[] {
  const findings: string[] = []
  for (const { entry, read } of slices) {
    const millis = Date.parse(entry.endTime) - Date.parse(entry.startTime)
    if (Math.abs(read.playedSamples / 48 - millis) > 2)
      findings.push(`${entry.path} plays ${read.playedSamples / 48} ms of ${millis}`)
  }
  const lost = losses.filter(({ reason }) => reason === 'LiveOutputLost').map(({ from, to }) => [from, to] as const)
  const told = [...slices.map(({ entry }) => [entry.startTime, entry.endTime] as const), ...lost]
    .map(([from, to]) => ({ from: Date.parse(from), to: Date.parse(to) }))
    .sort((a, b) => a.from - b.from)
  for (const file of files) {
    let at = Date.parse(file.startTime)
    for (const { from, to } of told) {
      if (to <= at || from > Date.parse(file.endTime)) continue
      if (from - at > mostUnslicedMillis)
        findings.push(`${from - at} ms of ${file.path} are in no slice, at ${new Date(at).toISOString()}`)
      at = Math.max(at, to)
    }
    const rest = Date.parse(file.endTime) - at
    if (rest > mostUnslicedMillis) findings.push(`the last ${rest} ms of ${file.path} are in no slice`)
  }
  return findings
}

/** Waits until everybody's sound and picture has come since then. */
async function allArrive(recorder: RecorderProcess, sinceMillis: number): Promise<void> {
  const isThere = (userId: string, kind: string) =>
    arrivalsOf(recorder).some((one) => one.userId === userId && one.kind === kind && one.millis > sinceMillis)
  while (!users.every((userId) => kinds.every((kind) => isThere(userId, kind)))) await sleep(50)
}

const arrivalsOf = (recorder: RecorderProcess): Arrival[] =>
  recorder.logs
    .filter(({ msg }) => msg === 'Media arrived')
    .map(({ userId, kind, time }) => ({ userId: String(userId), kind: String(kind), millis: Date.parse(String(time)) }))

async function processOf(recorder: RecorderProcess, target: 'page' | 'Chromium'): Promise<RunningProcess> {
  const mark = target === 'page' ? '--type=renderer' : '--user-data-dir'
  for (;;) {
    const found = (await processTree(recorder.pid)).find(({ commandLine }) => commandLine.includes(mark))
    if (found !== undefined) return found
    await sleep(20)
  }
}
