import fc from 'fast-check'
import { expect, test } from 'vitest'
import { redact, redactText, withoutSecretsOf } from './redact.ts'

test.each([
  ['posting to https://user:pa55word@example.com/cb failed', 'pa55word'],
  ['https://example.com/cb?token=s3cr3t&room=1', 's3cr3t'],
  ['Authorization: Bearer abc.def-123', 'abc.def-123'],
  ['q-sign-algorithm=sha1&q-ak=AKIDxyz&q-signature=0123abcd', '0123abcd'],
  ['{"userSig":"eJwtzM0KgkAUBeB3mX"}', 'eJwtzM0KgkAUBeB3mX'],
  [`the sig was eJ${'x1*-_'.repeat(20)} then`, 'x1*-_'.repeat(5)],
  ['token eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrIn0.c2ln', 'eyJpc3MiOiJrIn0'],
  ["posting to https://user:pa'ss@example.com/cb failed", "pa'ss"],
  ["GET https://example.com/cb?k=a'b1c2 failed", 'b1c2'],
  ['https://example.com/cb#access_token=s3cr3t', 's3cr3t'],
  ['TmpSecretKey=abc123, SessionToken: def456', 'abc123'],
  ['TmpSecretKey=abc123, SessionToken: def456', 'def456'],
  ['client_secret=abc123', 'abc123'],
  ['X-Api-Key: abc123', 'abc123'],
  ['authorization: Digest username="x", response="abc123"', 'abc123'],
  ['Set-Cookie: id=abc123; Path=/', 'abc123'],
  ['{"password":"a\\"bc123"', 'bc123'],
  ['keys of AKIDz8krbsJ5yKBZQpn74WFkmLPx3 were refused', 'z8krbsJ5'],
  ['-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----', 'MIIEow'],
])('%s keeps nothing of what lets in', (text, secret) => expect(redactText(text)).not.toContain(secret))

test('what is no secret stays as it is', () => {
  const text = 'Secret recorder-sig has no key userSig; see https://example.com/docs/troubleshooting#secrets'
  expect(redactText(text)).toBe(text)
})

test.each([
  'SecretNotFound: Make the Secret, or the key in it, that the message names.',
  'UserSigExpiring: Put a fresh UserSig into the Secret that the message names',
  'trtc-recorder.dev/v1alpha1: recordings.trtc-recorder.dev "math" not found',
])('what a person has to read stays as it is: %s', (text) => expect(redactText(text)).toBe(text))

test('what Kubernetes says of Secrets and tokens stays, and so do marks that are known', () => {
  const pod = {
    metadata: {
      labels: { 'trtc-recorder.dev/recording': 'math', 'sidecar.istio.io/inject': 'false' },
      annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false', 'pv.kubernetes.io/bind-completed': 'yes' },
    },
    spec: {
      automountServiceAccountToken: false,
      imagePullSecrets: [{ name: 'pull' }],
      volumes: [{ secret: { secretName: 'sig' } }, { projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }],
    },
  }
  expect(redact(pod)).toEqual(pod)
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
  (s) => ({ containers: [{ env: [{ name: 'TRTC_RECORDER_LICENSE', value: s }] }] }),
  (s) => ({ initContainers: [{ command: ['run', s], args: ['--pass', s] }] }),
  (s) => ({ livenessProbe: { httpGet: { httpHeaders: [{ name: 'X-Key', value: s }] } } }),
  (s) => ({ spec: { callback: { url: `https://user:a'${s}@host` } } }),
  (s) => ({ spec: { callback: { url: 'https://host', headers: { 'X-Hook': s } } } }),
  (s) => ({ spec: { networkProxy: { websocketProxy: `wss://host/${s}`, turnServer: { username: s } } } }),
  (s) => ({ spec: { cos: { tags: { note: s }, metadata: { note: s } } } }),
  (s) => ({ metadata: { annotations: { note: s, 'vault.example.com/role': s }, labels: { note: s } } }),
  (s) => ({ passwords: [s], apiToken: { value: s }, tmpSecretKey: s, 'x-cos-security-token': s }),
  (s) => ({ message: `[{"accessKeyId":"${s}"}]` }),
  (s) => ({ annotations: { 'kubectl.kubernetes.io/last-applied-configuration': s } }),
)
test('wherever a secret stands, it is not in what goes out', () =>
  fc.assert(
    fc.property(secret, hidingPlace, (value, place) => {
      expect(JSON.stringify(redact({ items: [place(value)] }))).not.toContain(value)
    }),
  ))

test('what a Recording says where keys are kept is in nothing that tells of it, in whatever words', () => {
  const spec = {
    callback: { url: "https://us%40er:pa%20ss'word@host.example/hooks/7f3a9c/in?x=1" },
    live: { pcm: { url: 'wss://asr.example/listen/9d2e1b?user={userId}' } },
    networkProxy: { websocketProxy: 'wss://proxy.example/ws/5c4b3a', unifiedProxy: 'proxy.example:443' },
  }
  const strike = withoutSecretsOf({ spec } as never)
  const told = "pa ss'word, us@er:pa ss'word, POST /hooks/7f3a9c/in?x=1, of 7f3a9c and 9d2e1b, ws/5c4b3a at proxy.example:443"
  expect(strike(told)).toMatch(
    /^\[removed\], \[removed\], POST \[removed\], of \[removed\] and \[removed\], ws\/\[removed\] at proxy.example:443$/,
  )
  expect(withoutSecretsOf({ spec: { callback: { url: 'https://host.example/cb' } } } as never)('at /cb of host')).toBe(
    'at /cb of host',
  )
})
