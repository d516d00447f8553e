/** `kubectl trtc`: what a person does with Recordings beyond get and describe. Runs the user's own kubectl. */
import { annotationName, type UserAnnotation, userAnnotations } from '@trtc-recorder/api'
import { Command, InvalidArgumentError, Option } from 'commander'
import { clipTarget, createClip, eventsOf, getClip, getRecording, patchRecording, userKubectl } from './kubectl.ts'
import { report } from './report.ts'
import { files, filesBeyond, followed, story } from './story.ts'

const program = new Command('kubectl trtc')
  .description('Recordings: their story, their files, their logs, and the ways out')
  .option('-n, --namespace <namespace>', 'namespace of the Recording')
  .option('--context <context>', 'kubeconfig context')
  .option('--kubeconfig <file>', 'kubeconfig file')
  .showHelpAfterError()

function kubectl() {
  const { namespace, context, kubeconfig } = program.opts<Record<string, string | undefined>>()
  const flags = Object.entries({ namespace, context, kubeconfig })
  return userKubectl(flags.flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}=${value}`])))
}

program
  .command('status <recording>')
  .description('its story on one screen, with what to do next')
  .action(async (name: string) => {
    const recording = await getRecording(kubectl(), name)
    // Who may see Recordings need not be allowed to see Events.
    const events = await eventsOf(kubectl(), recording.metadata.uid).catch((error: Error) => {
      process.stderr.write(`Without Events: ${error.message}\n`)
      return []
    })
    process.stdout.write(story(recording, events, new Date()))
  })

program
  .command('files <recording>')
  .description('its files, with their addresses')
  .addOption(new Option('-o, --output <format>', 'how they are written').choices(['table', 'json']).default('table'))
  .action(async (name: string, { output }: { output: string }) => {
    const recording = await getRecording(kubectl(), name)
    const beyond = filesBeyond(recording)
    if (output === 'json') {
      for (const line of beyond) process.stderr.write(`${line}\n`)
      process.stdout.write(`${JSON.stringify(recording.status?.files ?? [], undefined, 2)}\n`)
      return
    }
    const lines = [...files(recording), ...beyond]
    process.stdout.write(lines.length === 0 ? `${name} has no files yet\n` : `${lines.join('\n')}\n`)
  })

program
  .command('logs <recording>')
  .description('the logs of all its attempts, oldest first')
  .option('-f, --follow', 'goes on with the one that runs')
  .action(async (name: string, { follow }: { follow?: boolean }) => {
    const attempts = (await getRecording(kubectl(), name)).status?.attempts ?? []
    if (attempts.length === 0) process.stderr.write(`${name} has had no attempt yet\n`)
    const live = follow ? followed(attempts) : undefined
    let had = 0
    for (const attempt of [...attempts.filter((one) => one !== live), ...(live === undefined ? [] : [live])]) {
      const { number, pod } = attempt
      process.stderr.write(`--- attempt ${number}, Pod ${pod}\n`)
      const flags = attempt === live ? ['--follow'] : []
      const code = await kubectl().show(['logs', pod, '--container', 'recorder', ...flags])
      if (code === 0) had += 1
      else process.stderr.write(`The log of ${pod} cannot be had\n`)
    }
    if (attempts.length > 0 && had === 0) process.exitCode = 1
  })

program
  .command('stop <recording>')
  .description('ends the recording: files are finished, uploaded and reported')
  .option('--wait <seconds>', 'waits until it is over; fails unless every file is stored', wholeSeconds)
  .action(async (name: string, { wait }: { wait?: number }) => {
    process.stdout.write(await patchRecording(kubectl(), name, { spec: { desiredState: 'Stopped' } }))
    if (wait === undefined) return
    const target = ['recordings.trtc-recorder.dev', name].join('/')
    process.exitCode = await kubectl().show(['wait', target, '--for=jsonpath={.status.completionTime}', `--timeout=${wait}s`])
    if (process.exitCode !== 0) return
    const { status } = await getRecording(kubectl(), name)
    const stored = status?.conditions?.find(({ type }) => type === 'Stored')
    if (stored?.status === 'True') return
    process.stderr.write(`${stored?.message ?? 'It is not known whether every file is stored'}\n`)
    process.exitCode = 1
  })

interface ClipFlags {
  from: string
  to: string
  user: string[]
  stream?: ('main' | 'aux')[]
  exact?: true
  name?: string
  callback?: string
  signingKey?: string
  wait?: number
}

program
  .command('clip <recording>')
  .description('cuts a stretch of time out of it, into files of its own')
  .requiredOption('--from <moment>', 'a time (2026-03-01T09:30:00Z), or an offset from the start of the recording (12m30s)')
  .requiredOption('--to <moment>', 'likewise')
  .option('--user <user>', 'whose, a user id or a prefix followed by .*$; may be given several times', several, [])
  .option('--stream <stream>', 'main or aux; both, where it is not given', several)
  .option(
    '--exact',
    'with nothing in its files from before --from that a player would have to hide: a few pictures are encoded anew',
  )
  .option('--name <name>', 'of the RecordingClip; otherwise that of the recording and some letters')
  .option('--callback <url>', 'who is told what became of it')
  .option('--signing-key <secret>', 'the Secret whose signingKey signs what is told')
  .option(
    '--wait <seconds>',
    'waits until it is over, and tells where its files are; fails unless every file is stored',
    wholeSeconds,
  )
  .action(async (recording: string, { from, to, user, stream, exact, name, callback, signingKey, wait }: ClipFlags) => {
    if (signingKey !== undefined && callback === undefined)
      program.error('error: --signing-key signs what --callback is told: give an address, too')
    const metadata = name === undefined ? { generateName: `${beginningOf(recording)}-` } : { name }
    const spec = {
      recordingRef: { name: recording },
      from,
      to,
      users: user,
      ...(stream === undefined ? {} : { streams: stream }),
      ...(exact === undefined ? {} : { exact }),
      ...(callback === undefined ? {} : { callback: { url: callback, ...signedWith(signingKey) } }),
    }
    const made = await createClip(kubectl(), metadata, spec)
    process.stdout.write(`${clipTarget(made.metadata.name)} created\n`)
    if (wait === undefined) return
    const until = ['--for=jsonpath={.status.completionTime}', `--timeout=${wait}s`]
    process.exitCode = await kubectl().show(['wait', clipTarget(made.metadata.name), ...until])
    if (process.exitCode !== 0) return
    const { status } = await getClip(kubectl(), made.metadata.name)
    for (const { url, source, message } of status?.files ?? []) process.stdout.write(`${url || `${source}: ${message}`}\n`)
    const succeeded = status?.conditions?.find(({ type }) => type === 'Succeeded')
    if (succeeded?.reason === 'NotExact') process.stderr.write(`${succeeded.message}\n`)
    if (succeeded?.status === 'True') return
    process.stderr.write(`${succeeded?.message ?? 'It is not known what became of it'}\n`)
    process.exitCode = 1
  })

/** So much of a name that letters fit behind it; a part of a name does not end in a dot or dash. */
const beginningOf = (name: string) => name.slice(0, 46).replace(/[.-]+$/, '')

const signedWith = (secret: string | undefined) =>
  secret === undefined ? {} : { signingKeySecretRef: { name: secret, key: 'signingKey' } }

function several(text: string, before: string[] = []): string[] {
  return [...before, text]
}

function wholeSeconds(text: string): number {
  const seconds = Number(text)
  if (!Number.isInteger(seconds) || seconds < 1) throw new InvalidArgumentError('It must be a number of seconds, such as 60.')
  return seconds
}

// Each new value of an annotation is one request.
for (const [request, meaning] of Object.entries(userAnnotations) as [UserAnnotation, string][]) {
  const command = program.command(`${request} <recording>`).description(meaning)
  if (request === 'give-up') command.requiredOption('--yes', 'what is lost then is lost')
  command.action(async (name: string) => {
    const annotations = { [annotationName(request)]: new Date().toISOString() }
    process.stdout.write(await patchRecording(kubectl(), name, { metadata: { annotations } }))
  })
}

program
  .command('report <recording>')
  .description('a support bundle without a secret in it, to attach to an issue')
  .action(async (name: string) => {
    process.stdout.write(await report(kubectl(), name, new Date()))
  })

// Of a pager or a `head` that has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})

await program.parseAsync().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
})
