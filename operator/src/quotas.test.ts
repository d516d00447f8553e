import type { ResourceQuota } from '@trtc-recorder/kube'
import { expect, test } from 'vitest'
import { hasMoreRoom } from './quotas.ts'

const quota = (hard: Record<string, string>, used: Record<string, string> = {}) =>
  ({ metadata: { name: 'q', namespace: 'lessons' }, status: { hard, used } }) as unknown as ResourceQuota
const unreckoned = { metadata: { name: 'q', namespace: 'lessons' } } as unknown as ResourceQuota

test.each([
  ['a Pod has ended', quota({ pods: '5' }, { pods: '5' }), quota({ pods: '5' }, { pods: '4' }), true],
  ['a Pod was made', quota({ pods: '5' }, { pods: '4' }), quota({ pods: '5' }, { pods: '5' }), false],
  ['it was raised', quota({ pods: '5' }, { pods: '5' }), quota({ pods: '9' }, { pods: '5' }), true],
  ['it was lowered', quota({ pods: '9' }, { pods: '5' }), quota({ pods: '5' }, { pods: '5' }), false],
  ['it says the same in other words', quota({ memory: '1Gi' }), quota({ memory: '1024Mi' }), false],
  [
    'one resource has room, another one less',
    quota({ cpu: '4', pods: '5' }, { cpu: '4', pods: '2' }),
    quota({ cpu: '4', pods: '5' }, { cpu: '3500m', pods: '3' }),
    true,
  ],
  ['it does not limit something any more', quota({ cpu: '1', pods: '5' }), quota({ pods: '5' }), true],
  ['it limits something more', quota({ pods: '5' }), quota({ cpu: '1', pods: '5' }), true],
  ['it has just been reckoned', unreckoned, quota({ pods: '5' }), true],
  ['nothing has', quota({ pods: '1e3' }, { pods: '1' }), quota({ pods: '1e3' }, { pods: '1' }), false],
  [
    'a number that this project has no use for',
    quota({ pods: '1e3' }, { pods: '2' }),
    quota({ pods: '1e3' }, { pods: '1' }),
    true,
  ],
] as const)('a quota that changes has room or not: %s', (_, previous, object, hasRoom) => {
  expect(hasMoreRoom({ type: 'updated', previous, object })).toBe(hasRoom)
})

test('a quota that is gone has room; one that is new, or is only seen again, has none that was not there before', () => {
  const object = quota({ pods: '5' })
  expect(hasMoreRoom({ type: 'deleted', object })).toBe(true)
  expect(hasMoreRoom({ type: 'added', object })).toBe(false)
  expect(hasMoreRoom({ type: 'resynced', object })).toBe(false)
})
