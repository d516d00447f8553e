import { identities } from '../../sandbox/src/identities.ts'
import { userSigFor } from '../../sandbox/src/user-sig.ts'
import { apply, run } from '../system/kubectl.ts'
import { chartValues, installOperator, makeNamespace, operatorNamespace } from '../system/operator.ts'
import type { World } from '../system/world.ts'
import { callers, callersSecret, nameByHttp } from './http.ts'
import { excluded, namespace, recordings } from './story.ts'

/** The operator and its gateway, which starts Recordings in the demo's namespace and nowhere else. */
export async function install(world: World): Promise<void> {
  await makeNamespace(namespace)
  await makeNamespace(operatorNamespace)
  await apply({
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: callersSecret, namespace: operatorNamespace } },
    stringData: { 'callers.yaml': callers(world, namespace, excluded) },
  })
  const { gateway } = chartValues(world, { callersSecret, namespaces: [namespace], replicas: 1 })
  await installOperator(world, { values: { gateway } })
}

/** The Secrets that examples/demo refers to, and nothing of an earlier demo, in the namespace and in COS. */
export async function prepare(world: World): Promise<void> {
  const { code, stderr } = await run('kubectl', [
    ...['delete', 'recordings,recordingclips', '--all', '-n', namespace, '--timeout', '60s'],
  ])
  if (code !== 0)
    throw new Error(`The Recordings of an earlier demo could not be deleted: ${stderr.trim()}. Try: make sandbox-down`)
  await apply(...secrets())
  for (const { key } of await world.cos.objects(world.bucket, 'demo/')) await world.cos.deleteObject(world.bucket, key)
}

function secrets(): object[] {
  const secret = (name: string, stringData: Record<string, string>) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData,
  })
  const { secretId, secretKey } = identities.cos
  return [
    ...recordings
      .filter(({ name }) => name !== nameByHttp)
      .map(({ recorder }) => secret(recorder, { userSig: userSigFor(identities.trtc, recorder) })),
    secret('recordings-cos', { secretId, secretKey }),
    secret('callback-signing', { signingKey: identities.callback.signingKey }),
  ]
}
