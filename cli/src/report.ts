import { eventsOf, getRecording, type Kubectl } from './kubectl.ts'
import { redact, redactText, withoutSecretsOf } from './redact.ts'
import { story } from './story.ts'

/**
 * Everything an issue about a Recording needs, as one text: its story, the objects, the end of each attempt's log, the operator's version. No Secret is read;
 * what could let somebody in is taken out of the rest. A part that cannot be had says why in its place.
 */
export async function report(kubectl: Kubectl, name: string, now: Date): Promise<string> {
  const recording = await getRecording(kubectl, name)
  const { uid } = recording.metadata
  const json = async (args: readonly string[]) =>
    JSON.stringify(redact(JSON.parse(await kubectl.read([...args, '--output', 'json']))), null, 2)
  const selector = ['--selector', `trtc-recorder.dev/recording-uid=${uid}`]
  const pods = (recording.status?.attempts ?? []).map(({ pod }) => pod)
  const parts: [string, () => Promise<string>][] = [
    ['Story', async () => redactText(story(recording, await eventsOf(kubectl, uid).catch(() => []), now))],
    ['Versions', async () => (await kubectl.read(['version'])).trim()],
    ['Recording', () => json(['get', 'recordings.trtc-recorder.dev', name])],
    ['Pods', () => json(['get', 'pods', ...selector])],
    ['Volumes', () => json(['get', 'persistentvolumeclaims', ...selector])],
    ['Events', async () => JSON.stringify(redact(await eventsOf(kubectl, uid)), null, 2)],
    ...pods.map((pod): [string, () => Promise<string>] => [
      `Log of ${pod}`,
      async () => {
        const log = await kubectl.read(['logs', pod, '--container', 'recorder', '--tail', '2000'])
        return log.split('\n').map(redact).join('\n')
      },
    ]),
  ]
  const texts: string[] = []
  for (const [title, part] of parts) {
    const text = await part().catch((error: Error) => `(not to be had: ${redactText(error.message)})`)
    texts.push(`===== ${title} =====\n${text.trimEnd()}\n`)
  }
  return withoutSecretsOf(recording)(texts.join('\n'))
}
