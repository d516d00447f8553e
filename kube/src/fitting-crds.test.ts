import { expect, onTestFinished, test, vi } from 'vitest'
import type { KubeClient, WatchEvent } from './client.ts'
import { ApiError } from './errors.ts'
import { FittingCrds } from './fitting-crds.ts'
import { guardedClient } from './guarded-client.ts'
import { resources } from './resources.ts'
import type { KubeObject } from './types.ts'

const { recordings, recordingClips } = resources

/** Looks at an API server that gives these answers, one after the other; the last for ever. */
function look(...answers: (() => string)[]) {
  const said: string[] = []
  const say = (level: string) => (about: unknown, message?: string) => void said.push(`${level} ${message ?? about}`)
  const log = { warn: say('warn'), error: say('error'), info: say('info') }
  let asked = 0
  const client = { text: async () => answers[Math.min(asked++, answers.length - 1)]!() } as unknown as KubeClient
  const needed = [
    { resource: recordings, fields: ['status.attempts.state', 'status.volumes'] },
    { resource: recordingClips, fields: ['status.handled'] },
  ]
  const crds = new FittingCrds({ client, log, who: 'operator', needed, retryMillis: 1, seldomMillis: 3_600_000 })
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  return { crds, said, stop, run: () => crds.run(stop.signal), asked: () => asked }
}

const fails = (code: number) => () => {
  throw new ApiError('get', code, {})
}
const kind = (kind: string, ...fields: string[]) => ({
  properties: { status: { properties: Object.fromEntries(fields.map((field) => [field, {}])) } },
  'x-kubernetes-group-version-kind': [{ group: 'trtc-recorder.dev', version: 'v1alpha1', kind }],
})
const attempts = { properties: { state: {} } }
function serves(of: { recordings?: string[]; clips?: string[] }) {
  const recording = kind('Recording', ...(of.recordings ?? ['volumes']))
  Object.assign(recording.properties.status.properties, { attempts: { items: { allOf: [attempts] } } })
  const schemas = { Recording: recording, Clip: kind('RecordingClip', ...(of.clips ?? ['handled'])) }
  return () => JSON.stringify({ components: { schemas } })
}
const olderRecordings = 'the CRD recordings.trtc-recorder.dev is older than this operator and would drop status.volumes'
const remedy = ': apply the CRDs of this release'

test('an API server that does not answer is asked again: what it keeps may be too little', async () => {
  const { crds, said, run } = look(fails(500), fails(503), serves({ recordings: [] }))
  void run()
  await expect.poll(crds.trouble).toBe(olderRecordings + remedy)
  expect(said.slice(0, 2)).toEqual(['warn What the CRDs keep could not be read', 'warn What the CRDs keep could not be read'])
})

test('one that does not say what it keeps keeps all', async () => {
  const { crds, said, run, stop } = look(fails(403))
  void run()
  await crds.fits(recordings, stop.signal)
  expect([crds.trouble(), said]).toEqual([undefined, []])
})

test('nothing is waited for when the operator is to stop', async () => {
  const { crds, run, stop } = look(fails(500))
  const running = run()
  stop.abort()
  await Promise.all([running, crds.fits(recordings, stop.signal)])
})

test('what is amiss with one kind keeps nobody from another, and all that is is said', async () => {
  const { crds, run, stop, said } = look(serves({ recordings: [], clips: [] }), serves({ clips: [] }))
  void run()
  await crds.fits(recordings, stop.signal)
  expect([crds.has(recordings), crds.has(recordingClips)]).toEqual([true, false])
  const olderClips = 'the CRD recordingclips.trtc-recorder.dev is older than this operator and would drop status.handled'
  expect(said).toEqual([
    `error Waiting for CRDs that fit: ${olderRecordings}; ${olderClips}${remedy}`,
    `error Waiting for CRDs that fit: ${olderClips}${remedy}`,
  ])
})

test('a kind that is not served drops nothing', async () => {
  const { crds, run, stop } = look(() => JSON.stringify({ components: { schemas: { Recording: kind('Recording') } } }))
  void run()
  await expect.poll(crds.trouble).toContain('recordings.')
  expect(crds.has(recordingClips)).toBe(true)
  stop.abort()
})

