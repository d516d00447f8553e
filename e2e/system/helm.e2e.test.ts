import type { Recording } from '@trtc-recorder/api'
import { afterAll, expect } from 'vitest'
import { kubectl, must } from './kubectl.ts'
import { chartValues, installOperator, operatorNamespace, release } from './operator.ts'
import { recordFor, test } from './scene.ts'
import { runningWorld } from './world.ts'

/** Whatever becomes of a test, the next one finds the operator as it was. */
afterAll(() => installOperator(runningWorld()))

const here = ['--namespace', operatorNamespace]
const chart = new URL('../../charts/trtc-recorder', import.meta.url).pathname

const operatorPods = async () => (await kubectl('get', 'pods', ...here, '-o', 'name')).trim()

test('helm upgrade replaces the operator, and a recording goes on as if nothing were', async ({ scene }) => {
  await scene.publish('alice')
  const recording = await scene.recordFromNow('upgraded')
  const [recorder] = await recording.pods()
  const operator = await operatorPods()
  const values = JSON.stringify({
    ...{ ...chartValues(runningWorld()), podAnnotations: { upgraded: 'yes' } },
    ...{ metrics: { service: { enabled: true } }, networkPolicy: { enabled: true } },
  })
  await must('helm', ['upgrade', release, chart, ...here, '--values', '-', '--wait', '--timeout', '2m'], values)
  await kubectl('wait', operator, ...here, '--for=delete', '--timeout=60s')
  expect((await recording.pods()).map(({ metadata }) => metadata.uid)).toEqual([recorder!.metadata.uid])
  expect(await must('helm', ['test', release, ...here, '--timeout', '1m'])).toMatch(/Phase: +Succeeded/)
  const policies = await kubectl('get', 'networkpolicies', ...here, '-o', 'jsonpath={.items[*].spec.policyTypes[*]}')
  expect(policies).toMatch(/Ingress.*Egress/)

  await recording.stop()
  const { status } = await recording.settled()
  expect(status).toMatchObject({
    stopReason: 'StopRequested',
    attempts: [{ number: 1, podUid: recorder!.metadata.uid, reason: 'Completed' }],
    files: [{ userId: 'alice', status: 1 }],
  })
})

test('helm uninstall leaves the CRD, finished Recordings that can be deleted, and a recording that goes on', async ({
  scene,
}) => {
  const finished = await scene.record('finished', { desiredState: 'Stopped' })
  await finished.settled()
  await finished.until('let go', ({ metadata }) => metadata.finalizers === undefined)
  await scene.publish('alice')
  const running = await scene.recordFromNow('running')

  const operator = await operatorPods()
  await must('helm', ['uninstall', release, ...here, '--wait', '--timeout', '2m'])
  await kubectl('wait', operator, ...here, '--for=delete', '--timeout=60s')
  const kinds = 'deployments,replicasets,pods,services,roles,rolebindings,serviceaccounts,leases'
  const left = await kubectl('get', kinds, ...here, '-o', 'name')
  // The default account is the namespace's own. The Lease is the operator's, and harmless without one.
  expect(left.split('\n').filter((name) => name && !/serviceaccount\/default|^lease/.test(name))).toEqual([])
  expect(
    await kubectl('get', 'clusterroles,clusterrolebindings', '-l', `app.kubernetes.io/instance=${release}`, '-o', 'name'),
  ).toBe('')
  expect(await kubectl('get', 'crd', 'recordings.trtc-recorder.dev', '-o', 'name')).toContain('recordings.trtc-recorder.dev')

  // Nobody is there, and nothing of a finished Recording waits for anybody.
  await finished.delete()
  await finished.gone(10)
  await recordFor(2)
  await scene.removeRecorder()
  const [pod] = await running.pods()
  await scene.kubectl('wait', `pod/${pod!.metadata.name}`, '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s')
  expect((await running.get()).status?.completionTime).toBeUndefined()

  await installOperator(runningWorld())
  const { status }: Recording = await running.settled()
  expect(status).toMatchObject({
    stopReason: 'RemovedByApi',
    attempts: [{ number: 1, reason: 'Completed', exitCode: 0 }],
    files: [{ userId: 'alice', status: 1 }],
  })
  await running.delete()
  await running.gone(30)
  expect(await running.remains()).toEqual([])
})
