import { createHash } from 'node:crypto'
import { manifestSchema } from '@trtc-recorder/api'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { vconOf } from './vcon.ts'

/** What draft-ietf-vcon-vcon-core (0.4.0) asks of the members that are used here; strict, as it knows no others without an extension. */
const index = z.int().min(0)
const date = z.iso.datetime()
/** SHOULD be there, both of them; a file that is lost has none. */
const content = {
  mediatype: z.enum(['audio/x-wav', 'audio/x-mp3', 'audio/x-mp4', 'audio/ogg', 'video/x-mp4', 'video/ogg']),
  url: z.url({ protocol: /^https$/ }),
  content_hash: z.string().regex(/^sha512-[A-Za-z0-9_-]{86}$/),
}
const party = z.strictObject({ name: z.string(), validation: z.string() })
const history = z.strictObject({ party: index, time: date, event: z.enum(['join', 'drop', 'hold', 'unhold', 'mute', 'unmute']) })
const dialog = z.discriminatedUnion('type', [
  z.strictObject({
    ...{ type: z.literal('recording'), start: date, duration: z.number().min(0) },
    parties: z.union([index, z.array(z.union([index, z.array(index)]))]),
    // Only where the first of the parties is not who began.
    originator: index.optional(),
    ...{ filename: z.string(), recording_set: index, party_history: z.array(history) },
    ...z.object(content).partial().shape,
  }),
  z.strictObject({
    ...{ type: z.literal('recording-set'), start: date, duration: z.number().min(0) },
    ...{ parties: z.array(index), recordings: z.array(index).min(1) },
  }),
])
const vconSchema = z.strictObject({
  vcon: z.literal('0.4.0'),
  uuid: z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
  ...{ created_at: date, subject: z.string(), parties: z.array(party), dialog: z.array(dialog) },
  ...{ analysis: z.array(z.never()), attachments: z.array(z.never()) },
})

const at = (seconds: number) => new Date(Date.parse('2026-03-01T10:00:00.000Z') + seconds * 1000).toISOString()
const aFile = (userId: string, name: string, from: number, to: number, channels: number) => ({
  ...{
    userId,
    stream: 'main',
    path: `calls/${name}`,
    url: `https://calls.example/calls/${name}`,
    status: 1,
    message: 'ok',
    bytes: 9,
  },
  ...{ durationSeconds: to - from, startTime: at(from), endTime: at(to), attempt: 1, crc64: '1' },
  audio: { codec: 'mp3', sampleRate: 48_000, channels },
})
const event = (seconds: number, userId: string, event: string) => ({ time: at(seconds), userId, stream: 'main', event })

const manifest = manifestSchema.parse({
  ...{ version: 1, recording: { namespace: 'calls', name: 'call-4711', uid: 'b8f1c9c0-3f2f-4a53-9a0a-111111111111' } },
  ...{ sdkAppId: 1, strRoomId: 'call-4711', mode: '00', stopReason: 'Idle', startTime: at(0), endTime: at(60) },
  files: [aFile('bob', 'bob.mp3', 5, 40, 2), aFile('agent', 'agent.mp3', 2, 60, 2)],
  events: [
    ...[event(1, 'agent', 'enter'), event(5, 'bob', 'enter'), event(5, 'bob', 'audioOn'), event(10, 'bob', 'gap')],
    ...[event(20, 'bob', 'audioOff'), event(40, 'bob', 'leave')],
  ],
  ...{ pauses: [], clockSteps: [], losses: [] },
})
const hash = `sha512-${createHash('sha512').update('media').digest('base64url')}`
const times = { key: 'calls/call-4711.vcon', startTime: at(0), seconds: 60, createdAt: at(61) }
const vcon = vconOf(
  manifest,
  manifest.files.map((file) => ({ file, contentHash: hash })),
  times,
)

test('keeps the rules of the draft, and every index points at what it says', () => {
  const { parties, dialog } = vconSchema.parse(JSON.parse(JSON.stringify(vcon)))
  const [set, ...recordings] = dialog
  if (set?.type !== 'recording-set') throw new Error('the set comes first')
  expect(set).toEqual({ type: 'recording-set', start: at(0), duration: 60, parties: [0, 1], recordings: [1, 2] })
  expect(recordings.every((one) => one.type === 'recording' && dialog[one.recording_set] === set)).toBe(true)
  expect(parties.map(({ name }) => name)).toEqual(['agent', 'bob'])
})

