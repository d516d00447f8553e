/**
 * Writes docs/performance.md, and the figures in the README, from bench/results/recorder.json: `node bench/report.ts`. With `--check` it only
 * says whether they are what it would write. No figure in either is typed by hand.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Mode } from '@trtc-recorder/api'
import {
  type Aim,
  beyondRecording,
  liveAim,
  liveCoresPerAnchor,
  mediaRecorderCores,
  memoryAim,
  recorderAim,
  slowness,
  startAim,
  stopAim,
  stopGrew,
  storedAim,
} from './aims.ts'
import { isOperatorReportFresh, writeOperatorReport } from './operator/report.ts'
import { readOperatorResults } from './operator/results.ts'
import { type OutputRun, type RecorderRun, type Results, readResults } from './results.ts'

const file = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const docs = file('docs/performance.md')
const readme = file('README.md')
const [begin, end] = ['<!-- generated: performance -->', '<!-- end: performance -->']

const modeNames: Record<Mode, string> = {
  '00': '00, sound as MP3',
  '01': '01, picture as it was sent',
  '02': '02, picture as it was sent and sound as AAC',
}
const ffmpegNames = { image: 'that of the image', machine: 'the machine’s own', given: 'one that was given' }
const programs = ['chromium', 'node', 'ffmpeg'] as const
const typeNames = { vp8: '`video/webm;codecs=vp8,opus`', none: 'no type, which copies H.264' }

export function report(results: Results): string {
  const { runs, mediaRecorder, live, stopToStoredMs, startMs, cores, measuredSeconds } = results
  const vp8 = (anchors: number) => mediaRecorder.find((run) => run.type === 'vp8' && run.anchors === anchors)
  return `# What a recording costs

<!-- Written by bench/report.ts from bench/results/recorder.json. Do not edit: run \`make bench-recorder\`. -->

Measured by \`make bench-recorder\` ${results.madeInRuns > 1 ? 'from' : 'on'} ${results.measuredAt.slice(0, 10)}${results.madeInRuns > 1 ? ' on' : ''}, ${cores} shared cores${results.complete ? `, ${measuredSeconds} s a row` : ''}: this recorder, bundled as in its image (a
real process tree: Node, Chromium headless shell, one ffmpeg a file, ${ffmpegNames[results.ffmpeg]}) beside the page's MediaRecorder, ${results.madeInRuns === 1 ? 'in one run on the same publishers' : 'on publishers of the same kind'}. 1280x720, 30 fps,
1.2 Mbit/s H.264, Opus 64 kbit/s; with 25 anchors 640x360 at 0.5 Mbit/s. The room, COS and the measuring itself ran on the same cores and are
not counted. The raw result: [bench/results/recorder.json](../bench/results/recorder.json).${results.complete ? '' : ' Not all of the plan has been measured.'}${ofSeveralRuns(results)}${failures(results)}

## This recorder

${table(
  [
    'mode',
    'anchors',
    'core per anchor',
    'aim',
    'times less than MediaRecorder VP8',
    'frames lost',
    'worst pts error',
    'PSS',
    'wake-ups a second',
  ],
  runs.map((run) => [
    run.mode,
    run.anchors === 25 ? '25 × 640x360' : String(run.anchors),
    run.coresPerAnchor.toFixed(3),
    aimText(recorderAim(results, run)),
    ratio(vp8(run.anchors)?.coresPerAnchor, run.coresPerAnchor),
    String(run.framesLost),
    `${run.worstPtsErrorMs.toFixed(1)} ms`,
    `${run.pssMB} MB`,
    String(run.wakeUpsPerSecond),
  ]),
)}

Modes: ${Object.values(modeNames).join('; ')}. Frames are pictures; in mode 00, which has none, the beep that every publisher sends each second,
heard to about a millisecond. Cores and wake-ups are the median of three windows of a row. Frames are counted from the first of a file to 0.4 s before the stop, and their error is the distance
from the even row in which they were sent; how they lie to wall time, and that they decode, is what the tests try ([e2e/media](../e2e/media)).${aimsOfAnother(results)}

## The browser's MediaRecorder, beside it

${table(
  ['type', 'anchors', 'core per anchor', 'pictures kept of 30 a second', 'PSS'],
  mediaRecorder.map(({ type, anchors, coresPerAnchor, framesPerSecond, pssMB }) => [
    typeNames[type],
    String(anchors),
    coresPerAnchor.toFixed(3),
    framesPerSecond.toFixed(1),
    `${pssMB} MB`,
  ]),
)}

Where it keeps fewer pictures than were sent, or less than they take elsewhere, it has run out of processor, and the ratio above flatters it.

## Where it goes

${table(
  ['mode', 'anchors', 'Chromium', 'Node', 'ffmpeg'],
  runs.map(({ mode, anchors, coresPerAnchorOf: of }) => [
    mode,
    String(anchors),
    ...programs.map((name) => (of[name] === undefined ? '' : of[name].toFixed(4))),
  ]),
)}

Chromium's part is the floor: it receives, repairs and decrypts every packet, and hands each frame to the tap; its decoder gets a picture of
16x16 in place of every frame. At one anchor most of it is being woken, whatever for. ffmpeg's part is the encoder itself, which costs what the
sound is worth: a steady tone with beeps, as here, is twice as dear as speech ([ADR 20](adr/0020-sound-encoder.md)).

## Memory

${table(
  ['mode', 'anchors', 'PSS', 'aim', ...splitOf(runs)],
  runs.map((run) => [
    run.mode,
    String(run.anchors),
    `${run.pssMB} MB`,
    aimText(memoryAim(run), 0),
    ...splitOf(runs).map((name) => String(run.pssMBOf[name] ?? '')),
  ]),
)}

## What is made while it records

${table(
  ['spec.live, beside mode 02', 'anchors', 'core per anchor', 'beyond recording', 'aim', 'PSS', 'losses'],
  live.map((run) => [
    run.live,
    String(run.anchors),
    run.coresPerAnchor.toFixed(3),
    beyondRecording(results, run)?.toFixed(3) ?? '',
    aimText(liveAim(results, run)),
    `${run.pssMB} MB`,
    String(run.lost),
  ]),
)}

Slices of 15 s, a still every 5 s, HLS segments of 4 s, PCM of 16 kHz to a receiver on this machine. All of them together are to take at most ${liveCoresPerAnchor} core an
anchor beyond recording.

${overOutputs(results)}## Start

From the start of the process, median of ${startMs?.rounds ?? 0} (worst): in the room after **${startMs?.entered ?? '–'} ms** (${startMs?.enteredMax ?? '–'}; aim ${aimText(startAim(results), 0)}), the first byte of an anchor's media on the
volume after **${startMs?.firstByte ?? '–'} ms** (${startMs?.firstByteMax ?? '–'}).${besideStart(results)}

## Stop

${table(
  ['recorded', 'stop to stored, median', 'aim', 'worst', 'of'],
  stopToStoredMs.map(({ recordedSeconds, median, max, rounds }) => [
    `${recordedSeconds / 60} min`,
    `${median} ms`,
    aimText(storedAim({ median }), 0),
    `${max} ms`,
    `${rounds} runs`,
  ]),
)}

From SIGTERM to the end of the process, which ends when every file is verified in COS and the manifest is written. One anchor, mode 02; media are
replayed into a real recorder faster than a clock, then at its pace until the stop.${growth(results)}
`
}

/** The lines of the README. */
export function summary({ runs, stopToStoredMs, startMs }: Results): string {
  const at = (mode: Mode, anchors: number) => runs.find((run) => run.mode === mode && run.anchors === anchors)
  const cores = (run: RecorderRun | undefined) => run?.coresPerAnchor.toFixed(3) ?? '–'
  const lost = runs.reduce((sum, { framesLost }) => sum + framesLost, 0)
  const hour = stopToStoredMs.find(({ recordedSeconds }) => recordedSeconds === 3600)
  const stored =
    hour === undefined
      ? 'How long storing takes after an hour has not been measured.'
      : `After an hour of recording everything is stored ${hour.median} ms after the stop.`
  return `| | 1 anchor | 5 | 10 |
|---|---|---|---|
${(['02', '01', '00'] as const).map((mode) => `| mode ${mode}, core per anchor | ${[1, 5, 10].map((n) => cores(at(mode, n))).join(' | ')} |`).join('\n')}
| mode 02, MB of memory, all processes | ${[1, 5, 10].map((n) => `${at('02', n)?.pssMB ?? '–'}`).join(' | ')} |

${lost} frames lost over all runs. In the room ${startMs?.entered ?? '–'} ms after the start of the process.
${stored}`
}

