import type { AppliedRecording } from './applied-recording.ts'
import { run } from './kubectl.ts'
import { operatorNamespace } from './operator.ts'

/** What a person would ask the cluster about the Recordings of a test that failed. */
export async function diagnosis(test: string, recordings: readonly AppliedRecording[]): Promise<string> {
  const parts = await Promise.all(recordings.map(ofRecording))
  const operator = await ask('logs', '--namespace', operatorNamespace, 'deployment/trtc-recorder', '--tail=40')
  return [`===== ${test}`, ...parts, '--- operator', operator, `===== end of ${test}`].join('\n')
}

async function ofRecording({ name, namespace, selector }: AppliedRecording): Promise<string> {
  const here = ['--namespace', namespace]
  const [yaml, description, pods, logs] = await Promise.all([
    ask('get', 'recording', name, ...here, '-o', 'yaml'),
    ask('describe', 'recording', name, ...here),
    ask('describe', 'pods', ...here, '--selector', selector),
    ask('logs', ...here, '--selector', selector, '--prefix', '--tail=60'),
  ])
  const events = description.slice(Math.max(0, description.indexOf('Events:')))
  return [`--- ${name}`, yaml, events, '--- its Pods', pods, logs].join('\n')
}

/** What kubectl says, be it that it cannot. */
async function ask(...args: string[]): Promise<string> {
  const { stdout, stderr } = await run('kubectl', args)
  return stdout + stderr
}
