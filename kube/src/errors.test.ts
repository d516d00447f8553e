import { describe, expect, it } from 'vitest'
import * as errors from './errors.ts'

const { ApiError, parseRetryAfter } = errors
const error = (code: number, reason: string, message = '') =>
  new ApiError('create pods lessons/math-1', code, { reason, message })

describe('what an answer means', () => {
  it('tells a stale write from a name that is taken, although both are 409', () => {
    expect(errors.isConflict(error(409, 'Conflict'))).toBe(true)
    expect(errors.isConflict(error(409, 'AlreadyExists'))).toBe(false)
    expect(errors.isAlreadyExists(error(409, 'AlreadyExists'))).toBe(true)
  })

  it('tells a used-up quota and a dying namespace from other 403', () => {
    const quota = error(403, 'Forbidden', 'pods "math-1" is forbidden: exceeded quota: compute, requested: pods=1')
    const dying = error(403, 'Forbidden', 'unable to create new content in namespace lessons because it is being terminated')
    const denied = error(403, 'Forbidden', 'User "x" cannot create resource "pods"')
    expect([quota, dying, denied].map(errors.isForbiddenByQuota)).toEqual([true, false, false])
    expect([quota, dying, denied].map(errors.isNamespaceTerminating)).toEqual([false, true, false])
  })

  it('is nothing of the kind for any other error', () => {
    const other = new Error('409 Conflict')
    for (const is of [errors.isConflict, errors.isNotFound, errors.isGone, errors.isTooManyRequests, errors.isServerError]) {
      expect(is(other)).toBe(false)
    }
  })
})

describe('Retry-After', () => {
  it.each([
    ['5', 5000],
    ['0', 0],
    ['Thu, 01 Jan 1970 00:01:00 GMT', 60_000],
    ['soon', undefined],
    [undefined, undefined],
  ])('%s', (header, millis) => expect(parseRetryAfter(header, 0)).toBe(millis))
})
