import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the browser of a replay does. */
export interface Replay {
  /** JSON with the pictures and packets that are repeated. */
  clip: string
  /** Of media, sent as fast as it is taken; from then on at the pace of a clock. */
  recordedSeconds: number
  /** Is made when that point is reached. */
  marker: string
}

/** Writes a program that a recorder starts in place of Chromium. It is one file, for a recorder gives its browser no environment. */
export function writeReplay(directory: string, name: string, replay: Replay): string {
  const path = join(directory, name)
  const browser = join(import.meta.dirname, 'browser.ts')
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${browser}' '${JSON.stringify(replay)}'\n`)
  chmodSync(path, 0o755)
  return path
}
