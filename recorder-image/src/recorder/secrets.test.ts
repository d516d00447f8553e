import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { sdkProxy } from './record.ts'
import { openSecrets } from './secrets.ts'
import { aJob } from './testing.ts'
import { readUserSig, signUserSig } from './user-sig.ts'

let root: string
let told: string[]
let logged: { msg: string; [name: string]: unknown }[]
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'secrets-'))
  told = []
  logged = []
})
afterEach(() => rm(root, { recursive: true }))

async function mount(keys: Record<string, string>): Promise<void> {
  for (const [path, value] of Object.entries(keys)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), value)
  }
}

/** A Secret as the kubelet mounts it, and changes it: the keys are links through `..data`, which is turned over at once. */
async function mountAsKubernetes(name: string, keys: Record<string, string>): Promise<void> {
  const version = `..${Math.random()}`
  await mount(Object.fromEntries(Object.entries(keys).map(([key, value]) => [`${name}/${version}/${key}`, value])))
  await symlink(version, join(root, name, '..data_tmp'))
  await rename(join(root, name, '..data_tmp'), join(root, name, '..data'))
}

const open = (spec: Record<string, unknown> = {}) =>
  openSecrets({
    ...{ root, spec: aJob(spec).spec, environment: {}, onSecret: (value) => void told.push(value) },
    log: pino({}, { write: (line: string) => void logged.push(JSON.parse(line)) }),
  })

const turn = { name: 'turn', key: 'password' }
const mounted = { 'trtc/userSig': 'eJx\n', 'cos/secretId': 'id', 'cos/secretKey': 'key\n' }

describe('secrets', () => {
  test('are read as Kubernetes mounts them, without the line feed that files end in', async () => {
    await mount({ ...mounted, 'cos/token': 'token' })
    const { userSig, cos } = await open()
    expect(await userSig.next()).toBe('eJx')
    expect(await cos.current()).toEqual({ secretId: 'id', secretKey: 'key', token: 'token' })
    expect([...told].sort()).toEqual(expect.arrayContaining(['eJx', 'id', 'key', 'token']))
  })

  test('what authorizes live sound is read each time it is needed, told of, and keeps nobody out of the room', async () => {
    await mount(mounted)
    const pcm = { url: 'wss://asr.example/listen', authorizationSecretRef: { name: 'asr' } }
    const { pcmAuthorization } = await open({ live: { pcm } })
    await expect(pcmAuthorization()).rejects.toThrow('Secret asr has no key authorization')
    await mount({ 'asr/authorization': 'Bearer s3cret\n' })
    expect(await pcmAuthorization()).toBe('Bearer s3cret')
    expect(told).toContain('Bearer s3cret')
    expect(await (await open()).pcmAuthorization()).toBeUndefined()
  })

  test('the key of the UserSig can be named', async () => {
    await mount({ ...mounted, 'trtc/mine': 'eJy' })
    expect(await (await open({ userSigSecretRef: { name: 'trtc', key: 'mine' } })).userSig.next()).toBe('eJy')
  })

  test('the password of the TURN user is read where the network proxy names a TURN server', async () => {
    await mount({ ...mounted, 'turn/password': '\ufeffsesame\r\n' })
    const turnServer = { url: 'turn.example:3478', username: 'u', credentialSecretRef: turn }
    const { networkProxy } = aJob({ networkProxy: { turnServer } }).spec
    expect(await open({ networkProxy: { turnServer } })).toMatchObject({ turnCredential: 'sesame' })
    expect(told).toContain('sesame')
    expect(sdkProxy(networkProxy, 'sesame')).toEqual({
      turnServer: { url: 'turn.example:3478', username: 'u', credential: 'sesame', credentialType: 'password' },
    })
  })

  test.each([
    ['a Secret', { 'cos/secretId': 'id', 'cos/secretKey': 'key', 'turn/password': 'p' }, 'Secret trtc has no key userSig'],
    ['a password of the TURN user', mounted, 'Secret turn has no key password'],
    ['a value', { ...mounted, 'trtc/userSig': '\n', 'turn/password': 'p' }, 'Secret trtc has no key userSig'],
  ])('%s that is missing is named', async (_, keys, message) => {
    await mount(keys as unknown as Record<string, string>)
    const spec = { networkProxy: { turnServer: { url: 'turn.example:3478', username: 'u', credentialSecretRef: turn } } }
    await expect(open(spec)).rejects.toThrow(message)
    await expect(open(spec)).rejects.toMatchObject({ outcome: 'SecretNotFound' })
  })

  test.each([
    ['Secret', {}, 'Secret cos has no key secretId'],
    ['key', { 'cos/secretId': 'id' }, 'Secret cos has no key secretKey'],
  ])('of COS: a %s that is missing keeps nobody out of the room, and is waited for', async (_, keys, message) => {
    await mount({ 'trtc/userSig': 'eJx', ...keys })
    const { cos } = await open()
    await expect(cos.current()).rejects.toMatchObject({ kind: 'unavailable', message: expect.stringContaining(message) })
    await mount(mounted)
    expect(await cos.current()).toEqual({ secretId: 'id', secretKey: 'key' })
  })
})

