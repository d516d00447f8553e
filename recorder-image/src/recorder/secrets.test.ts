import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sdkProxy } from './record.ts'
import { readSecrets } from './secrets.ts'
import { aJob } from './testing.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'secrets-'))
})
afterEach(() => rm(root, { recursive: true }))

async function mount(keys: Record<string, string>): Promise<void> {
  for (const [path, value] of Object.entries(keys)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), value)
  }
}

describe('secrets', () => {
  test('are read as Kubernetes mounts them, without the line feed that files end in', async () => {
    await mount({ 'trtc/userSig': 'eJx\n', 'cos/secretId': 'id', 'cos/secretKey': 'key\n', 'cos/token': 'token' })
    expect(await readSecrets(root, aJob().spec)).toEqual({
      userSig: 'eJx',
      cos: { secretId: 'id', secretKey: 'key', token: 'token' },
    })
  })

  test('token is for temporary credentials only; the key of the UserSig can be named', async () => {
    await mount({ 'trtc/mine': 'eJx', 'cos/secretId': 'id', 'cos/secretKey': 'key' })
    const spec = aJob({ userSigSecretRef: { name: 'trtc', key: 'mine' } }).spec
    expect(await readSecrets(root, spec)).toEqual({ userSig: 'eJx', cos: { secretId: 'id', secretKey: 'key' } })
  })

  test('the password of the TURN user is read where the network proxy names a TURN server', async () => {
    await mount({ 'trtc/userSig': 'eJx', 'cos/secretId': 'id', 'cos/secretKey': 'key', 'turn/password': '\ufeffsesame\r\n' })
    const turnServer = { url: 'turn.example:3478', username: 'u', credentialSecretRef: { name: 'turn', key: 'password' } }
    const { networkProxy } = aJob({ networkProxy: { turnServer } }).spec
    expect(await readSecrets(root, aJob({ networkProxy: { turnServer } }).spec)).toMatchObject({ turnCredential: 'sesame' })
    expect(sdkProxy(networkProxy, 'sesame')).toEqual({
      turnServer: { url: 'turn.example:3478', username: 'u', credential: 'sesame', credentialType: 'password' },
    })
  })

  test.each([
    ['a Secret', { 'cos/secretId': 'id', 'cos/secretKey': 'key' }, 'Secret trtc has no key userSig'],
    ['a key', { 'trtc/userSig': 'eJx', 'cos/secretId': 'id' }, 'Secret cos has no key secretKey'],
    ['a value', { 'trtc/userSig': '\n', 'cos/secretId': 'id', 'cos/secretKey': 'key' }, 'Secret trtc has no key userSig'],
  ])('%s that is missing is named', async (_, keys, message) => {
    await mount(keys as unknown as Record<string, string>)
    await expect(readSecrets(root, aJob().spec)).rejects.toThrow(message)
    await expect(readSecrets(root, aJob().spec)).rejects.toMatchObject({ outcome: 'SecretNotFound' })
  })
})
