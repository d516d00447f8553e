import { manifestKey } from '@trtc-recorder/api'
import { expect } from 'vitest'
import { run } from './kubectl.ts'
import { recordFor, test } from './scene.ts'

/** A Recording as whoever has nothing but kubectl sees it. */
test('kubectl get, describe, patch and wait tell and drive the whole story', async ({ scene }) => {
  const sink = await scene.sink()
  await scene.publish('alice')
  const recording = await scene.recordFromNow('math', { callback: { url: `${sink.url}/math` } })

  const [heading, line, ...more] = (await scene.kubectl('get', 'rec')).trimEnd().split('\n')
  expect(heading).toMatch(/^NAME +SUCCEEDED +REASON +STARTED +FILES +RECORDED +STOP REASON +AGE$/)
  expect(line).toMatch(/^math +Unknown +Recording +\d+s /)
  expect(more).toEqual([])
  expect(await scene.kubectl('get', 'rec', '-o', 'wide')).toContain(String(scene.room.roomId))
  await recordFor(3)

  // Begun before there is anything to wait for, as a script would.
  const waiting = run('kubectl', [
    ...['wait', '--namespace', scene.namespace, 'recording/math'],
    ...['--for=condition=Succeeded', '--timeout=60s'],
  ])
  await recording.stop()
  expect(await waiting).toMatchObject({ code: 0, stdout: 'recording.trtc-recorder.dev/math condition met\n' })

  const { status, spec, metadata } = await recording.get()
  expect(status).toMatchObject({ stopReason: 'StopRequested', files: [{ userId: 'alice', status: 1, message: 'ok' }] })
  const stored = await scene.world.cos.objects(spec.cos.bucket, `${scene.namespace}/math/`)
  const [file] = status!.files!
  expect(stored.map(({ key, bytes }) => ({ key, bytes }))).toContainEqual({ key: file!.path, bytes: file!.bytes })
  expect(stored.map(({ key }) => key)).toContain(manifestKey({ recording: metadata, spec, volume: 1 }))

  await recording.settled()
  expect((await scene.kubectl('get', 'rec')).split('\n')[1]).toMatch(
    /^math +True +Completed +\d+s +1 +[1-9]\d* +StopRequested +\d+s/,
  )
  await scene.kubectl(
    'wait',
    'events',
    '--for=jsonpath={.reason}=CallbackDelivered',
    '--field-selector',
    'reason=CallbackDelivered',
    '--timeout=10s',
  )
  const described = await scene.kubectl('describe', 'rec', 'math')
  for (const said of [
    'Succeeded',
    'Started',
    'Stored',
    'CallbackDelivered',
    '1 file is stored in COS',
    'was answered with 200',
  ]) {
    expect(described).toContain(said)
  }
  const reasons = described
    .slice(described.indexOf('Events:'))
    .split('\n')
    .flatMap((line) => /^ +(?:Normal|Warning) +(\w+)/.exec(line)?.[1] ?? [])
  // What its conditions say, and since when, is said there. Whoever delivers callbacks is another than who tells the rest, and as fast.
  expect(reasons.filter((reason) => reason !== 'CallbackDelivered')).toEqual(['Completed'])
  expect(reasons.filter((reason) => reason === 'CallbackDelivered')).toHaveLength(1)
})
