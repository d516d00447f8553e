import { expect, test } from 'vitest'
import { createCosClient } from './cos-client.ts'

const urlOf = (key: string, endpoint?: string) =>
  createCosClient({
    cos: {
      region: 'ap-guangzhou',
      bucket: 'lessons-1250000000',
      path: '/',
      credentialsSecretRef: { name: 'cos' },
      ...(endpoint === undefined ? {} : { endpoint }),
    },
    credentials: { current: async () => ({ secretId: '', secretKey: '' }), refused: () => undefined },
    silenceMillis: 1000,
  }).url(key)

test('a file in COS has the bucket in its host name', () =>
  expect(urlOf('a/b c.mp4')).toBe('https://lessons-1250000000.cos.ap-guangzhou.myqcloud.com/a/b%20c.mp4'))

test('a file at another domain has the bucket in front of that', () =>
  expect(urlOf('a/b c.mp4', 'http://cos-internal.example.com:8080')).toBe(
    'http://lessons-1250000000.cos-internal.example.com:8080/a/b%20c.mp4',
  ))
