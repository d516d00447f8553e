import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { settingsFrom } from './settings.ts'

let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'verify-cloud-settings-'))
})
afterEach(() => rm(home, { recursive: true, force: true }))

const environment = {
  VERIFY_CLOUD_SDK_APP_ID: '1400000001',
  VERIFY_CLOUD_SDK_SECRET_KEY: 'sdk-key',
  VERIFY_CLOUD_SECRET_ID: 'AKID',
  VERIFY_CLOUD_SECRET_KEY: 'key',
  VERIFY_CLOUD_REGION: 'ap-guangzhou',
  VERIFY_CLOUD_BUCKET: 'recordings-1250000000',
}

test('settings come from the environment, and are for Tencent’s cloud and a minute unless told otherwise', async () => {
  expect(await settingsFrom(environment)).toEqual({
    ...{ sdkAppId: 1400000001, sdkSecretKey: 'sdk-key', secretId: 'AKID', secretKey: 'key' },
    ...{ region: 'ap-guangzhou', bucket: 'recordings-1250000000', seconds: 60, patienceSeconds: 60 },
  })
})

test('what is missing or wrong is named, all of it, by field and variable', async () => {
  const { VERIFY_CLOUD_SECRET_KEY: _, ...rest } = environment
  const wrong = settingsFrom({ ...rest, VERIFY_CLOUD_BUCKET: 'recordings' })
  await expect(wrong).rejects.toThrow(/secretKey \(VERIFY_CLOUD_SECRET_KEY\): is missing/)
  await expect(wrong).rejects.toThrow(/bucket \(VERIFY_CLOUD_BUCKET\): must be the whole name/)
})

test('a file is read only if nobody else can', async () => {
  const file = join(home, 'settings.yaml')
  await writeFile(file, 'seconds: 30\n', { mode: 0o644 })
  const env = { ...environment, VERIFY_CLOUD_FILE: file }
  await expect(settingsFrom(env)).rejects.toThrow(`chmod 600 ${file}`)
  await rm(file)
  await writeFile(file, 'seconds: 30\n', { mode: 0o600 })
  expect((await settingsFrom(env)).seconds).toBe(30)
})
