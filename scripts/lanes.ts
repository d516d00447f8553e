import { globSync } from 'node:fs'
import { resolve } from 'node:path'

export type Project = 'unit' | 'integration' | 'e2e'

/** Files of a project that vitest runs in one go. */
export interface Lane {
  project: Project
  /** All of the project, if none is named. */
  files: readonly string[]
  filesAtATime: number
  /** Runs Kubernetes or an image. Without, it may run while these are built. */
  needsBuild: boolean
}

/** They compute, and wait for no clock: neither a browser's nor a sender's. It may take them several times as long. */
const computing = [
  'e2e/media/{beginnings,check-file}',
  'e2e/store/{clips,credentials,exact-clips,names,no-space,outputs,preflight,release,resume,upload,week}',
  'recorder-image/src/clips/cut-file',
  'recorder-image/src/live/stills/decode-still',
  'recorder-image/src/media/{dtx,h265-file,h265-order,hour,long-mp3,media-file,opus-decoding,salvage,salvage-accounts,self-check}',
  'recorder-image/src/outputs/{mix-picture,paella,sound-outputs}',
  'recorder-image/src/recorder/{held-excluded,held-leftovers}',
]
/** Ten users or five who send from one process, on time: where that is held up they begin anew. Beside what has the lowest priority they hold. */
const onTime = ['e2e/recorder/{line,random-plan}']
/** They play in real time, or wait for what must come in time, and hold two at a time, also beside what has the lowest priority. */
const unhurried = [
  'e2e/demo/page',
  'e2e/recorder/{clock,full-volume,hangs,live-clips,live-pictures,pcm,real-publisher,recording,stops}',
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
/** The same, and as long in all as the end-to-end tests that go one by one, which leave half of the machine: one of these and one of those are two. */
const unhurriedToo = ['e2e/recorder/{kills,kills-of-outputs,leaving,pause,pause-and-faults}']
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

export interface Plan {
  /** One after the other; lanes of one step run side by side. */
  steps: Lane[][]
  /** Runs beside all of them once all is built, with the time that they leave (SCHED_IDLE). */
  beside: Lane[]
}

/** What `make test` runs, when. Tests of which nothing is known come last of their project, and have the machine to themselves but for what runs beside all. */
export function plan(projects: readonly Project[]): Plan {
  const has = (project: Project) => projects.includes(project)
  const integration = (places: readonly string[], filesAtATime: number, needsBuild: boolean): Lane => ({
    ...{ project: 'integration', files: within(places, 'integration'), filesAtATime, needsBuild },
  })
  const beside = has('integration') ? [integration(computing, 3, true)] : []
  const apart = has('integration') && has('e2e') ? [integration(unhurriedToo, 1, false)] : []
  const front: Lane[] = [
    ...(has('unit') ? [{ project: 'unit' as const, files: [], filesAtATime: 1, needsBuild: false }] : []),
    ...(has('integration')
      ? [
          integration(onTime, 1, false),
          integration(apart.length > 0 ? unhurried : [...unhurried, ...unhurriedToo], 2, false),
          integration(onAnApiServer, 3, true),
        ]
      : []),
  ]
  const alone = has('integration') ? [others('integration', [...front, ...apart, ...beside])] : []
  const together: Lane[] = has('e2e')
    ? [{ project: 'e2e', files: within(inTheirNamespaces, 'e2e'), filesAtATime: 2, needsBuild: true }]
    : []
  const last = has('e2e') ? [[others('e2e', together), ...apart]] : []
  return { steps: [...[...front, ...alone, ...together].map((lane) => [lane]), ...last], beside }
}

function others(project: 'integration' | 'e2e', lanes: readonly Lane[]): Lane {
  const named = new Set(lanes.flatMap(({ files }) => files))
  const files = find([`**/*.${project}.test.ts`]).filter((file) => !named.has(file))
  return { project, files, filesAtATime: 1, needsBuild: true }
}
