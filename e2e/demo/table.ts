import type { DemoSummary } from './summary.ts'
import type { CheckedFile } from './verify.ts'

/** The end of the demo for a person: a line a file, and a line a Recording. */
export function tables(summary: DemoSummary, files: Record<string, CheckedFile[]>): string {
  const rows = summary.recordings.flatMap((recording) =>
    (files[recording.name] ?? []).map(({ file, codecs, measures }) => [
      recording.name,
      file.userId,
      codecs,
      `${file.durationSeconds.toFixed(1)} s`,
      size(file.bytes),
      measures.framesSent === 0 ? '' : `${measures.framesRecorded} of ${measures.framesSent}`,
      file.url,
    ]),
  )
  const totals = summary.recordings.map(({ name, mode, stopReason, callback, timings }) => [
    name,
    mode,
    stopReason,
    seconds(timings.applyToStartedMs),
    seconds(timings.stopToStoredMs),
    timings.stopToCallbackMs === null ? 'none' : seconds(timings.stopToCallbackMs),
    callback?.state ?? 'none',
  ])
  return [
    table(['Recording', 'user', 'codec', 'length', 'size', 'frames', 'URL'], rows),
    table(
      ['Recording', 'mode', 'stopped because', 'apply to recording', 'stop to stored', 'stop to callback', 'callback'],
      totals,
    ),
  ].join('\n\n')
}

/** Columns as wide as their widest cell; the last one as it is. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column]!))).join('  ')
  return [
    line(head),
    line(widths.map((width, column) => '-'.repeat(column === head.length - 1 ? head[column]!.length : width))),
    ...rows.map(line),
  ].join('\n')
}

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(2)} s`
const size = (bytes: number) => (bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`)
