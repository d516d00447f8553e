import type { Recording } from '@trtc-recorder/api'
import { describe, expect } from 'vitest'
import { identities } from '../../sandbox/src/identities.ts'
import { userSigFor } from '../../sandbox/src/user-sig.ts'
import { run } from './kubectl.ts'
import { recorderUserId, test } from './scene.ts'

const conditionsOf = ({ status }: Recording) =>
  Object.fromEntries((status?.conditions ?? []).map(({ type, status: is, reason }) => [type, `${is} ${reason}`]))
const messageOf = ({ status }: Recording, type: string) =>
  status?.conditions?.find((condition) => condition.type === type)?.message

describe('refused at admission, with the field named', () => {
  test.for([
    ['no room', { roomId: undefined }, 'spec.roomId: Required value', 'exactly one of roomId and strRoomId must be set'],
    ['two rooms', { strRoomId: 'seven' }, 'spec.strRoomId: Invalid value', 'and both are'],
    [
      'a callback that is neither http nor https',
      { callback: { url: 'ftp://example.com/done' } },
      'spec.callback.url: Invalid value',
      '',
    ],
    ['Opus without the mode for it', { mode: '00', audioCodec: 'Opus' }, 'spec.audioCodec: Invalid value', 'Opus is for mode 02'],
    ['a member that does not exist', { bukket: 'typo' }, 'unknown field "spec.bukket"', ''],
  ] as const)('%s', async ([, spec, field, why], { scene }) => {
    const applying = await run('kubectl', ['apply', '-f', '-'], JSON.stringify(scene.recording('refused', spec)))
    expect(applying.code).not.toBe(0)
    expect(applying.stderr).toContain(field)
    expect(applying.stderr).toContain(why)
  })

  test('a changed room', async ({ scene }) => {
    const recording = await scene.record('changed', { desiredState: 'Stopped' })
    const changed = scene.recording('changed', { desiredState: 'Stopped', roomId: 1 })
    const applying = await run('kubectl', ['apply', '-f', '-'], JSON.stringify(changed))
    expect(applying.code).not.toBe(0)
    expect(applying.stderr).toContain('spec.roomId: Invalid value')
    expect(applying.stderr).toContain('is immutable; create a new Recording instead')
    const finished = await recording.settled()
    expect(conditionsOf(finished)).toMatchObject({ Succeeded: 'True StoppedBeforeStart' })
  })
})

describe.concurrent('a UserSig that TRTC does not accept ends the Recording with TRTC’s code and what it means', () => {
  const { trtc } = identities
  test.for([
    ['wrong', userSigFor({ ...trtc, secretKey: 'f'.repeat(64) }, recorderUserId), 70003, 'signed with another key'],
    ['expired', userSigFor(trtc, recorderUserId, { issuedAtSeconds: 1_700_000_000, expireSeconds: 60 }), 70001, 'has expired'],
    ['of-another', userSigFor(trtc, 'somebody'), 70013, 'was made for another user'],
  ] as const)('%s', async ([name, userSig, code, meaning], { scene }) => {
    await scene.secret(`sig-${name}`, { userSig })
    const recording = await scene.record(name, { userSigSecretRef: { name: `sig-${name}` } })
    const finished = await recording.settled()
    expect(conditionsOf(finished)).toMatchObject({
      Succeeded: 'False RoomRefused',
      Started: 'False RoomRefused',
      Stalled: 'True RoomRefused',
    })
    expect(messageOf(finished, 'Succeeded')).toContain(`${code}, `)
    expect(messageOf(finished, 'Succeeded')).toContain(meaning)
    // No retry loop: one attempt, and nothing left that could make another.
    expect(finished.status).toMatchObject({
      stopReason: 'NeverStarted',
      attempts: [{ number: 1, reason: 'RoomRefused', exitCode: 14 }],
    })
    await scene.kubectl('wait', 'pods', '-l', recording.selector, '--for=delete', '--timeout=30s')
    expect((await recording.get()).status?.attempts).toHaveLength(1)
    const events = await scene.kubectl('events', '--for', `recording/${name}`)
    expect(events).toMatch(/Warning +RoomRefused/)
  })
})

