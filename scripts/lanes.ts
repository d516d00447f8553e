import { globSync } from 'node:fs'
import { resolve } from 'node:path'

/** Files of a project that vitest runs in one go. */
export interface Lane {
  /** All of the project, if none is named. */
  files: readonly string[]
  /** Several files at a time, as many as the project's `maxWorkers`. */
  sideBySide: boolean
  /** Runs Kubernetes or an image. Without, it may run while these are built. */
  needsBuild: boolean
}

/** They compute, and wait for no clock: neither a browser's nor a sender's. */
const computing = [
  'e2e/media/check-file',
  'e2e/store/{clips,credentials,no-space,outputs,preflight,release,resume,upload,week}',
  'recorder-image/src/clips/cut-file',
  'recorder-image/src/live/stills/decode-still',
  'recorder-image/src/media/{dtx,h265-order,hour,long-mp3,media-file,opus-decoding,released,salvage,self-check}',
  'recorder-image/src/outputs/{mix-picture,paella,sound-outputs}',
]
/** They play in real time, and held beside what seven others ran on the same two cores (a load of 8 to 23); a build at the lowest priority is less. */
const unhurried = ['e2e/recorder/{line,pause,pause-and-faults,pcm,recording,stops}', 'e2e/replay/replay', 'sandbox/src/room']
/** They talk to an API server that each has for itself, and wait for its answers most of the time. */
const onAnApiServer = ['e2e/cli', 'e2e/gateway', 'e2e/gitops', 'e2e/operator']

const root = resolve(import.meta.dirname, '..')
const find = (patterns: string[]) => globSync(patterns, { cwd: root, exclude: ['**/node_modules'] }).sort()

/** The integration tests. Those of which nothing else is known come last, and have the machine to themselves. */
export function integrationLanes(): Lane[] {
  const within = (places: readonly string[]) => find(places.map((place) => `${place}{/**/*,}.integration.test.ts`))
  const first: Lane[] = [
    { files: within(computing), sideBySide: true, needsBuild: false },
    { files: within(unhurried), sideBySide: false, needsBuild: false },
    { files: within(onAnApiServer), sideBySide: true, needsBuild: true },
  ]
  const named = new Set(first.flatMap(({ files }) => files))
  const others = find(['**/*.integration.test.ts']).filter((file) => !named.has(file))
  return [...first, { files: others, sideBySide: false, needsBuild: true }]
}
