import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cosKeys } from '../../recorder-image/src/recorder/cos-keys.ts'
import type { CredentialProvider } from '../../recorder-image/src/store/credentials.ts'
import { metadataCredentials, type WebIdentity, webIdentityCredentials } from '../../recorder-image/src/store/role-credentials.ts'
import { temporaryCredentials } from '../../recorder-image/src/store/temporary-credentials.ts'
import { identities } from '../../sandbox/src/identities.ts'
import { type Harness, MiB, secretId, secretKey, startHarness } from './harness.ts'

const head = Buffer.from('the head, known last')
const log = pino({ level: 'silent' })

let harness: Harness
let directory: string
let rolesUrl: string
let identity: WebIdentity
beforeEach(async () => {
  harness = await startHarness()
  directory = await mkdtemp(join(tmpdir(), 'token-'))
  rolesUrl = (await harness.control.roles()).url
  const { providerId, roleArn } = identities.role
  identity = { region: 'ap-guangzhou', providerId, roleArn, tokenFile: join(directory, 'token') }
  writeFileSync(identity.tokenFile, await harness.control.webIdentityToken(3600))
})
afterEach(async () => {
  await harness.close()
  await rm(directory, { recursive: true })
})

/** So many milliseconds later. */
const clock = (later: () => number) => ({ monotonicMillis: () => performance.now() + later(), wallMillis: () => Date.now() })
const ofNode = (later = () => 0) => temporaryCredentials(metadataCredentials(rolesUrl), log, clock(later))
const ofPod = (later = () => 0) => temporaryCredentials(webIdentityCredentials(identity, rolesUrl), log, clock(later))

/** Records 2 MiB, lets something happen to the keys, and records and stores the rest. */
async function recordWith(credentials: CredentialProvider, meanwhile: () => Promise<void> | void) {
  const source = harness.source()
  const upload = harness.store({ credentials }).open(source)
  upload.grew(harness.grow(source, 3 * MiB))
  await expect.poll(() => upload.uploadedBytes).toBe(2 * MiB)
  await meanwhile()
  upload.grew(harness.grow(source, MiB))
  const stored = await upload.finish(head, harness.grow(source, 10))
  const file = harness.file(source, head)
  expect(stored.bytes).toBe(file.length)
  expect((await harness.stored()).equals(file)).toBe(true)
}

test('a Secret with keys that does not exist is named at once, waited for, and taken when it is there', async () => {
  const provider = cosKeys({
    ...{ root: directory, environment: {}, log, onSecret: () => undefined },
    cos: { region: 'ap-guangzhou', bucket: 'lessons-1250000000', path: '/', credentialsSecretRef: { name: 'cos' } },
  })
  await expect(harness.store({ credentials: provider }).preflight()).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('Secret cos has no key secretId'),
  })
  const source = harness.source()
  const upload = harness.store({ credentials: provider }).open(source)
  upload.grew(harness.grow(source, 3 * MiB))
  await expect.poll(() => harness.logged.some(({ code }) => code === 'SecretNotFound')).toBe(true)
  mkdirSync(join(directory, 'cos'))
  writeFileSync(join(directory, 'cos', 'secretId'), secretId)
  writeFileSync(join(directory, 'cos', 'secretKey'), secretKey)
  await upload.finish(head, harness.grow(source, 10))
  expect((await harness.stored()).equals(harness.file(source, head))).toBe(true)
})

