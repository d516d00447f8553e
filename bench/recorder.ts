/**
 * `make bench-recorder`: what a recording costs, beside the browser's own MediaRecorder in one run on the same publishers; how quickly a recorder
 * is in the room; how long it takes from the stop until everything is stored.
 *
 *     node bench/recorder.ts [--only mode=02,anchors=5]... [--seconds 20] [--rounds 10] [--output FILE] [--append] [--ffmpeg FILE]
 *
 * What is made of a recording that is over is measured only where it is named: `--only part=outputs --append`.
 * `--seconds`: of measuring a row, in three windows, of which the median counts.
 * `--append`: what the file has of other steps stays, so that a whole run can be made in parts.
 * `--ffmpeg`: another one for the recorders than that of the image, which is made where root and buildah are at hand, and else the machine's.
 * After each step the results so far are written, and after the last one docs/performance.md and the README. A step that fails is said, and the others
 * go on; the exit code is 1 then. It is 2 where all could be measured, and something costs more than is aimed at (bench/aims.ts).
 */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type LivePartName, recorderEnv } from '@trtc-recorder/api'
import { Receiver } from '../recorder-image/src/live/pcm/testing/receiver.ts'
import { missedAims } from './aims.ts'
import { recorderFfmpeg } from './ffmpeg.ts'
import { beepFidelity, type Fidelity, pictureFidelity, pictureTimes } from './fidelity.ts'
import { notMade } from './made.ts'
import { finishedRecording, measureOutput } from './outputs/measure.ts'
import { chosen, nameOf, plan, type Step } from './plan.ts'
import { pssMegabytesOf, type Rate, rate, usage } from './process-tree.ts'
import { ratios, writeReport } from './report.ts'
import { isComplete, noResults, put, readResults, resultsFile, writeResults } from './results.ts'
import { startUp } from './start-up.ts'
import { median } from './statistics.ts'
import { stopToStored } from './stop-to-stored.ts'
import { roomOf, stop, World } from './world.ts'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    seconds: { type: 'string', default: '18' },
    rounds: { type: 'string', default: '10' },
    output: { type: 'string' },
    append: { type: 'boolean', default: false },
    ffmpeg: { type: 'string' },
  },
})
const seconds = positive('--seconds', options.seconds)
const rounds = positive('--rounds', options.rounds)
const steps = chosen(options.only)
const output =
  options.output ??
  (steps.length === plan.length || options.append ? resultsFile : join(import.meta.dirname, '../.sandbox/bench-recorder.json'))
/** Until what is at its start is over: profiles are written, code is compiled, first key frames are asked for. */
const settleSeconds = Math.min(8, seconds)

/** What a part asks for, at the pace that is usual downstream. */
const asked = {
  audioSlices: { seconds: 15 },
  stills: { seconds: 5 },
  hls: { seconds: 4 },
} as const

/** Long enough that what a process costs that begins is little of it. */
const outputSeconds = 600

/** Of measuring a row: what else goes on beside it falls into one. */
const windows = 3

let finished: ReturnType<typeof finishedRecording> | undefined

const ffmpeg = await recorderFfmpeg(options.ffmpeg)
const started = performance.now()
const results = options.append ? readResults(output) : noResults(availableParallelism(), seconds, ffmpeg.from)
if (options.append) results.madeInRuns++
const world = await World.start(ffmpeg.path)
try {
  for (const step of steps) {
    const name = nameOf(step)
    results.failed = results.failed.filter((failed) => failed.step !== name)
    try {
      await take(step)
    } catch (error) {
      const why = (error as Error).message.slice(0, 500)
      results.failed.push({ step: name, why })
      say(name, `FAILED: ${why}`)
      await world.endMeasured()
    }
    results.complete = isComplete(results, plan)
    writeResults(output, results)
  }
} finally {
  await world.close()
}
if (output === resultsFile) writeReport(results)
console.log(`\n${ratios(results).join('\n')}`)
const missed = missedAims(results)
for (const line of missed) console.log(`BEYOND ITS AIM: ${line}`)
process.exitCode = results.failed.length > 0 ? 1 : missed.length > 0 ? 2 : 0
console.log(`\n${steps.length} of ${plan.length} steps in ${((performance.now() - started) / 60_000).toFixed(1)} min: ${output}`)

async function take(step: Step): Promise<void> {
  switch (step.part) {
    case 'recorder':
      return recorder(step)
    case 'mediaRecorder':
      return mediaRecorder(step)
    case 'live':
      return liveParts(step)
    case 'outputs': {
      finished ??= finishedRecording(join(world.directory, 'finished'), outputSeconds)
      const { here, byHand } = await measureOutput(step.output, await finished, ffmpeg.path)
      put(results.outputs, { output: step.output, here, byHand }, ['output'])
      return say(
        nameOf(step),
        `${here.cpuSecondsPerHour} s of CPU an hour, ${here.peakMB} MB; by hand ${byHand.cpuSecondsPerHour} s, ${byHand.peakMB} MB: ${(here.cpuSecondsPerHour / byHand.cpuSecondsPerHour).toFixed(2)} times`,
      )
    }
    case 'start': {
      results.startMs = await startUp(world, rounds)
      const { entered, firstByte, mediaRecorder } = results.startMs
      return say(
        nameOf(step),
        `in the room after ${entered} ms, first byte on the volume after ${firstByte} ms; a MediaRecorder runs ${mediaRecorder} ms after the launch of its browser`,
      )
    }
    case 'stop': {
      const times = await stopToStored(world, step.recorded, rounds)
      const row = { recordedSeconds: step.recorded, rounds, median: median(times), max: Math.max(...times) }
      put(results.stopToStoredMs, row, ['recordedSeconds'])
      return say(nameOf(step), `stored after ${row.median} ms, at worst ${row.max} ms`)
    }
  }
}

