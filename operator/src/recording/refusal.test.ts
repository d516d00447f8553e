import { ApiError, ConnectionError } from '@trtc-recorder/kube'
import { expect, test } from 'vitest'
import { refusalOf } from './refusal.ts'

const answered = (code: number, reason = '', message = '') => new ApiError('create pods a/b', code, { reason, message })

test.each([
  ['a quota', answered(403, 'Forbidden', 'pods "b" is forbidden: exceeded quota: q, requested: pods=1'), 'QuotaExceeded'],
  [
    'a quota that is not reckoned yet',
    answered(403, 'Forbidden', 'pods "b" is forbidden: status unknown for quota: q, resources: pods'),
    'QuotaExceeded',
  ],
  ['an admission policy', answered(403, 'Forbidden', 'denied by policy'), 'PodRejected'],
  ['a value it does not take', answered(422, 'Invalid'), 'PodRejected'],
  ['a body it cannot read', answered(400, 'BadRequest'), 'PodRejected'],
  ['more than it takes', answered(413, 'RequestEntityTooLarge'), 'PodRejected'],
  ['a webhook that failed', answered(500, 'InternalError', 'failed calling webhook'), 'PodRejected'],
  ['a conflict', answered(409, 'Conflict'), undefined],
  ['one that is there', answered(409, 'AlreadyExists'), undefined],
  ['too many requests', answered(429, 'TooManyRequests'), undefined],
  ['a token that has run out', answered(401, 'Unauthorized'), undefined],
  ['a namespace that is gone', answered(404, 'NotFound'), undefined],
  ['an API server that is starting', answered(503, 'ServiceUnavailable'), undefined],
  ['a proxy’s page', answered(502), undefined],
  ['etcd that is too slow', answered(504, 'Timeout'), undefined],
  ['no answer', new ConnectionError('reset'), undefined],
])('%s', (_, error, word) => {
  expect(refusalOf(error)?.word).toBe(word)
})