describe.each([
  ['a node', ofNode],
  ['a Pod’s service account', ofPod],
])('the role of %s', (_, provider) => {
  test('stores a file without any Secret', async () => {
    await recordWith(provider(), () => undefined)
    expect((await harness.control.roles()).issued).toBe(1)
  })

  test('gets fresh keys before the old ones run out, in the middle of an upload', async () => {
    let later = 0
    const credentials = provider(() => later)
    await recordWith(credentials, async () => {
      later = 7000_000
      await credentials.current()
      await expect.poll(async () => (await harness.control.roles()).issued).toBe(2)
      await harness.control.clearRequests()
    })
    // None was refused on the way.
    expect((await harness.control.requests()).filter(({ status }) => status >= 300)).toEqual([])
  })

  test('gets others when COS says that these have run out', async () => {
    let later = 0
    await recordWith(
      provider(() => later),
      async () => {
        later = 60_000
        await harness.control.expireKeys()
      },
    )
    expect((await harness.control.requests({ code: 'ExpiredToken' })).length).toBeGreaterThan(0)
  })

  test('that is not to be had is named, and asked for again', async () => {
    await harness.control.changeRoles({ silent: true })
    const preflight = harness.store({ credentials: provider() }).preflight({ deadline: performance.now() + 300 })
    await expect(preflight).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'NoCredentials',
      message: expect.stringContaining(`${rolesUrl}/`),
    })
    await harness.control.changeRoles({ silent: false })
    await recordWith(provider(), () => undefined)
  })
})

describe.each([
  ['a node', ofNode],
  ['a Pod’s service account', ofPod],
])('keys of the role of %s', (_, provider) => {
  test.each(['Text', 'Time'] as const)('that say as %s when they run out are renewed before that', async (tells) => {
    await harness.control.changeRoles({ tells })
    let later = 0
    const credentials = provider(() => later)
    const { secretId } = await credentials.current()
    later = 7000_000
    expect((await credentials.current()).secretId).toBe(secretId)
    await expect.poll(async () => (await credentials.current()).secretId).not.toBe(secretId)
    expect((await harness.control.roles()).issued).toBe(2)
  })

  test('that do not say when they run out are used until COS does not take them any more', async () => {
    await harness.control.changeRoles({ tells: 'Nothing' })
    let later = 0
    await recordWith(
      provider(() => later),
      async () => {
        later = 365 * 86_400_000
        expect((await harness.control.roles()).issued).toBe(1)
        await harness.control.expireKeys()
      },
    )
    expect((await harness.control.roles()).issued).toBe(2)
  })

  test('that have run out already when they come are not asked for with every request', async () => {
    await harness.control.changeRoles({ keysHoldSeconds: -60 })
    const credentials = provider()
    for (let n = 0; n < 10; n++) await credentials.current()
    expect((await harness.control.roles()).issued).toBe(1)
  })

  test('are taken from no page of HTML', async () => {
    await harness.control.changeRoles({ garbage: true })
    await expect(provider().current()).rejects.toThrow(/names no role|answered something else than keys: it is no JSON/)
  })

  test('are in no message, where what is answered cannot be read', async () => {
    await harness.control.changeRoles({ torn: true })
    const error = await provider()
      .current()
      .catch((error) => error)
    expect(error.message).toContain('answered something else than keys')
    expect(error.message).not.toContain('AKID')
  })
})

test('a node without a role says what to do', async () => {
  await harness.control.changeRoles({ nodeHasRole: false })
  await expect(metadataCredentials(rolesUrl).fetch()).rejects.toThrow(/answered HTTP 404/)
})

test.each([
  ['a token that has run out', () => harness.control.webIdentityToken(-1), 'InvalidParameter.WebIdentityTokenError'],
  [
    'a token of another issuer',
    async () => `${await harness.control.webIdentityToken(60)}x`,
    'InvalidParameter.WebIdentityTokenError',
  ],
])('STS refuses %s, and the token is in no message', async (_, token, code) => {
  writeFileSync(identity.tokenFile, await token())
  const error = await webIdentityCredentials(identity, rolesUrl)
    .fetch()
    .catch((error) => error)
  expect(error.message).toContain(code)
  expect(error.message).not.toContain('eyJ')
})

test('a role of another is refused by STS with both names', async () => {
  const other = { ...identity, roleArn: 'qcs::cam::uin/1:roleName/other' }
  await expect(webIdentityCredentials(other, rolesUrl).fetch()).rejects.toThrow(
    /let sandbox-cluster have qcs::cam::uin\/1:roleName\/other/,
  )
})