describe('keys for COS', () => {
  test('that Kubernetes changes are taken from the next request on, all of them at once', async () => {
    await mount({ 'trtc/userSig': 'eJx' })
    await mountAsKubernetes('cos', { secretId: 'id1', secretKey: 'key1', token: 'token1' })
    const { cos } = await open()
    await mountAsKubernetes('cos', { secretId: 'id2', secretKey: 'key2' })
    expect(await cos.current()).toEqual({ secretId: 'id2', secretKey: 'key2' })
    expect(told).toEqual(expect.arrayContaining(['token1', 'id2', 'key2']))
  })

  test.each([
    ['with their Secret', {}],
    ['from their Secret', { secretId: 'id2' }],
  ])('that go %s while it records are used on, and that is said once', async (_, left) => {
    await mount({ 'trtc/userSig': 'eJx' })
    await mountAsKubernetes('cos', { secretId: 'id1', secretKey: 'key1', token: 'token1' })
    const { cos } = await open()
    await mountAsKubernetes('cos', left)
    for (const _ of [1, 2]) expect(await cos.current()).toEqual({ secretId: 'id1', secretKey: 'key1', token: 'token1' })
    expect(logged.filter(({ msg }) => msg.startsWith('Keys for COS are gone'))).toHaveLength(1)
    await mountAsKubernetes('cos', { secretId: 'id2', secretKey: 'key2' })
    expect(await cos.current()).toEqual({ secretId: 'id2', secretKey: 'key2' })
  })

  test('that say when they run out are warned of once', async () => {
    const expiredTime = Math.floor(Date.now() / 1000) + 600
    await mount({ ...mounted, 'cos/token': 't', 'cos/expiredTime': String(expiredTime) })
    const { cos } = await open()
    expect((await cos.current()).expiresAt).toEqual(new Date(expiredTime * 1000))
    expect(logged.filter(({ msg }) => msg.startsWith('Keys for COS run out'))).toHaveLength(1)
  })
})

describe('when keys for COS run out', () => {
  const inAnHour = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3600_000)
  test.each([
    ['in seconds', String(inAnHour.getTime() / 1000)],
    ['in milliseconds', String(inAnHour.getTime())],
    ['as STS says it beside the seconds', inAnHour.toISOString()],
    ['in another zone', inAnHour.toISOString().replace('Z', '+00:00')],
    ['with a byte order mark and a line end of Windows', `\ufeff${inAnHour.getTime() / 1000}\r\n`],
  ])('may be said %s', async (_, expiredTime) => {
    await mount({ ...mounted, 'cos/expiredTime': expiredTime })
    const { cos } = await open()
    expect((await cos.current()).expiresAt).toEqual(inAnHour)
    expect(logged.filter(({ msg }) => msg.includes('run out'))).toEqual([])
  })

  test.each(['in 2 hours', 'never', '1e400'])('%s is no time: that is said once, and the keys are used', async (expiredTime) => {
    await mount({ ...mounted, 'cos/expiredTime': expiredTime })
    const { cos } = await open()
    for (const _ of [1, 2]) expect(await cos.current()).toEqual({ secretId: 'id', secretKey: 'key' })
    expect(logged.filter(({ msg }) => msg.startsWith('When keys for COS run out cannot be read'))).toHaveLength(1)
  })
})

describe('the UserSig', () => {
  const now = Math.floor(Date.now() / 1000)
  const aUserSig = (expireSeconds: number) =>
    signUserSig({ sdkAppId: 1400000001, userId: 'recorder', secretKey: 'k', issuedAtSeconds: now, expireSeconds })

  test('of a Secret is read each time the room is entered, and says when it runs out', async () => {
    await mount({ ...mounted, 'trtc/userSig': aUserSig(86_400) })
    const { userSig } = await open()
    expect(userSig.expiresAt).toEqual(new Date((now + 86_400) * 1000))
    const fresh = aUserSig(172_800)
    await mount({ 'trtc/userSig': fresh })
    expect(await userSig.next()).toBe(fresh)
    expect(userSig.expiresAt).toEqual(new Date((now + 172_800) * 1000))
    userSig.close()
  })

  test.each([
    ['is warned of an hour before it runs out', 1800, 1],
    ['is not warned of before that', 7200, 0],
  ])('of a Secret %s', async (_, expireSeconds, warnings) => {
    await mount({ ...mounted, 'trtc/userSig': aUserSig(expireSeconds) })
    const { userSig } = await open()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(logged.filter(({ msg }) => msg.startsWith('The UserSig runs out'))).toHaveLength(warnings)
    userSig.close()
  })

  test.each([
    ['before it is warned of', 86_400, 0],
    ['after it was warned of', 1800, 1],
  ])('of a Secret that is renewed %s says within a minute when the fresh one runs out', async (_, expireSeconds, warnings) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: now * 1000 })
    try {
      await mount({ ...mounted, 'trtc/userSig': aUserSig(expireSeconds) })
      const { userSig } = await open()
      const warned = () => logged.filter(({ msg }) => msg.startsWith('The UserSig runs out'))
      await vi.waitFor(() => expect(warned()).toHaveLength(warnings))
      await mount({ 'trtc/userSig': aUserSig(172_800) })
      const read = vi.waitFor(() => expect(userSig.expiresAt).toEqual(new Date((now + 172_800) * 1000)))
      await vi.advanceTimersByTimeAsync(60_000)
      await read
      expect(warned()).toHaveLength(warnings)
      userSig.close()
    } finally {
      vi.useRealTimers()
    }
  })

  test('is signed here with the application’s key, for a week from each time on', async () => {
    await mount({ ...mounted, 'app/secretKey': 'the key' })
    const { userSig } = await open({ userSigSecretRef: undefined, appSecretKeyRef: { name: 'app' } })
    const facts = readUserSig(await userSig.next())!
    expect(facts).toMatchObject({ userId: 'recorder', sdkAppId: 1400000001 })
    expect(facts.expiresAt.getTime() - Date.now()).toBeGreaterThan(6.9 * 86_400_000)
    expect(userSig.expiresAt).toBeUndefined()
    expect(told).toContain('the key')
    await rm(join(root, 'app'), { recursive: true })
    expect(readUserSig(await userSig.next())).toMatchObject({ userId: 'recorder' })
  })
})