const aRecording = { metadata: { namespace: 'lessons', name: 'math', uid: 'u1' }, status: { volumes: [], minutesLeft: 3 } }
/** What the API server says to a status that it would not keep all of. */
const refusal = (...fields: string[]) =>
  new ApiError('replace', 400, {
    message: `Recording in version "v1alpha1" cannot be handled as a Recording: strict decoding error: ${fields.map((field) => `unknown field "${field}"`).join(', ')}`,
  })

test('a status of which anything needed would be dropped is not written, and nobody works until the CRD is mended', async () => {
  const { crds, run, stop } = look(serves({}), serves({}), serves({}))
  void run()
  await crds.fits(recordings, stop.signal)
  const heard = vi.fn(() => crds.has(recordings))
  crds.onChange(heard)
  const replace = vi.fn().mockRejectedValue(refusal('status.attempts[0].state', 'status.minutesLeft'))
  const client = guardedClient({ replace } as unknown as KubeClient, crds)
  await expect(client.replace(recordings, aRecording as never, { subresource: 'status' })).rejects.toThrow('strict decoding')
  expect(replace).toHaveBeenCalledOnce()
  expect(heard.mock.results).toMatchObject([{ value: false }])
  await expect.poll(crds.trouble).toBeUndefined()
})

test('what is only told is dropped by an older CRD without a word', async () => {
  const { crds } = look(serves({}))
  const write = vi.fn().mockRejectedValueOnce(refusal('status.minutesLeft')).mockResolvedValue('written')
  const client = guardedClient({ replace: write, patch: write } as unknown as KubeClient, crds)
  expect(await client.replace(recordings, aRecording as never, { subresource: 'status' })).toBe('written')
  const body = { type: 'merge' as const, body: {} }
  write.mockRejectedValueOnce(refusal('status.minutesLeft'))
  expect(await client.patch(recordings, aRecording.metadata, body, { subresource: 'status' })).toBe('written')
  expect(write.mock.calls.map((call) => call.at(-1).fieldValidation)).toEqual(['Strict', undefined, 'Strict', undefined])
  expect(crds.trouble()).toBeUndefined()
})

test('what is no status is written as ever, and any other refusal is the caller’s', async () => {
  const { crds } = look(serves({}))
  const replace = vi
    .fn()
    .mockResolvedValueOnce('written')
    .mockRejectedValue(new ApiError('replace', 409, { reason: 'Conflict' }))
  const client = guardedClient({ replace } as unknown as KubeClient, crds)
  await client.replace(recordings, aRecording as never)
  expect(replace.mock.lastCall?.at(-1)).toEqual({})
  await expect(client.replace(recordings, aRecording as never, { subresource: 'status' })).rejects.toThrow('Conflict')
  expect(replace).toHaveBeenCalledTimes(2)
})

test('what the API server ended a watch of is not read again before it was asked what it keeps', async () => {
  const { crds, run, stop, asked } = look(serves({}), serves({ recordings: [] }))
  void run()
  await crds.fits(recordings, stop.signal)
  const order: string[] = []
  crds.onChange(() => order.push('older'))
  async function* watch(): AsyncGenerator<WatchEvent<KubeObject>> {}
  const list = async () => order.push('read')
  const client = guardedClient({ watch, list } as unknown as KubeClient, crds)
  await client.list(recordings)
  expect(asked()).toBe(1)
  for await (const _ of client.watch(recordings, { resourceVersion: '1', timeoutSeconds: 300 }));
  await client.list(recordings)
  expect(order).toEqual(['read', 'older', 'read'])
})

test('a watch that was ended from this side says nothing of the CRD', async () => {
  const { crds, run, stop, asked } = look(serves({}))
  void run()
  await crds.fits(recordings, stop.signal)
  const ended = AbortSignal.abort()
  async function* watch(): AsyncGenerator<WatchEvent<KubeObject>> {}
  const client = guardedClient({ watch, list: async () => {} } as unknown as KubeClient, crds)
  for await (const _ of client.watch(recordings, { resourceVersion: '1', timeoutSeconds: 300, signal: ended }));
  for await (const _ of client.watch(recordings, { resourceVersion: '1', timeoutSeconds: 1 }));
  await client.list(recordings)
  expect(asked()).toBe(1)
})
