import { describe, expect, it } from 'vitest'
import { type Claim, decideVolumes, type Volume } from './decide.ts'

const claim = (change: Partial<Claim['spec']> = {}, metadata: Partial<Claim['metadata']> = {}): Claim => ({
  metadata: {
    name: 'work',
    namespace: 'default',
    uid: 'u1',
    annotations: { 'volume.kubernetes.io/selected-node': 'sandbox' },
    ...metadata,
  },
  spec: { storageClassName: 'sandbox', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } }, ...change },
})
const volume = (phase: string, storageClassName = 'sandbox'): Volume => ({
  metadata: { name: 'pvc-u1' },
  spec: { storageClassName },
  status: { phase },
})
const decide = (claims: Claim[], volumes: Volume[] = []) => decideVolumes(claims, volumes, '/volumes')

describe('the volumes of the sandbox', () => {
  it('gives a claim a volume of its own, of the size asked for, on the node its Pod goes to', () => {
    const [created] = decide([claim()]).create
    expect(created).toMatchObject({
      name: 'pvc-u1',
      volume: {
        spec: { capacity: { storage: '2Gi' }, claimRef: { name: 'work', uid: 'u1' }, local: { path: '/volumes/pvc-u1' } },
      },
    })
    expect(JSON.stringify(created)).toContain('"values":["sandbox"]')
  })

  it.each([
    ['waits for the first Pod of the claim', claim({}, { annotations: {} })],
    ['leaves a claim of another class alone', claim({ storageClassName: 'other' })],
    ['leaves a bound claim alone', claim({ volumeName: 'pvc-u1' })],
    ['leaves a claim that is being deleted alone', claim({}, { deletionTimestamp: '2026-01-01T00:00:00Z' })],
    ['has no block devices', claim({ volumeMode: 'Block' })],
  ])('%s', (_, given) => {
    expect(decide([given]).create).toEqual([])
  })

  it('does not make the same volume twice', () => {
    expect(decide([claim()], [volume('Available')]).create).toEqual([])
  })

  it('removes a volume when its claim is gone, and only then', () => {
    expect(decide([], [volume('Released')]).remove).toEqual(['pvc-u1'])
    expect(decide([], [volume('Bound')]).remove).toEqual([])
    expect(decide([], [volume('Released', 'other')]).remove).toEqual([])
  })
})
