import { describe, expect, test } from 'vitest'
import { refusalCode } from './refusal-code.ts'

/** What the app was seen to get from the SDK for each place a refusal can be given in. */
describe('the server’s code of a refusal', () => {
  test.each([
    ['in the join reply', -70013, 'join room failed code: 70013', 70013],
    ['in the join reply, no such application', -70252, 'join room failed', -8],
    ['in the join reply, another code', -1, 'failed to join room, code: -10013', -10013],
    ['when the connection was set up', -1, 'setup failed 70003, code: 5500', 70003],
    ['nowhere: nothing could be reached', -1, 'schedule failed: Failed to fetch code: 0', undefined],
    ['without a word', undefined, 'undefined', undefined],
  ])('given %s', (_, wrapperCode, text, code) => {
    expect(refusalCode(wrapperCode, text)).toBe(code)
  })
})