/** The programs of which it was measured how much of the memory is theirs. */
const splitOf = (runs: readonly RecorderRun[]) =>
  programs.filter((name) => runs.some(({ pssMBOf }) => pssMBOf[name] !== undefined))

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const ratio = (theirs: number | undefined, ours: number) => (theirs === undefined ? '' : (theirs / ours).toFixed(1))

const aimText = (aim: Aim | undefined, digits = 3) =>
  aim === undefined ? '' : `${aim.value.toFixed(digits)}${aim.isMissed ? ', **missed**' : ''}`

const outputNames: Record<OutputRun['output'], string> = {
  audio16kWav: '`audio16k`, WAV',
  audio16kFlac: '`audio16k`, FLAC',
  pair: '`pair`',
  speech: '`speech`',
  mix: '`mix`, MP3',
  mixMp4: '`mix`, MP4',
  vcon: '`vcon`',
  paella: '`paella`',
}

function overOutputs({ outputs }: Results): string {
  if (outputs.length === 0) return ''
  return `## What is made when it is over

${table(
  ['spec.outputs', 'CPU seconds an hour', 'most memory', 'by hand', 'memory by hand', 'ratio'],
  outputs.map(({ output, here, byHand }) => [
    outputNames[output],
    here.cpuSecondsPerHour.toFixed(1),
    `${here.peakMB} MB`,
    byHand.cpuSecondsPerHour.toFixed(1),
    `${byHand.peakMB} MB`,
    (here.cpuSecondsPerHour / byHand.cpuSecondsPerHour).toFixed(2),
  ]),
)}

Of two users in mode 02, ten minutes, reckoned up to an hour of the recording; all processes, without sending, and with what a process of Node costs that begins (4 s of these). By hand: the same conversions of the two files by the machine’s
ffmpeg, with two pictures by libx264 (of \`vcon\`, sha512sum), which knows nothing of what begins when.

`
}

