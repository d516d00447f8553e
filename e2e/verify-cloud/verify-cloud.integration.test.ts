import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { type RunningCloudApi, startCloudApi } from '../../sandbox/src/cloud-api/index.ts'
import { type CosControl, cosControl, type RunningCos, startCos } from '../../sandbox/src/cos/index.ts'
import { identities } from '../../sandbox/src/identities.ts'
import { lookUpHere } from '../../sandbox/src/names/look-up-here.ts'
import { type RunningRoom, startRoomServer } from '../../sandbox/src/room/index.ts'
import { assumption, assumptionIds } from './assumptions.ts'
import type { Report } from './report.ts'

/** The command as somebody with an account runs it, against the sandbox in place of Tencent's cloud. */
let home: string
let room: RunningRoom
let running: RunningCos
let cos: CosControl
let api: RunningCloudApi
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'verify-cloud-test-'))
  ;[room, running] = await Promise.all([
    startRoomServer({ stateDir: join(home, 'room') }),
    startCos({ address: '127.0.0.1', port: 0, dir: join(home, 'cos') }),
  ])
  cos = cosControl(running.controlUrl)
  api = await startCloudApi({ room: room.control, cos })
})
afterAll(async () => {
  await Promise.all([api.close(), room.close(), running.close()])
  await rm(home, { recursive: true, force: true })
})

const { trtc, cos: account } = identities

async function verifyCloud(seconds: number, patienceSeconds = 60) {
  const settings = {
    ...{ sdkAppId: trtc.sdkAppId, sdkSecretKey: trtc.secretKey, secretId: account.secretId, secretKey: account.secretKey },
    ...{ region: account.region, bucket: account.bucket, seconds, patienceSeconds },
    endpoints: { api: api.endpoint, cos: running.endpoint, room: room.unifiedProxy, roomSpki: room.spki },
  }
  const file = join(home, 'settings.yaml')
  await writeFile(file, stringify(settings), { mode: 0o600 })
  const child = spawn(process.execPath, ['e2e/verify-cloud/main.ts', '--output', join(home, 'output')], {
    env: { ...process.env, ...lookUpHere, VERIFY_CLOUD_FILE: file },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [[code], said, wrong] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)])
  const markdown = await readFile(join(home, 'output/report.md'), 'utf8')
  const json = await readFile(join(home, 'output/report.json'), 'utf8')
  return { code, output: said + wrong, written: markdown + json, report: JSON.parse(json) as Report }
}

const isLike = (report: Report, is: string) => assumptionIds.filter((id) => report.verdicts[id].is === is)

const timeout = 300_000

test('all that a run can check holds in the sandbox, and nothing is left there', { timeout }, async () => {
  const { code, output, written, report } = await verifyCloud(6)
  const notByRun = assumptionIds.filter((id) => assumption(id).check.by === 'nobody')
  expect(isLike(report, 'differs'), output).toEqual([])
  expect(isLike(report, 'not checked'), output).toEqual(notByRun)
  expect(code, output).toBe(0)
  expect(report.leftBehind).toEqual([])
  expect(await cos.objects(account.bucket)).toEqual([])
  for (const secret of [trtc.secretKey, account.secretId, account.secretKey, account.bucket, String(trtc.sdkAppId)])
    expect(written).not.toContain(secret)
})

test('a cloud that does otherwise is told of as such, and what an account may not do as not checked', { timeout }, async () => {
  api.misbehave('RemoveUser', { is: 'idle' })
  api.misbehave('GetFederationToken', { is: 'refusing', code: 'UnauthorizedOperation', message: 'not allowed' })
  await cos.fault({ kind: 'wrongChecksum' }, { operations: ['HeadObject'], key: 'parts.bin$' })
  const { code, output, report } = await verifyCloud(4, 10)
  expect(code, output).toBe(1)
  expect(isLike(report, 'differs'), output).toEqual(['kick-removed', 'cos-crc64'])
  expect(report.verdicts['kick-removed']).toMatchObject({ seen: 'the recorder went on for 10 s after the call was answered' })
  expect(report.verdicts['sts-federation']).toMatchObject({ is: 'not checked', why: 'UnauthorizedOperation: not allowed' })
  expect(report.verdicts['cos-temporary-keys']).toMatchObject({ is: 'not checked' })
  expect(report.verdicts['dissolve-dismissed']).toMatchObject({ is: 'holds' })
  expect(await cos.objects(account.bucket)).toEqual([])
})
