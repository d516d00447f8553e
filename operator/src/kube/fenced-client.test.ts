import { type KubeClient, resources } from '@trtc-recorder/kube'
import { expect, test } from 'vitest'
import { fencedClient, fenceOf, LeadershipInDoubt } from './fenced-client.ts'

const ref = { namespace: 'lessons', name: 'math-a1' }
const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...ref, uid: 'uid', resourceVersion: '1', generation: 1 } } as never

test('nothing is written while another operator may be at work, and all is read', async () => {
  const sent: string[] = []
  const client = Object.fromEntries(
    ['get', 'list', 'create', 'replace', 'patch', 'delete', 'text'].map((call) => [call, async () => void sent.push(call)]),
  ) as unknown as KubeClient
  let isInForce = true
  const fenced = fencedClient(
    client,
    fenceOf(() => isInForce),
  )
  const writes = {
    create: () => fenced.create(resources.pods, pod),
    replace: () => fenced.replace(resources.pods, pod),
    patch: () => fenced.patch(resources.pods, ref, { type: 'merge', body: {} }),
    delete: () => fenced.delete(resources.pods, ref),
  }
  for (const write of Object.values(writes)) await write()
  expect(sent).toEqual(['create', 'replace', 'patch', 'delete'])

  isInForce = false
  for (const [call, write] of Object.entries(writes)) {
    await expect(write(), call).rejects.toThrow(LeadershipInDoubt)
    await expect(write(), call).rejects.toThrow(new RegExp(`^${call} pods.*another operator may be at work`))
  }
  await fenced.get(resources.pods, ref)
  await fenced.list(resources.pods)
  await fenced.text('GET', '/readyz')
  expect(sent.slice(4)).toEqual(['get', 'list', 'text'])
})