function aimsOfAnother(results: Results): string {
  const times = slowness(results)
  return times === 1
    ? ''
    : ` The aims in cores are of a machine on which the MediaRecorder with VP8 takes ${mediaRecorderCores} of a core at one anchor. This one takes ${times.toFixed(2)} times as much for the same, and they stand here multiplied by that.`
}

function besideStart({ startMs }: Results): string {
  if (startMs === null || startMs.mediaRecorder === null) return ''
  const { firstByte, mediaRecorder } = startMs
  return ` That is ${(firstByte / mediaRecorder).toFixed(2)} times the **${mediaRecorder} ms** that pass, in turn with it, from the launch of the same browser until a MediaRecorder runs in it with the same SDK, which is what the machine, the SDK and the room take.`
}

function ofSeveralRuns({ madeInRuns }: Results): string {
  return madeInRuns === 1
    ? ''
    : ` The rows come from ${madeInRuns} runs, and a ratio between two of them is rougher than one within a run.`
}

function failures({ failed }: Results): string {
  if (failed.length === 0) return ''
  return ` Not measured, because it failed: ${failed.map(({ step }) => step).join('; ')}.`
}

const whatGrows =
  'What grows is what is done for each of 108,000 pictures and 169,000 frames of sound. Their index is read, and they are placed in time, from the moment of the stop on, ' +
  'beside what is still to be encoded and sent; then their tables are made, and read back beside the decoding. The thread that does it begins with the stop, so that no ' +
  'recording has its memory. The media itself is in COS by then, but for its last part, which goes meanwhile.'

function growth(results: Results): string {
  const grew = stopGrew(results)
  return grew === undefined
    ? ''
    : ` An hour takes ${grew.toFixed(2)} times as long as a minute (aim ${aimText(stopAim(results), 1)}). ${whatGrows}`
}

/** What is to be compared, one a line: with the MediaRecorder of the same run, and a stop after an hour with one after a minute. */
export function ratios(results: Results): string[] {
  const { runs, mediaRecorder, outputs } = results
  const times = runs.flatMap((run) => {
    const theirs = mediaRecorder.find(({ type, anchors }) => type === 'vp8' && anchors === run.anchors)
    if (theirs === undefined) return []
    return [
      `mode ${run.mode}, ${run.anchors}: ${ratio(theirs.coresPerAnchor, run.coresPerAnchor)} times less than MediaRecorder VP8`,
    ]
  })
  const { startMs } = results
  if (startMs !== null && startMs.mediaRecorder !== null)
    times.push(`first byte to a MediaRecorder's start: ${(startMs.firstByte / startMs.mediaRecorder).toFixed(2)}`)
  const grew = stopGrew(results)
  if (grew !== undefined) times.push(`stop after an hour to one after a minute: ${grew.toFixed(2)}`)
  for (const { output, here, byHand } of outputs)
    times.push(
      `output ${output}: ${(here.cpuSecondsPerHour / byHand.cpuSecondsPerHour).toFixed(2)} times the CPU of the same by hand`,
    )
  return times
}

/** Puts the summary between its marks. */
export function withSummary(text: string, results: Results): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`The README has no "${begin}" … "${end}" to write figures between`)
  return `${text.slice(0, from + begin.length)}\n${summary(results)}\n${text.slice(to)}`
}

export function writeReport(results: Results): void {
  writeFileSync(docs, report(results))
  writeFileSync(readme, withSummary(readFileSync(readme, 'utf8'), results))
}

if (process.argv[1] === import.meta.filename) {
  const results = readResults()
  if (!process.argv.includes('--check')) {
    writeReport(results)
    writeOperatorReport(readOperatorResults())
  } else {
    const text = readFileSync(readme, 'utf8')
    const stale = [
      ...(readFileSync(docs, 'utf8') === report(results) ? [] : ['docs/performance.md']),
      ...(withSummary(text, results) === text ? [] : ['README.md']),
      ...(isOperatorReportFresh() ? [] : ['docs/performance-operator.md']),
    ]
    if (stale.length > 0) {
      console.error(`Not what bench/results/ says: ${stale.join(', ')}. Run: node bench/report.ts`)
      process.exit(1)
    }
  }
}
