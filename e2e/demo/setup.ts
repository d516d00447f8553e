import { identities } from '../../sandbox/src/identities.ts'
import { userSigFor } from '../../sandbox/src/user-sig.ts'
import { apply, run } from '../system/kubectl.ts'
import { makeNamespace } from '../system/operator.ts'
import type { World } from '../system/world.ts'
import { namespace, recordings } from './story.ts'

/** An empty namespace with the Secrets that examples/demo refers to, and nothing of an earlier demo in COS. */
export async function prepare(world: World): Promise<void> {
  const { code, stderr } = await run('kubectl', ['delete', 'namespace', namespace, '--ignore-not-found', '--timeout', '60s'])
  if (code !== 0)
    throw new Error(`The namespace of an earlier demo could not be deleted: ${stderr.trim()}. Try: make sandbox-down`)
  await makeNamespace(namespace)
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
    ...recordings.map(({ recorder }) => secret(recorder, { userSig: userSigFor(identities.trtc, recorder) })),
    secret('recordings-cos', { secretId, secretKey }),
    secret('callback-signing', { signingKey: identities.callback.signingKey }),
  ]
}
