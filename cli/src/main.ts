/** `kubectl trtc`: what a person does with Recordings beyond get and describe. Runs the user's own kubectl. */
import { annotationName, type UserAnnotation, userAnnotations } from '@trtc-recorder/api'
import { Command } from 'commander'
import { eventsOf, getRecording, patchRecording, userKubectl } from './kubectl.ts'
import { report } from './report.ts'
import { files, story } from './story.ts'

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
    const events = await eventsOf(kubectl(), recording.metadata.uid)
    process.stdout.write(story(recording, events, new Date()))
  })

program
  .command('files <recording>')
  .description('its files, with their addresses')
  .option('-o, --output <format>', 'table or json', 'table')
  .action(async (name: string, { output }: { output: string }) => {
    const recording = await getRecording(kubectl(), name)
    const text = output === 'json' ? JSON.stringify(recording.status?.files ?? [], undefined, 2) : files(recording).join('\n')
    process.stdout.write(text === '' ? `${name} has no files yet\n` : `${text}\n`)
  })

program
  .command('logs <recording>')
  .description('the logs of all its attempts, oldest first')
  .option('-f, --follow', 'goes on with the one that runs')
  .action(async (name: string, { follow }: { follow?: boolean }) => {
    const attempts = (await getRecording(kubectl(), name)).status?.attempts ?? []
    if (attempts.length === 0) process.stderr.write(`${name} has had no attempt yet\n`)
    for (const { number, pod, endTime } of attempts) {
      process.stderr.write(`--- attempt ${number}, Pod ${pod}\n`)
      const flags = follow && endTime === undefined ? ['--follow'] : []
      const code = await kubectl().show(['logs', pod, '--container', 'recorder', ...flags])
      if (code !== 0) process.stderr.write(`The log of ${pod} cannot be had any more\n`)
    }
  })

program
  .command('stop <recording>')
  .description('ends the recording: files are finished, uploaded and reported')
  .option('--wait <seconds>', 'waits until every file is stored')
  .action(async (name: string, { wait }: { wait?: string }) => {
    process.stdout.write(await patchRecording(kubectl(), name, { spec: { desiredState: 'Stopped' } }))
    if (wait === undefined) return
    const target = ['recordings.trtc-recorder.dev', name].join('/')
    process.exitCode = await kubectl().show(['wait', target, '--for=condition=Succeeded', `--timeout=${wait}s`])
  })

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

await program.parseAsync().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
})
