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
    credentials: () => ({ secretId: '', secretKey: '' }),
    silenceMillis: 1000,
  }).url(key)

test('a file in COS has the bucket in its host name', () =>
  expect(urlOf('a/b c.mp4')).toBe('https://lessons-1250000000.cos.ap-guangzhou.myqcloud.com/a/b%20c.mp4'))

test('a file at another endpoint has it in its path', () =>
  expect(urlOf('a/b c.mp4', 'http://10.90.0.2:18446')).toBe('http://10.90.0.2:18446/lessons-1250000000/a/b%20c.mp4'))
