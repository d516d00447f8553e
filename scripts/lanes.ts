import { globSync } from 'node:fs'
import { resolve } from 'node:path'

/** Files of a project that vitest runs in one go. */
export interface Lane {
  /** All of the project, if none is named. */
  files: readonly string[]
  filesAtATime: number
  /** Runs Kubernetes or an image. Without, it may run while these are built. */
  needsBuild: boolean
  /** Runs beside the lanes that follow, with the time that they leave (SCHED_IDLE), up to the first that needs what is built. */
  beside?: true
}

/** They compute, and wait for no clock: neither a browser's nor a sender's. It may take them several times as long. */
const computing = [
  'e2e/media/{beginnings,check-file}',
  'e2e/store/{clips,credentials,names,no-space,outputs,preflight,release,resume,upload,week}',
  'recorder-image/src/clips/cut-file',
  'recorder-image/src/live/stills/decode-still',
  'recorder-image/src/media/{dtx,h265-order,hour,long-mp3,media-file,opus-decoding,salvage,salvage-accounts,self-check}',
  'recorder-image/src/outputs/{mix-picture,paella,sound-outputs}',
  'recorder-image/src/recorder/{held-excluded,held-leftovers}',
]
/** Ten users or five who send from one process, on time: where that is held up they begin anew. Beside what has the lowest priority they hold. */
const onTime = ['e2e/recorder/{line,random-plan}']
/** They play in real time, or wait for what must come in time, and hold two at a time, also beside what has the lowest priority. */
const unhurried = [
  'e2e/demo/page',
  'e2e/recorder/{clock,full-volume,hangs,kills,kills-of-outputs,leaving,live-clips,live-pictures,pause,pause-and-faults,pcm,real-publisher,recording,stops}',
  'e2e/replay/{odd-rooms,replay}',
  'e2e/store/{fifty-users,live-slices}',
  'e2e/try',
  'e2e/verify-cloud',
  'recorder-image/build',
  'recorder-image/src/live/hls',
  'recorder-image/src/media/{chromium-playback,gaps,kills,released}',
  'recorder-image/src/{room,tap}',
  'sandbox/src/room',
]
/** They talk to an API server that each has for itself, and wait for its answers most of the time. */
const onAnApiServer = ['e2e/cli', 'e2e/gateway', 'e2e/gitops', 'e2e/operator']
/** End-to-end tests that have namespaces, rooms and users of their own, and change nothing that others share: neither the operator nor COS as a whole. */
const inTheirNamespaces = [
  'e2e/gateway/gateway',
  'e2e/system/{bad-input,deletion,fidelity,kubectl,live-clip,node-loss,pause,secrets}',
]

const root = resolve(import.meta.dirname, '..')
const find = (patterns: readonly string[]) => globSync(patterns, { cwd: root, exclude: ['**/node_modules'] }).sort()
const within = (places: readonly string[], kind: 'integration' | 'e2e') =>
  find(places.map((place) => `${place}{/**/*,}.${kind}.test.ts`))

/** The integration tests. Those of which nothing else is known come last, and have the machine to themselves. */
export function integrationLanes(): Lane[] {
  return withOthers('integration', [
    { files: within(computing, 'integration'), filesAtATime: 3, needsBuild: false, beside: true },
    { files: within(onTime, 'integration'), filesAtATime: 1, needsBuild: false },
    { files: within(unhurried, 'integration'), filesAtATime: 2, needsBuild: false },
    { files: within(onAnApiServer, 'integration'), filesAtATime: 3, needsBuild: true },
  ])
}

/** The end-to-end tests; likewise. */
export function e2eLanes(): Lane[] {
  return withOthers('e2e', [{ files: within(inTheirNamespaces, 'e2e'), filesAtATime: 2, needsBuild: true }])
}

function withOthers(kind: 'integration' | 'e2e', lanes: Lane[]): Lane[] {
  const named = new Set(lanes.flatMap(({ files }) => files))
  const others = find([`**/*.${kind}.test.ts`]).filter((file) => !named.has(file))
  return [...lanes, { files: others, filesAtATime: 1, needsBuild: true }]
}
