import { manifestKey, type Recording } from '@trtc-recorder/api'
import { describe, expect } from 'vitest'
import { kubectl } from './kubectl.ts'
import { newNamespace, recordFor, Scene, test } from './scene.ts'
import { runningWorld } from './world.ts'

/** Whenever a Recording is deleted: nothing of it stays in the cluster, nothing recorded is lost, and whoever wants to know is told. */
describe.concurrent('a Recording that is deleted', () => {
  test('before it has a Pod', async ({ scene }) => {
    const sink = await scene.sink()
    await scene.publish('alice')
    const first = await scene.recordFromNow('first')
    const second = await scene.record('second', { callback: { url: `${sink.url}/second` } })
    await second.is('Started', 'False', 'IdentityInUse')
    expect(await second.pods()).toEqual([])
    await second.delete()
    await second.gone()
    expect(await second.remains()).toEqual([])
    expect((await sink.requests()).map(({ body }) => JSON.parse(body).Files)).toEqual([[]])
    // The one it waited for is none the wiser.
    await scene.removeRecorder()
    expect((await first.settled()).status).toMatchObject({ stopReason: 'RemovedByApi', attempts: [{ number: 1 }] })
  })

  test('while its recorder starts', async ({ scene }) => {
    const sink = await scene.sink()
    await scene.publish('alice')
    const recording = await scene.record('starting', { callback: { url: `${sink.url}/starting` } })
    for (const event of ['create', 'condition=PodScheduled']) {
      await scene.kubectl('wait', 'pod/starting-a1', `--for=${event}`, '--timeout=60s')
    }
    await recording.delete()
    await recording.gone()
    expect(await recording.remains()).toEqual([])
    expect(await sink.requests()).toHaveLength(1)
    expect((await scene.state()).members).toEqual([])
  })

  test('while it records', async ({ scene }) => {
    const sink = await scene.sink()
    await scene.publish('alice')
    const recording = await scene.recordFromNow('recording', { callback: { url: `${sink.url}/recording` } })
    await recordFor(5)
    const before = await recording.get()
    await recording.delete()
    await recording.gone()
    expect(await recording.remains()).toEqual([])
    await expectStored(before, sink)
  })

  test('while it finishes its files', async ({ scene }) => {
    const sink = await scene.sink()
    await scene.publish('alice')
    const recording = await scene.recordFromNow('finishing', { callback: { url: `${sink.url}/finishing` } })
    await recordFor(5)
    // Of nothing else: it stands until the sandbox goes.
    await scene.world.cos.fault({ kind: 'slow', delayMillis: 4000 }, { key: `^${scene.namespace}/finishing/` })
    await recording.stop()
    const before = await recording.is('Succeeded', 'Unknown', 'Finishing')
    await recording.delete()
    await recording.gone()
    expect(await recording.remains()).toEqual([])
    await expectStored(before, sink)
  })

  test('when it is over, and its callback has not been taken yet', async ({ scene }) => {
    const sink = await scene.sink()
    await sink.down(true)
    await scene.publish('alice')
    const recording = await scene.recordFromNow('told-late', { callback: { url: `${sink.url}/told-late` } })
    await recordFor(5)
    await recording.stop()
    await recording.is('CallbackDelivered', 'False', 'Retrying')
    await recording.delete()
    const kept = await recording.until('being deleted', ({ metadata }) => metadata.deletionTimestamp !== undefined)
    expect(kept.status?.callback).toMatchObject({ state: 'Pending' })
    await sink.down(false)
    await recording.gone()
    expect(await recording.remains()).toEqual([])
    await expectStored(kept, sink)
  })

  test('when all is done', async ({ scene }) => {
    const recording = await scene.record('done', { desiredState: 'Stopped' })
    await recording.settled()
    await recording.until('let go', ({ metadata }) => metadata.finalizers === undefined)
    await recording.delete()
    await recording.gone(10)
    expect(await recording.remains()).toEqual([])
  })

  test('with its whole namespace', async () => {
    const scene = new Scene(await newNamespace())
    try {
      const sink = await scene.sink()
      await scene.publish('alice')
      const recording = await scene.recordFromNow('swept-away', { callback: { url: `${sink.url}/swept-away` } })
      await recordFor(5)
      const before = await recording.get()
      await kubectl('delete', 'namespace', scene.namespace, '--timeout=90s')
      await expectStored(before, sink)
    } finally {
      await scene.close()
    }
  })
})

type Sink = Awaited<ReturnType<Scene['sink']>>

/** alice's only file is in COS, whole, and the callback says so, once. */
async function expectStored({ spec, metadata }: Recording, sink: Sink): Promise<void> {
  const objects = await runningWorld().cos.objects(spec.cos.bucket, `${metadata.namespace}/${metadata.name}/`)
  const files = objects.filter(({ key }) => key.endsWith('.mp3'))
  expect(files).toHaveLength(1)
  // 128 kbit/s: 16000 bytes a second.
  expect(files[0]!.bytes).toBeGreaterThan(2 * 16_000)
  expect(objects.map(({ key }) => key)).toContain(manifestKey({ recording: metadata, spec, volume: 1 }))
  const callbacks = await sink.requests()
  expect(callbacks.map(({ body }) => JSON.parse(body).Files)).toEqual([
    [{ UserId: 'alice', RecordFile: files[0]!.url, Status: 1, Message: 'ok' }],
  ])
}
