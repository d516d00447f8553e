/**
 * CPU of the recorder's whole process tree in mode 02 beside the page's MediaRecorder, alternating on the same publishers in one run; and how
 * long it takes from the stop until everything is stored. `make bench-recorder`; QUICK=1 for a short look.
 */
import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { cpuSeconds, pssMegabytes } from './process-tree.ts'
import { median } from './statistics.ts'
import { type Run, room, World } from './world.ts'

const quick = process.env.QUICK === '1'
const rounds = quick ? 1 : 3
const settleSeconds = quick ? 3 : 6
const measuredSeconds = quick ? 8 : 15
const anchorCounts = [1, 5]
const lengthsSeconds = quick ? [10, 30] : [60, 300]

interface Reading {
  coresPerAnchor: number
  pssMegabytes: number
  /** Pictures in one user's file for each second of it; 30 were sent. */
  framesPerSecond: number
}

const world = await World.start()
const say = (text: string) => console.log(text)
const results = {
  measuredAt: new Date().toISOString(),
  clip: '1280x720, 30 fps, 1.2 Mbit/s H.264, Opus 64 kbit/s',
  rounds,
  cpu: [] as object[],
  stop: [] as object[],
}

try {
  for (const anchors of anchorCounts) {
    say(`${anchors} anchor${anchors === 1 ? '' : 's'}: ${rounds} rounds of ${measuredSeconds} s each`)
    await world.publish(anchors)
    const ours: Reading[] = []
    const baseline: Reading[] = []
    for (let round = 1; round <= rounds; round++) {
      ours.push(await measure(`  round ${round} recorder     `, await world.startRecorder(anchors), anchors))
      baseline.push(await measure(`  round ${round} MediaRecorder`, await world.startBaseline(anchors), anchors))
    }
    const medians = (readings: Reading[]) => ({
      coresPerAnchor: rounded(median(readings.map((reading) => reading.coresPerAnchor))),
      pssMegabytes: Math.round(median(readings.map((reading) => reading.pssMegabytes))),
      framesPerSecond: rounded(median(readings.map((reading) => reading.framesPerSecond))),
    })
    const row = { anchors, recorder: medians(ours), mediaRecorder: medians(baseline) }
    results.cpu.push({ ...row, ratio: rounded(row.mediaRecorder.coresPerAnchor / row.recorder.coresPerAnchor) })
  }
  for (let n = 2; n <= Math.max(...anchorCounts); n++) await world.room.leave({ room, userId: `anchor${n}` })
  for (const seconds of lengthsSeconds) {
    const runs = await stopToStored(seconds)
    results.stop.push({
      recordedSeconds: seconds,
      stopToStoredMillis: median(runs),
      fastestMillis: Math.min(...runs),
      slowestMillis: Math.max(...runs),
    })
  }
} finally {
  await world.close()
}

console.table(results.cpu.map(flat))
console.table(results.stop)
if (!quick) {
  const directory = fileURLToPath(new URL('./results/', import.meta.url))
  mkdirSync(directory, { recursive: true })
  writeFileSync(`${directory}recorder.json`, `${JSON.stringify(results, undefined, 2)}\n`)
}

async function measure(what: string, { child, file }: Run, anchors: number): Promise<Reading> {
  await sleep(settleSeconds * 1000)
  const pid = child.pid!
  const before = { cpu: cpuSeconds(pid), time: performance.now() }
  await sleep(measuredSeconds * 1000)
  const cores = (cpuSeconds(pid) - before.cpu) / ((performance.now() - before.time) / 1000)
  const pss = pssMegabytes(pid)
  await stop(child)
  const reading = { coresPerAnchor: cores / anchors, pssMegabytes: pss, framesPerSecond: framesPerSecond(await file()) }
  const { coresPerAnchor } = reading
  say(
    `${what} ${coresPerAnchor.toFixed(3)} core per anchor, ${pss.toFixed(0)} MB, ${reading.framesPerSecond.toFixed(1)} of 30 pictures a second`,
  )
  return reading
}

function framesPerSecond(path: string): number {
  // A MediaRecorder that gets no processor time has written nothing yet.
  if (!existsSync(path)) return 0
  const fields = ['-select_streams', 'v:0', '-show_entries', 'packet=pts_time', '-of', 'csv=p=0']
  const lines = execFileSync('ffprobe', ['-v', 'fatal', ...fields, path], { encoding: 'utf8', maxBuffer: 64 << 20 })
  const times = lines.split('\n').map(Number.parseFloat).filter(Number.isFinite)
  return (times.length - 1) / (Math.max(...times) - Math.min(...times))
}

/** From SIGTERM to the end of the process, which ends when everything is verified in COS. Recorders side by side, stopped one after the other. */
async function stopToStored(seconds: number): Promise<number[]> {
  const children: ChildProcess[] = []
  for (let round = 1; round <= rounds; round++) children.push((await world.startRecorder(1)).child)
  await sleep(seconds * 1000)
  const runs: number[] = []
  for (const child of children) {
    const before = performance.now()
    const code = await stop(child)
    if (code !== 0) throw new Error(`The recorder ended with exit code ${code}, so not everything was stored`)
    runs.push(Math.round(performance.now() - before))
  }
  say(`recorded ${seconds} s, stop to stored ${runs.join(', ')} ms`)
  return runs
}

async function stop(child: ChildProcess): Promise<number | null> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const [code] = await exited
  return code
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}

function flat(row: object): object {
  return Object.fromEntries(
    Object.entries(row).flatMap(([name, value]) =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).map(([inner, v]) => [`${name} ${inner}`, v])
        : [[name, value]],
    ),
  )
}