describe.concurrent('storage that refuses and Secrets that are missing:', () => {
  test.for([
    ['bucket-missing', 'NoSuchBucket'],
    ['access-denied', 'AccessDenied'],
  ] as const)('%s', async ([name, code], { scene }) => {
    const bucket = `${scene.namespace}-${name}-${identities.cos.appId}`
    if (name === 'access-denied') {
      await scene.world.cos.createBucket(bucket)
      await scene.world.cos.deny(bucket)
    }
    await scene.publish('alice')
    const recording = await scene.record(name, { cos: scene.cos(name, bucket) })
    // It is recorded all the same, and said while it is.
    await recording.inRoom()
    const refused = await recording.is('Stored', 'False', 'StorageRefused')
    expect(messageOf(refused, 'Stored')).toContain(code)
    await recording.stop()
    const stuck = await recording.is('Succeeded', 'Unknown', 'StorageRefused')
    expect(conditionsOf(stuck)).toMatchObject({ Stalled: 'True StorageRefused', Started: 'True Entered' })
    expect(messageOf(stuck, 'Succeeded')).toContain(bucket)
    expect(stuck.status).toMatchObject({
      stopReason: 'StopRequested',
      attempts: [{ reason: 'UploadRefused', exitCode: 19 }],
      files: [{ userId: 'alice', status: 0 }],
      volumes: [{ state: 'Holding' }],
    })

    // Mended, and not waited for any longer.
    if (name === 'bucket-missing') await scene.world.cos.createBucket(bucket)
    if (name === 'access-denied') await scene.world.cos.clearFaults(bucket)
    await scene.kubectl('annotate', 'recording', name, 'trtc-recorder.dev/retry-upload=mended')
    const finished = await recording.settled()
    expect(conditionsOf(finished)).toMatchObject({ Succeeded: 'True Completed', Stored: 'True Completed' })
    expect(finished.status).toMatchObject({ stopReason: 'StopRequested', files: [{ userId: 'alice', status: 1 }] })
    expect(finished.status!.attempts!.at(-1)).toMatchObject({ reason: 'Completed', uploadOnly: true })
  })

  test('key-wrong: waited for, while it records and afterwards, until the Secret is right', async ({ scene }) => {
    const { secretId, secretKey, bucket } = identities.cos
    await scene.secret('cos-wrong', { secretId, secretKey: 'notTheKeyOfThisSecretId' })
    await scene.publish('alice')
    const cos = { ...scene.cos('key-wrong', bucket), credentialsSecretRef: { name: 'cos-wrong' } }
    const recording = await scene.record('key-wrong', { cos })
    await recording.inRoom()
    expect(messageOf(await recording.is('Stored', 'False', 'StorageRefused'), 'Stored')).toContain('SignatureDoesNotMatch')
    await recording.stop()
    const waiting = await recording.is('Succeeded', 'Unknown', 'Finishing')
    expect(conditionsOf(waiting)).toMatchObject({ Stored: 'False StorageRefused' })
    await scene.secret('cos-wrong', { secretId, secretKey })
    // The kubelet takes its time to bring it into the Pod.
    const finished = await recording.settled(240)
    expect(conditionsOf(finished)).toMatchObject({ Succeeded: 'True Completed', Stored: 'True Completed' })
    expect(finished.status?.attempts).toHaveLength(1)
  })

  test('a missing Secret is named, and recording begins when it appears', async ({ scene }) => {
    const recorder = scene.watchFor()
    await scene.publish('alice')
    const recording = await scene.record('patient', { userSigSecretRef: { name: 'later', key: 'signature' } })
    const waiting = await recording.is('Started', 'False', 'SecretNotFound')
    expect(messageOf(waiting, 'Started')).toContain('Secret later has no key signature')
    expect(conditionsOf(waiting)).toMatchObject({ Succeeded: 'Unknown SecretNotFound' })
    expect(recorder.entered).toBe(false)
    await scene.secret('later', { signature: userSigFor(identities.trtc, recorderUserId) })
    await recording.inRoom()
    expect(recorder.entered).toBe(true)
    await recording.stop()
    expect(conditionsOf(await recording.settled())).toMatchObject({ Succeeded: 'True Completed', Started: 'True Entered' })
  })

  test('a missing key of a callback’s signature is named, and the callback is delivered when it appears', async ({ scene }) => {
    const sink = await scene.sink()
    const callback = { url: `${sink.url}/signed`, signingKeySecretRef: { name: 'signing-later' } }
    const recording = await scene.record('unsigned', { desiredState: 'Stopped', callback })
    const waiting = await recording.is('CallbackDelivered', 'False', 'Retrying')
    expect(messageOf(waiting, 'CallbackDelivered')).toContain(`Secret ${scene.namespace}/signing-later`)
    await scene.secret('signing-later', { signingKey: identities.callback.signingKey })
    await recording.settled()
    expect(await sink.requests()).toMatchObject([{ signature: 'valid', status: 200 }])
  })
})
