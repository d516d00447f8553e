import { describe, expect, test } from 'vitest'
import { withoutSecrets } from './log.ts'

describe('log lines', () => {
  test('never hold a secret, wherever it turns up', () => {
    const line = '{"error":"wss://x/?userSig=eJxSecret*&a=1","again":"eJxSecret*"}'
    expect(withoutSecrets(line, ['eJxSecret*'])).toBe('{"error":"wss://x/?userSig=***&a=1","again":"***"}')
  })

  test('are left alone by values too short to be secret', () => {
    expect(withoutSecrets('{"level":"info"}', ['', 'i'])).toBe('{"level":"info"}')
  })
})