test('each file is a dialog with its own times, its user on each of its channels, and where it lies', () => {
  expect(vcon.dialog[1]).toMatchObject({
    ...{ start: at(5), duration: 35, parties: [1, 1], originator: 0, mediatype: 'audio/x-mp3', filename: 'bob.mp3' },
    ...{ url: 'https://calls.example/calls/bob.mp3', content_hash: hash },
    party_history: [
      { party: 1, time: at(5), event: 'join' },
      { party: 1, time: at(5), event: 'unmute' },
      { party: 1, time: at(20), event: 'mute' },
      { party: 1, time: at(40), event: 'drop' },
    ],
  })
})

test('each file says how its user came to it and how they went, though they enter before they send, and leave after', () => {
  const files = [aFile('agent', 'agent.mp3', 2, 60, 2), aFile('bob', 'bob.mp3', 5, 20, 2), aFile('bob', 'bob-2.mp3', 40, 60, 2)]
  const events = [
    // He came and went before he sent anything.
    ...[event(1, 'bob', 'enter'), event(2, 'bob', 'leave'), event(4.4, 'bob', 'enter'), event(4.9, 'bob', 'audioOn')],
    ...[event(20.02, 'bob', 'audioOff'), event(20.05, 'bob', 'leave')],
    ...[event(25, 'bob', 'enter'), event(26, 'bob', 'leave'), event(39.8, 'bob', 'enter'), event(39.9, 'bob', 'audioOn')],
    event(50, 'bob', 'audioOff'),
  ]
  const again = manifestSchema.parse({ ...manifest, files, events })
  const { dialog } = vconOf(
    again,
    again.files.map((file) => ({ file, contentHash: hash })),
    times,
  )
  const said = (at: number) => {
    const one = dialog[at]!
    return 'party_history' in one && one.party_history.map(({ event, time }) => `${event} ${time}`)
  }
  expect(said(2)).toEqual([`join ${at(4.4)}`, `unmute ${at(4.9)}`, `mute ${at(20.02)}`, `drop ${at(20.05)}`])
  expect(said(3)).toEqual([`join ${at(39.8)}`, `unmute ${at(39.9)}`, `mute ${at(50)}`])
})

test('who began is said where the first party of a dialog is somebody else, and nowhere else', () => {
  expect(vcon.dialog.map((dialog) => 'originator' in dialog && dialog.originator)).toEqual([false, 0, false])
})

test('a file that is lost has a dialog of its own, without content, in the set with the others', () => {
  const [bob, agent] = manifest.files
  const files = [
    { file: bob!, contentHash: undefined },
    { file: agent!, contentHash: hash },
  ]
  const { dialog } = vconSchema.parse(JSON.parse(JSON.stringify(vconOf(manifest, files, times))))
  expect(dialog[0]).toMatchObject({ parties: [0, 1], recordings: [1, 2] })
  const lost = dialog[1]!
  expect(lost).toMatchObject({ type: 'recording', start: at(5), duration: 35, parties: [1, 1], filename: 'bob.mp3' })
  for (const member of Object.keys(content)) {
    expect(lost).not.toHaveProperty(member)
    expect(dialog[2]).toHaveProperty(member)
  }
})

test('the medium is that of the file: an MP4 without pictures is sound', () => {
  const [{ audio, ...file }] = manifest.files as [(typeof manifest.files)[0]]
  const video = { codec: 'h264', width: 640, height: 360 }
  const of = (more: object) => {
    const one = { file: { ...file, ...more } as typeof file, contentHash: hash }
    const recording = vconOf(manifest, [one], times).dialog[1]!
    return 'mediatype' in recording && recording.mediatype
  }
  expect(of({ audio })).toBe('audio/x-mp3')
  expect(of({ path: 'calls/bob.mp4', audio })).toBe('audio/x-mp4')
  expect(of({ path: 'calls/bob.mp4', audio, video })).toBe('video/x-mp4')
})

test('the UUID is of version 8 and the same each time, and another of each recording and each of its volumes', () => {
  expect(vconOf(manifest, [], { ...times, createdAt: at(90) }).uuid).toBe(vcon.uuid)
  expect(vconOf({ ...manifest, recording: { ...manifest.recording, uid: 'another' } }, [], times).uuid).not.toBe(vcon.uuid)
  expect(vconOf(manifest, [], { ...times, key: 'calls/call-4711_v2.vcon' }).uuid).not.toBe(vcon.uuid)
})
