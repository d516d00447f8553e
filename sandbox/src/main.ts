import { spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { Argument, Command } from 'commander'
import { type Binary, ensureBinaries } from './cluster/binaries.ts'
import { kubeconfigFile } from './cluster/index.ts'
import { images } from './images/index.ts'
import { onScreen, unseen } from './progress.ts'
import { build, down, type Part, parts, startPart, status, stopPart, up } from './sandbox.ts'
import { sandboxFile, sandboxState } from './services.ts'

const program = new Command('npm run -s sandbox --')
  .description('The outside world of the recorder on this machine: a TRTC room, COS, a callback sink, a one-node Kubernetes.')
  .enablePositionalOptions()

program
  .command('up')
  .description('starts all of it; the first time it builds Kubernetes and the images')
  .action(() =>
    undoneWhenInterrupted(async (starting) => {
      await up({ starting })
      console.error(`The sandbox is up. Where everything is: ${sandboxFile}\nkubectl: npm run -s sandbox -- kubectl get pods`)
    }),
  )

program
  .command('down')
  .description('ends all of it and leaves nothing behind but caches and logs')
  .action(() => down())

program
  .command('start')
  .description('starts one part on its own')
  .addArgument(new Argument('<part>').choices(parts))
  .action((part: Part) =>
    undoneWhenInterrupted(async (starting) => {
      await startPart(part, { starting })
      console.log(JSON.stringify(sandboxState()[part] ?? {}, undefined, 2))
    }),
  )

program
  .command('stop')
  .description('ends one part')
  .addArgument(new Argument('<part>').choices(parts))
  .action((part: Part) => stopPart(part))

program
  .command('status')
  .description('says as JSON what runs; exit code 0 only if all of it does')
  .action(async () => {
    const all = await status()
    console.log(JSON.stringify(all, undefined, 2))
    const states = [all.cluster, ...Object.values(all.services)]
    if (states.some(({ state }) => state !== 'up')) process.exitCode = 1
  })

program
  .command('build')
  .description('builds Kubernetes and the images where they are not yet, and starts nothing')
  .action(() => build())

program
  .command('images')
  .description('builds the images of the sources as they are, imports them if the cluster is up, prints their references')
  .action(async () => console.log(JSON.stringify(await images(onScreen), undefined, 2)))

program
  .command('env')
  .description('prints what to eval in a shell so that kubectl and helm use the cluster')
  .action(async () => {
    const { kubectl, helm } = await ensureBinaries(['kubectl', 'helm'])
    console.log(`export KUBECONFIG=${kubeconfigFile} PATH=${dirname(kubectl)}:${dirname(helm)}:$PATH`)
  })

for (const name of ['kubectl', 'helm'] as const) {
  program
    .command(`${name} [arguments...]`)
    .description(`runs ${name} on the cluster`)
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action((args: string[]) => passThrough(name, args))
}

program.parseAsync().catch((error: Error) => {
  console.error(`\n${error.message}`)
  process.exit(1)
})

async function passThrough(name: Binary, args: readonly string[]): Promise<void> {
  const { [name]: path } = await ensureBinaries([name])
  const child = spawn(path, args, { stdio: 'inherit', env: { ...process.env, KUBECONFIG: kubeconfigFile } })
  // The terminal gives Ctrl-C to both; the command decides.
  process.on('SIGINT', () => {})
  process.exitCode = await new Promise<number>((resolve, reject) =>
    child.once('error', reject).once('close', (code) => resolve(code ?? 1)),
  )
}

/** Ctrl-C, SIGTERM or a lost terminal while something is being started: what this command has started is ended again. */
async function undoneWhenInterrupted(work: (starting: (part: Part) => void) => Promise<void>): Promise<void> {
  const started: Part[] = []
  let interrupted = false
  const undo = async (signal: NodeJS.Signals) => {
    if (interrupted) return
    interrupted = true
    console.error(`\nInterrupted (${signal}); ending what was started.`)
    for (const part of started.reverse()) await stopPart(part, unseen)
    process.exit(130)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void undo(signal))
  const starting = (part: Part) => {
    if (interrupted) throw new Error('interrupted')
    started.push(part)
  }
  await work(starting).catch((error: unknown) => {
    // The interruption itself makes the work fail; the answer to it is on its way.
    if (!interrupted) throw error
  })
}
