import { glob, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)

/** What is repeated, or looked at again, after a time that is written down as a number or comes from the configuration. */
const fixed =
  /setInterval\(|lookAgainIn\(\s*[\d_]|requeueAfterMillis:\s*[\d_]*[1-9]|(await|=>) sleep\([^)]*(Seconds|PeriodMillis)\b/

/** Each with why it need not grow. */
const known: Record<string, string> = {
  'gateway/src/document.ts: const timer = setInterval(look, everyMillis)':
    'a file of this very process: a mounted Secret is changed without anybody being told',
  "operator/src/clip/decide.ts: return { status, answers: heeded.answers, action: { do: 'nothing' }, requeueAfterMillis: 1 }":
    'once: then its status says that it is begun anew',
  'operator/src/kube/lease.ts: await sleep(retryPeriodMillis * (1 + jitterFactor * Math.random()), signal)':
    'leader election: who waits for a lease that runs out has to see that it does',
  'operator/src/kube/lease.ts: await sleep(retryPeriodMillis, this.#stop.signal)':
    'leader election: a lease that is not renewed is lost',
  'operator/src/recording/decide.ts: draft.lookAgainIn(0)':
    'once: then the status says that recording is over, and what is planned is given up',
  'operator/src/recording/next-attempt.ts: draft.lookAgainIn(15_000)':
    'once: then its Pod is there, or the API server has refused it, which is waited for by the table of troubles',
}

test('nothing is repeated at a fixed rate but what is known, and why', async () => {
  const found: string[] = []
  for await (const file of glob('{operator,gateway,cli,kube}/src/**/*.ts', { cwd: root })) {
    if (/\.test\.ts$|testing|\/model/.test(file)) continue
    const lines = (await readFile(new URL(file, root), 'utf8')).split('\n')
    found.push(...lines.filter((line) => fixed.test(line)).map((line) => `${file}: ${line.trim()}`))
  }
  expect(found.toSorted()).toEqual(Object.keys(known).toSorted())
})
