import fc from 'fast-check'
import { expect, test } from 'vitest'
import { redact, redactText } from './redact.ts'

test.each([
  ['posting to https://user:pa55word@example.com/cb failed', 'pa55word'],
  ['https://example.com/cb?token=s3cr3t&room=1', 's3cr3t'],
  ['Authorization: Bearer abc.def-123', 'abc.def-123'],
  ['q-sign-algorithm=sha1&q-ak=AKIDxyz&q-signature=0123abcd', '0123abcd'],
  ['{"userSig":"eJwtzM0KgkAUBeB3mX"}', 'eJwtzM0KgkAUBeB3mX'],
  [`the sig was eJ${'x1*-_'.repeat(20)} then`, 'x1*-_'.repeat(5)],
  ['token eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrIn0.c2ln', 'eyJpc3MiOiJrIn0'],
])('%s keeps nothing of what lets in', (text, secret) => expect(redactText(text)).not.toContain(secret))

test('what is no secret stays as it is', () => {
  const text = 'Secret recorder-sig has no key userSig; see https://example.com/docs/troubleshooting#secrets'
  expect(redactText(text)).toBe(text)
})

test('names of Secrets stay, their contents do not', () =>
  expect(redact({ userSigSecretRef: { name: 'sig', key: 'userSig' }, turn: { credential: 'pw' }, managedFields: [1] })).toEqual({
    userSigSecretRef: { name: 'sig', key: 'userSig' },
    turn: { credential: '[removed]' },
  }))

test('what the operator tells a recorder stays, and so does which variables there are', () => {
  const job = JSON.stringify({ spec: { roomId: 7, userSigSecretRef: { name: 'sig', key: 'userSig' } } })
  const env = [
    { name: 'TRTC_RECORDER_JOB', value: job },
    { name: 'LICENSE', value: 'abc' },
    { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
  ]
  expect(redact({ env })).toEqual({ env: [env[0], { name: 'LICENSE', value: '[removed]' }, env[2]] })
})

const secret = fc.stringMatching(/^[A-Za-z0-9]{12,40}$/)
const hidingPlace = fc.constantFrom<((secret: string) => unknown)[]>(
  (s) => ({ password: s }),
  (s) => ({ deep: [{ secretKey: s }] }),
  (s) => `https://${s}@host/`,
  (s) => `https://user:${s}@host/path`,
  (s) => `http://host/path?sig=${s}&b=1`,
  (s) => ({ spec: { callback: { url: `https://host/hooks/${s}` } } }),
  (s) => `"secretId": "${s}"`,
  (s) => `Bearer ${s}`,
  (s) => ({ spec: { live: { pcm: { url: `wss://host/stt/${s}` } } } }),
  (s) => ({ env: [{ name: 'TRTC_RECORDER_JOB', value: JSON.stringify({ spec: { live: { pcm: { url: `wss://h/${s}` } } } }) }] }),
  (s) => ({ env: [{ name: 'TRTC_RECORDER_JOB', value: JSON.stringify({ password: s }) }] }),
  (s) => ({ env: [{ name: 'TRTC_RECORDER_JOB', value: `{"spec":{"live":{"pcm":{"url":"wss://h/${s}"` }] }),
  (s) => ({ env: [{ name: 'TRTC_RECORDER_JOB_2', value: `"live":{"pcm":{"url":"wss://h/${s}"}}}}` }] }),
  (s) => ({ containers: [{ env: [{ name: 'LICENSE', value: s }] }] }),
  (s) => ({ annotations: { 'kubectl.kubernetes.io/last-applied-configuration': s } }),
)
test('wherever a secret stands, it is not in what goes out', () =>
  fc.assert(
    fc.property(secret, hidingPlace, (value, place) => {
      expect(JSON.stringify(redact({ items: [place(value)] }))).not.toContain(value)
    }),
  ))