describe('keys that are wrong while recording goes on', () => {
  test.each([
    ['have run out', async () => harness.control.temporaryKeys(-1), 'ExpiredToken'],
    ['are nobody’s', async () => ({ secretId: 'AKIDnobody', secretKey }), 'InvalidAccessKeyId'],
    ['do not belong together', async () => ({ secretId, secretKey: 'another' }), 'SignatureDoesNotMatch'],
  ] as const)('keys that %s are tried again with growing pauses until there are others', async (_, wrong, code) => {
    let keys: { secretId: string; secretKey: string; token?: string } = { secretId, secretKey }
    const source = harness.source()
    const upload = harness.store({ keys: () => keys }).open(source)
    upload.grew(harness.grow(source, 2 * MiB))
    await expect.poll(() => upload.uploadedBytes).toBe(MiB)
    keys = await wrong()
    upload.grew(harness.grow(source, 3 * MiB))
    await harness.control.waitFor({ operation: 'UploadPart', status: 403 }, 6)
    expect(harness.logged.map(({ msg }) => msg)).not.toContain('Paused an upload that failed')
    expect(harness.logged.find(({ msg }) => msg === 'Failed to reach COS')).toMatchObject({ code })
    keys = { secretId, secretKey }
    await expect.poll(() => upload.uploadedBytes).toBe(4 * MiB)
    await upload.finish(head, 5 * MiB)
    expect((await harness.stored()).length).toBe(5 * MiB + head.length)
  })

  test('an answer to HEAD does not say that they have run out, and is not taken for a missing right', async () => {
    let keys: { secretId: string; secretKey: string; token?: string } = { secretId, secretKey }
    const source = harness.source()
    const upload = harness.store({ keys: () => keys }).open(source)
    upload.grew(harness.grow(source, 3 * MiB))
    await harness.control.fault({ kind: 'slow', delayMillis: 100 }, { operations: ['CompleteMultipartUpload'] })
    const stored = upload.finish(head, 3 * MiB)
    await harness.control.waitFor({ operation: 'UploadPart', status: 200 }, 3)
    await new Promise((resolve) => setTimeout(resolve, 50))
    keys = await harness.control.temporaryKeys(-1)
    await harness.control.waitFor({ operation: 'HeadObject', status: 403 }, 2)
    keys = { secretId, secretKey }
    expect(await stored).toMatchObject({ bytes: 3 * MiB + head.length })
  })

  test('nor is it where COS answers with HTTP 400, as its list of error codes has it', async () => {
    await harness.control.fault(
      { kind: 'error', status: 400, code: 'ExpiredToken' },
      { operations: ['HeadObject', 'GetObject'], count: 4 },
    )
    expect(await harness.store().put('a.json', Buffer.from('{}'), 'application/json')).toMatchObject({ bytes: 2 })
    expect(await harness.control.requests({ operation: 'PutObject' })).toHaveLength(1)
  })

  test('nor is it where others have come before it was asked why', async () => {
    const keys = [{ secretId, secretKey }, await harness.control.temporaryKeys(-1)]
    const store = harness.store({ keys: () => keys.shift() ?? { secretId, secretKey } })
    expect(await store.put('a.json', Buffer.from('{}'), 'application/json')).toMatchObject({ bytes: 2 })
  })

  test('at the end of the time they are unavailable, not refused: another attempt may have better ones', async () => {
    const source = harness.source()
    const keys = await harness.control.temporaryKeys(-1)
    const upload = harness.store({ keys: () => keys }).open(source)
    const finish = upload.finish(head, harness.grow(source, 3 * MiB), { deadline: performance.now() + 200 })
    await expect(finish).rejects.toMatchObject({ kind: 'unavailable', code: 'ExpiredToken' })
  })
})