async function recorder(row: Extract<Step, { part: 'recorder' }>): Promise<void> {
  const { mode, anchors, picture } = row
  await world.publish(anchors, picture)
  const recorder = await world.startRecorder({ mode, picture })
  await recorder.recording(anchors)
  const cost = await measure(recorder.pid, anchors)
  const { result, askedAt } = await recorder.stop()
  const fidelity: Fidelity = { framesLost: 0, worstPtsErrorMs: 0 }
  for (const file of result.files) {
    const path = await world.fetch(file)
    const [span] = await world.room.sent({ room: roomOf(picture), userId: file.userId, track: 'video' })
    const one =
      mode === '00' ? beepFidelity(path) : pictureFidelity(path, span!, { startTime: file.startTime, stopAskedAt: askedAt })
    fidelity.framesLost += one.framesLost
    fidelity.worstPtsErrorMs = rounded(Math.max(fidelity.worstPtsErrorMs, one.worstPtsErrorMs))
  }
  await world.forget(result)
  world.clear()
  const lossesInLedger = result.losses.stretches
  put(results.runs, { mode, anchors, picture, ...cost, ...fidelity, lossesInLedger }, ['mode', 'anchors'])
  say(
    nameOf(row),
    `${line(cost)}; ${fidelity.framesLost} lost (${lossesInLedger} losses in the ledger), pts off by ${fidelity.worstPtsErrorMs} ms at most`,
  )
}

async function liveParts({ live, anchors, picture }: Extract<Step, { part: 'live' }>): Promise<void> {
  await world.publish(anchors, picture)
  const receiver = new Receiver()
  await receiver.open()
  try {
    const parts = { ...asked, pcm: { url: `${receiver.address}/{userId}` } }
    // The receiver is on this machine, which an operator forbids.
    const allowed = { allow: ['127.0.0.0/8'], deny: [], apiServer: [], allowPrivate: true }
    const recorder = await world.startRecorder({
      ...{ mode: '02', picture, live: live === 'all' ? parts : { [live]: parts[live] } },
      environment: { [recorderEnv.receivers]: JSON.stringify(allowed) },
    })
    await recorder.recording(anchors)
    const cost = await measure(recorder.pid, anchors)
    const { result } = await recorder.stop()
    const lost = result.losses.stretches
    await world.forget(result)
    world.clear()
    const missing = notMade(live === 'all' ? (Object.keys(parts) as LivePartName[]) : [live], result.live, anchors)
    if (missing.length > 0) throw new Error(`nothing was made of ${missing.join(' and ')}, so its cost is not known`)
    put(results.live, { live, anchors, picture, ...cost, lost }, ['live', 'anchors'])
    say(nameOf({ part: 'live', live, anchors, picture }), `${line(cost)}; ${lost} losses in the ledger`)
  } finally {
    await receiver.close()
  }
}

async function mediaRecorder(row: Extract<Step, { part: 'mediaRecorder' }>): Promise<void> {
  const { type, anchors, picture } = row
  await world.publish(anchors, picture)
  const { child, file } = await world.startBaseline(type, anchors, picture)
  const cost = await measure(child.pid!, anchors)
  await stop(child)
  const times = pictureTimes(file)
  const framesPerSecond = times.length < 2 ? 0 : rounded((times.length - 1) / (Math.max(...times) - Math.min(...times)))
  put(results.mediaRecorder, { type, anchors, picture, ...cost, framesPerSecond }, ['type', 'anchors'])
  say(nameOf(row), `${line(cost)}; ${framesPerSecond} pictures a second`)
}

async function measure(pid: number, anchors: number) {
  await sleep(settleSeconds * 1000)
  const rates: Rate[] = []
  for (let window = 0; window < windows; window++) {
    const before = usage(pid)
    await sleep((seconds * 1000) / windows)
    rates.push(rate(before, usage(pid)))
  }
  const each = (value: (rate: Rate) => number) => median(rates.map(value))
  const programs = [...new Set(rates.flatMap(({ coresOf }) => Object.keys(coresOf)))]
  const pssMBOf = pssMegabytesOf(pid)
  return {
    coresPerAnchor: rounded(each(({ cores }) => cores) / anchors),
    coresPerAnchorOf: Object.fromEntries(
      programs.map((name) => [name, rounded(each(({ coresOf }) => coresOf[name] ?? 0) / anchors, 4)]),
    ),
    pssMB: Math.round(Object.values(pssMBOf).reduce((sum, megabytes) => sum + megabytes, 0)),
    pssMBOf: Object.fromEntries(Object.entries(pssMBOf).map(([name, megabytes]) => [name, Math.round(megabytes)])),
    wakeUpsPerSecond: Math.round(each(({ wakeUpsPerSecond }) => wakeUpsPerSecond)),
  }
}

function line({ coresPerAnchor, coresPerAnchorOf, pssMB, wakeUpsPerSecond }: Awaited<ReturnType<typeof measure>>): string {
  const parts = Object.entries(coresPerAnchorOf).map(([name, cores]) => `${name} ${cores}`)
  return `${coresPerAnchor.toFixed(3)} core per anchor (${parts.join(', ')}), ${pssMB} MB, ${wakeUpsPerSecond} wake-ups a second`
}

function say(what: string, found: string): void {
  console.log(`${what.padEnd(34)} ${found}`)
}

function rounded(value: number, digits = 3): number {
  return Number(value.toFixed(digits))
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} ${text}: it must be a whole number of at least 1`)
  return value
}
