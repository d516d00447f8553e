import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { identities } from '../../sandbox/src/identities.ts'
import { userSigFor } from '../../sandbox/src/user-sig.ts'
import { kubectl, run } from './kubectl.ts'
import { operatorLog } from './operator-pod.ts'
import { commandLines } from './processes.ts'
import { recorderUserId, recordFor, secrets, test } from './scene.ts'

/**
 * Everything anybody may read without being allowed to read Secrets, while a Recording lives and after it has failed in every way in which
 * something could be told that should not be.
 */
test('no secret is in any log, event, status, Pod, ConfigMap or argument list', async ({ scene }) => {
  const { cos, trtc, callback } = identities
  const refusedUserSig = userSigFor({ ...trtc, secretKey: 'f'.repeat(64) }, recorderUserId)
  const wrongKey = 'notTheKeyOfThisSecretIdAtAll'
  await scene.secret('sig-refused', { userSig: refusedUserSig })
  await scene.secret('cos-refused', { secretId: cos.secretId, secretKey: wrongKey })
  const sink = await scene.sink()
  // The receiver refuses once, so that there is something to tell of it, and its address holds a secret of its own.
  await sink.behave({ kind: 'refuse', status: 500 }, { count: 1 })
  const urlToken = 'token-in-the-address-of-the-receiver'
  const spec = { callback: { url: `${sink.url}/signed?token=${urlToken}`, signingKeySecretRef: { name: secrets.signing } } }

  await scene.publish('alice')
  const recording = await scene.recordFromNow('kept', spec)
  // Its log goes with its Pod.
  const logs = [logsFromTheStart(scene.namespace, recording.selector)]
  const pods = await scene.kubectl('get', 'pods', '-o', 'yaml')
  const processes = commandLines()
  await recordFor(2)
  await scene.removeRecorder()
  await recording.settled()

  for (const [name, refused] of [
    ['room-refused', { userSigSecretRef: { name: 'sig-refused' } }],
    ['storage-refused', { cos: { ...scene.cos('storage-refused'), credentialsSecretRef: { name: 'cos-refused' } } }],
  ] as const) {
    const failing = await scene.record(name, refused)
    logs.push(logsFromTheStart(scene.namespace, failing.selector))
    if (name === 'room-refused') await failing.is('Stalled', 'True')
    else {
      // It is recorded all the same, and waits for the right keys.
      await failing.is('Stored', 'False', 'StorageRefused')
      // The next Pod has the right keys, so that it can be deleted.
      await scene.secret('cos-refused', { secretId: cos.secretId, secretKey: cos.secretKey })
      await scene.kubectl('delete', 'pods', '-l', failing.selector, '--grace-period=0', '--force')
    }
  }

  const seen: Record<string, string> = {
    operator: await operatorLog(),
    recorders: (await Promise.all(logs)).join(''),
    events: await scene.kubectl('get', 'events', '-o', 'yaml'),
    recordings: await scene.kubectl('get', 'recordings', '-o', 'yaml'),
    configMaps: await kubectl('get', 'configmaps', '--all-namespaces', '-o', 'yaml'),
    pods,
    processes: processes.join('\n'),
  }
  // What is looked through is what it is meant to be.
  expect(seen.operator).toContain('Callback failed and is tried again')
  for (const said of ['"Room entered"', '"msg":"result"', 'RoomRefused', 'SignatureDoesNotMatch'])
    expect(seen.recorders).toContain(said)
  for (const reason of ['RoomRefused', 'CallbackFailed', 'CallbackDelivered']) expect(seen.events).toContain(reason)
  expect(seen.recordings).toContain('http://')
  expect(seen.pods).toContain('TRTC_RECORDER_JOB')
  expect(seen.processes).toContain('/recorder/main.js')
  expect(seen.processes).toContain('chromium')

  const data = JSON.parse(await scene.kubectl('get', 'secrets', '-o', 'json')) as { items: { data: Record<string, string> }[] }
  const encoded = data.items.flatMap((secret) => Object.values(secret.data))
  const values = [
    ...encoded,
    ...encoded.map((text) => Buffer.from(text, 'base64').toString()),
    wrongKey,
    btoa(wrongKey),
    trtc.secretKey,
  ]
  expect(values).toEqual(expect.arrayContaining([refusedUserSig, cos.secretId, cos.secretKey, callback.signingKey]))
  for (const [where, text] of Object.entries(seen)) {
    for (const value of values) expect(text.includes(value), `${where} has the secret ${value.slice(0, 6)}…`).toBe(false)
    // The Recording itself says where its callback goes, as whoever wrote it chose.
    if (where !== 'recordings') expect(text.includes(urlToken), `${where} has the query of the callback's address`).toBe(false)
  }
})

/** What a recorder's container writes until it ends. kubectl does not wait for a container to start, and this one may be over within a second. */
async function logsFromTheStart(namespace: string, selector: string): Promise<string> {
  for (;;) {
    const { stdout } = await run('kubectl', ['logs', '--namespace', namespace, '-l', selector, '--follow', '--tail=-1'])
    if (stdout !== '') return stdout
    await sleep(100)
  }
}
