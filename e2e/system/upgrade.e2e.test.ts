import { afterAll, expect } from 'vitest'
import { apply, getJson, kubectl } from './kubectl.ts'
import { chartValues, installOperator, operatorNamespace, release } from './operator.ts'
import { recordFor, test } from './scene.ts'
import { runningWorld } from './world.ts'

/** The chart as it was packed before status, jobs and settings of this one came to be. */
const earlierChart = new URL('./testdata/trtc-recorder-0.1.0.tgz', import.meta.url).pathname

/** As OpenShift's restricted-v2 does for each namespace: the uids of its Pods come from a range that nobody knows beforehand. */
const [lowestUid, highestUid] = [1_000_650_000, 1_000_659_999]
const uid = 1_000_650_321
const isInRange = (field: string) =>
  `has(object.spec.securityContext.${field}) && object.spec.securityContext.${field} >= ${lowestUid} && object.spec.securityContext.${field} <= ${highestUid}`
const rangePolicy = [
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'uid-range' },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
      },
      validations: [
        {
          expression: `has(object.spec.securityContext) && ${isInRange('runAsUser')} && ${isInRange('fsGroup')}`,
          message: `runAsUser and fsGroup must be in [${lowestUid}, ${highestUid}]`,
        },
        {
          expression: 'object.spec.containers.all(c, !has(c.securityContext) || !has(c.securityContext.runAsUser))',
          message: 'a container must not choose its user',
        },
      ],
    },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'uid-range' },
    spec: {
      policyName: 'uid-range',
      validationActions: ['Deny'],
      matchResources: { namespaceSelector: { matchLabels: { 'trtc-recorder.test/uid-range': 'yes' } } },
    },
  },
]
const podSecurityContext = {
  runAsNonRoot: true,
  runAsUser: uid,
  runAsGroup: 0,
  fsGroup: uid,
  seccompProfile: { type: 'RuntimeDefault' },
}

/** Whatever becomes of a test, the next one finds the operator as it was. */
afterAll(async () => {
  await kubectl('delete', 'validatingadmissionpolicies,validatingadmissionpolicybindings', 'uid-range', '--ignore-not-found')
  await kubectl('label', 'namespace', operatorNamespace, 'trtc-recorder.test/uid-range-')
  await installOperator(runningWorld())
})

test('an upgrade from the chart before, to two replicas under any uid, lets a recording go on; and so does the loss of the leader', async ({
  scene,
}) => {
  const world = runningWorld()
  await installOperator(world, { from: earlierChart })
  await scene.publish('alice')
  const before = await scene.recordFromNow('before')
  const [recorder] = await before.pods()

  await apply(...rangePolicy)
  await kubectl('label', 'namespace', operatorNamespace, scene.namespace, 'trtc-recorder.test/uid-range=yes')
  const { recorder: values } = chartValues(world)
  await installOperator(world, { values: { replicas: 2, podSecurityContext, recorder: { ...values, podSecurityContext } } })

  // The leader is gone at once, and hands nothing over.
  const holder = () =>
    getJson<{ spec: { holderIdentity: string } }>('lease', release, '--namespace', operatorNamespace).then(
      ({ spec }) => spec.holderIdentity,
    )
  // The operator before has given it back, and one of the new ones takes it.
  await expect.poll(holder, { timeout: 20_000 }).not.toBe('')
  const leader = await holder()
  await kubectl('delete', 'pod', leader, '--namespace', operatorNamespace, '--force', '--grace-period=0')
  const lostAt = Date.now()
  const other = { userId: 'other', userSigSecretRef: { name: await scene.recorder('other') } }
  const after = await scene.recordFromNow('after', other)
  expect(Date.now() - lostAt).toBeLessThan(45_000)
  const [second] = await getJson<{ items: { spec: { securityContext: object } }[] }>(
    'pods',
    '--namespace',
    scene.namespace,
    '--selector',
    after.selector,
  ).then(({ items }) => items)
  expect(second!.spec.securityContext).toMatchObject({ runAsUser: uid, fsGroup: uid })
  await recordFor(3)

  for (const recording of [before, after]) {
    await recording.stop()
    const { status } = await recording.settled()
    expect(status).toMatchObject({
      stopReason: 'StopRequested',
      attempts: [{ number: 1, reason: 'Completed', exitCode: 0 }],
      files: [{ userId: 'alice', status: 1 }],
      conditions: expect.arrayContaining([expect.objectContaining({ type: 'Succeeded', status: 'True', reason: 'Completed' })]),
    })
    if (recording === before) expect(status!.attempts![0]!.podUid).toBe(recorder!.metadata.uid)
  }
})
