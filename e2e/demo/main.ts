/**
 * `make demo`: a Kubernetes of its own, the operator installed by Helm, a live room, four Recordings of it, one of them started
 * by HTTP as the template is, two clips, and all of it fetched back from COS into demo-output/. Exit code 0 only if every file holds what it must. The cluster stays up.
 */
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { projectDirectory } from '../../sandbox/src/cluster/paths.ts'
import { elapsed, onScreen, unseen } from '../../sandbox/src/progress.ts'
import { down, status, up } from '../../sandbox/src/sandbox.ts'
import { runningWorld } from '../system/world.ts'
import { collect } from './collect.ts'
import { install, prepare } from './setup.ts'
import { play, recordings, settle } from './story.ts'
import { tables } from './table.ts'
import { verify } from './verify.ts'

const { values } = parseArgs({ options: { output: { type: 'string', default: join(projectDirectory, 'demo-output') } } })
const folder = resolve(values.output)
process.chdir(projectDirectory)
let interrupted = false
let bringingUp: Promise<unknown> = Promise.resolve()

async function demo(): Promise<boolean> {
  const started = performance.now()
  say('The outside world: a TRTC room, COS, a callback sink, and a Kubernetes')
  bringingUp = up({ starting: refuseWhenInterrupted })
  await bringingUp
  const world = runningWorld()
  await step('Installing the operator and its gateway with Helm', () => install(world))
  await step('Preparing namespace demo and its Secrets', () => prepare(world))

  say(
    'A lesson in room 43474, recorded four times over, as lesson, call and moderated room: three Recordings are applied, one is started by HTTP',
  )
  const moments = await play(world, onScreen)
  const finished = await settle(onScreen)

  say('What came of it')
  const collected = await step(`Fetching everything into ${folder}`, () => collect(world, folder, finished, moments))
  const verdict = await step('Decoding every file', () => verify(world, folder, finished, collected))
  console.log(`\n${tables(collected.summary, verdict.files)}\n`)
  for (const note of verdict.notes) console.log(`  note: ${note}`)
  for (const finding of verdict.findings) console.log(`  ✗ ${finding}`)
  if (verdict.findings.length > 0) return false
  console.log("  ✓ Every file decodes and holds its user's picture and pitch and nobody else's; bob has two, dave has none.")
  console.log(`\n${next(folder)}\nThe demo took ${elapsed(performance.now() - started)}.`)
  return true
}

function next(output: string): string {
  return `Look:      ${output}/index.html (in a browser), ${output}/summary.json
Try next:  eval "$(npm run -s sandbox -- env)"        kubectl and helm of this cluster
           kubectl -n demo get rec
           kubectl -n demo describe rec ${recordings[0]!.name}
           npm run -s sandbox -- status               the room, COS and the callback sink
End:       make sandbox-down`
}

const say = (text: string) => console.log(`\n${text}`)

async function step<T>(what: string, act: () => Promise<T>): Promise<T> {
  const progress = onScreen(what)
  try {
    const value = await act()
    progress.done()
    return value
  } catch (error) {
    progress.failed((error as Error).message.split('\n')[0]!)
    throw error
  }
}

/** Ctrl-C, SIGTERM or a lost terminal, at any point: nothing is left running, whoever started it. */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interrupted) return
    interrupted = true
    console.error(`\nInterrupted (${signal}); ending everything.`)
    endEverything().then(
      () => process.exit(130),
      (error: Error) => {
        console.error(`${error.message}\nTry again: make sandbox-down`)
        process.exit(1)
      },
    )
  })
}

/** Nothing more is started from now on; what was just being started is waited for, and ended too. */
async function endEverything(): Promise<void> {
  await down(unseen)
  await Promise.race([bringingUp.catch(() => {}), sleep(5000)])
  const { cluster, services } = await status()
  if ([cluster, ...Object.values(services)].some(({ state }) => state !== 'down')) await down(unseen)
}

function refuseWhenInterrupted(): void {
  if (interrupted) throw new Error('interrupted')
}

demo().then(
  (good) => {
    if (!interrupted) process.exit(good ? 0 : 1)
  },
  (error: Error) => {
    // An interruption makes the work fail; its own end is on the way.
    if (interrupted) return
    console.error(`\nThe demo failed: ${error.message}\n\nWhat was started is left to look into; end it with: make sandbox-down`)
    process.exit(1)
  },
)
