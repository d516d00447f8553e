import { afterAll, expect } from 'vitest'
import { forwarded } from './forwarded.ts'
import { getJson, kubectl, must, run } from './kubectl.ts'
import { chartValues, installOperator, makeNamespace, ofATest, operatorNamespace, release } from './operator.ts'
import { test } from './scene.ts'
import { runningWorld } from './world.ts'

const chart = new URL('../../charts/trtc-recorder', import.meta.url).pathname
/** The release of another team, for a namespace of theirs; the first serves all namespaces. */
const second = { release: 'second', namespace: 'second', deployment: 'second-trtc-recorder' }
const there = ['--namespace', second.namespace]

/** Whatever becomes of a test, the next one finds the operator as it was. */
afterAll(async () => {
  await run('helm', ['uninstall', second.release, ...there, '--wait', '--timeout', '1m'])
  await kubectl('delete', 'namespace', second.namespace, '--wait=false', '--ignore-not-found')
  await installOperator(runningWorld())
})

interface OperatorPod {
  status: { phase?: string; conditions?: { type: string; status: string }[] }
}
const secondPod = async () => (await getJson<{ items: OperatorPod[] }>('pods', ...there)).items[0]?.status
const isReady = async () => (await secondPod())?.conditions?.find(({ type }) => type === 'Ready')?.status

/** What it says of itself at one of its ports. */
const said = (port: number, path: string) =>
  forwarded(second.namespace, `deployment/${second.deployment}`, port, async (url) => {
    const answer = await fetch(`${url}${path}`)
    return `${answer.status} ${await answer.text()}`
  })
const claims = async () =>
  [...(await said(8080, '/metrics')).matchAll(/^trtc_recorder_claims\{state="(\w+)"\} (\d+)$/gm)].map(
    ([, state, count]) => `${state} ${count}`,
  )

test('of two releases in one cluster the second says who serves its namespace, and takes over when the first is uninstalled', async ({
  scene,
}) => {
  const first = `${operatorNamespace}/${release}`
  await scene.publish('alice')
  const recording = await scene.recordFromNow('served')
  const [recorder] = await recording.pods()

  await makeNamespace(second.namespace, ofATest)
  const patience = { name: 'TRTC_RECORDER_CLAIM_PATIENCE_SECONDS', value: '3' }
  const values = { ...chartValues(runningWorld()), watchNamespaces: [scene.namespace], extraEnv: [patience] }
  const notes = await must('helm', ['install', second.release, chart, ...there, '--values', '-'], JSON.stringify(values))
  expect(notes).toContain(`NOT SERVED BY THIS RELEASE: namespace ${scene.namespace} is served by release ${first}`)
  expect(notes.split('installed by somebody else')).toHaveLength(2)

  await expect.poll(async () => (await secondPod())?.phase, { timeout: 60_000 }).toBe('Running')
  await expect
    .poll(() => said(8081, '/readyz'), { timeout: 30_000 })
    .toContain(`503 claims: release ${first} holds ${scene.namespace}/`)
  expect(await claims()).toEqual(['held 0', 'other 1', 'unguarded 0'])
  // The kubelet asks every few seconds, and takes back what it said after several answers.
  await expect.poll(isReady, { timeout: 60_000 }).toBe('False')
  const events = () => scene.kubectl('get', 'events', '--field-selector', 'reason=ServedByAnotherRelease')
  await expect.poll(events, { timeout: 10_000 }).toContain(`Namespace ${scene.namespace} is served by release ${first}`)

  await must('helm', ['uninstall', release, '--namespace', operatorNamespace, '--wait', '--timeout', '1m'])
  await expect.poll(isReady, { timeout: 60_000 }).toBe('True')
  expect(await claims()).toEqual(['held 1', 'other 0', 'unguarded 0'])
  const lease = await scene.kubectl('get', 'lease', 'trtc-recorder.dev', '-o', 'jsonpath={.spec.holderIdentity}')
  expect(lease).toBe(`${second.namespace}/${second.deployment}`)

  // The recording has gone on, and is now the second one's.
  await recording.stop()
  const { status } = await recording.settled()
  expect(status).toMatchObject({
    stopReason: 'StopRequested',
    attempts: [{ number: 1, podUid: recorder!.metadata.uid, reason: 'Completed' }],
    files: [{ userId: 'alice', status: 1 }],
  })
  await recording.delete()
  await recording.gone(30)
  expect(await recording.remains()).toEqual([])
})
