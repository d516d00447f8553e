import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callbackBody, type RecordedFile, type Recording, recordingManifestSchema } from '@trtc-recorder/api'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { ReceivedCallback } from '../../sandbox/src/callback/index.ts'
import { recordings } from './story.ts'
import { checkMade, checkRecording } from './verify.ts'

const file = (userId: string, more: Partial<RecordedFile> = {}): RecordedFile => ({
  userId,
  stream: 'main',
  path: `demo/${userId}.mp4`,
  url: `http://cos/demo/${userId}.mp4`,
  status: 1,
  message: 'ok',
  bytes: 1000,
  durationSeconds: 10,
  startTime: '2026-01-01T10:00:00.000Z',
  attempt: 1,
  lostFrames: 0,
  lostSeconds: 0,
  ...more,
})

const replay = {
  kind: 'replay' as const,
  path: 'demo/lesson.replay.html',
  url: 'http://cos/lesson.replay.html',
  status: 1,
  message: 'ok',
  bytes: 1,
}

/** As the Recording asks for. */
const made = (kind: 'paella' | 'mix', path: string) => ({ ...replay, kind, path })
const lessonOutputs = [replay, made('mix', 'demo/lesson.mix.mp4'), made('paella', 'demo/lesson.paella/data.json')]

function finished(
  name: string,
  files: RecordedFile[],
  stopReason = recordings.find((each) => each.name === name)!.stopReason,
): Recording {
  const manifest = recordingManifestSchema.parse(
    parse(readFileSync(new URL(`../../examples/demo/${name}.yaml`, import.meta.url), 'utf8')),
  )
  const live = Object.keys(manifest.spec.live ?? {}).map((part) => ({ part, stored: 3, waiting: 0, lost: 0 }))
  return { ...manifest, status: { stopReason, files, outputs: lessonOutputs, live } } as unknown as Recording
}

function told(recording: Recording, more: Partial<ReceivedCallback> = {}): ReceivedCallback {
  const body = JSON.stringify(callbackBody(recording.spec, recording.status!.files!))
  return { sequence: 1, time: '', method: 'POST', path: '/signed', headers: {}, body, signature: 'valid', status: 200, ...more }
}

const check = (recording: Recording, callbacks = [told(recording)]) =>
  checkRecording(recording, { callbacks: { [recording.metadata.name]: callbacks } })
const whole = () => [file('alice'), file('bob'), file('bob', { path: 'demo/bob2.mp4' }), file('carol')]

describe('a Recording of the demo', () => {
  it('is as it must be', () => expect(check(finished('lesson', whole()))).toEqual([]))
  it('has nothing of carol where only pictures are recorded', () => {
    expect(check(finished('moderated-room', whole().slice(0, 3)))).toEqual([])
    expect(check(finished('moderated-room', whole()))).toEqual(['moderated-room: carol has 1 files, not 0'])
  })
  it.each([
    ['bob has one file', whole().slice(1).slice(1).concat(file('alice')), 'bob has 1 files, not 2'],
    ['dave has a file', [...whole(), file('dave')], 'dave has 1 files, not 0'],
    ['a stranger has a file', [...whole(), file('eve')], 'a file of eve, who was not in the room'],
    ['a file failed', [...whole().slice(1), file('alice', { status: 0, message: 'cos: 403' })], 'has status 0: cos: 403'],
  ])('is found out when %s', (_, files, finding) => {
    expect(check(finished('lesson', files))).toEqual([expect.stringContaining(finding)])
  })
  it('is found out when it stopped for another reason', () => {
    expect(check(finished('lesson', whole(), 'Idle'))).toEqual(['lesson: it stopped because of Idle, not RemovedByApi'])
  })
  it('is found out when something made of it while it goes on is lost, waits, or is not there', () => {
    const recording = finished('moderated-room', whole().slice(0, 3))
    const [stills] = recording.status!.live!
    recording.status!.live = [{ ...stills!, lost: 1 }]
    expect(check(recording)).toEqual(['moderated-room: of its stills 1 are lost and 0 wait', 'moderated-room: there are no hls'])
  })
  it('is found out when its replay is not stored', () => {
    const recording = finished('lesson', whole())
    const others = lessonOutputs.slice(1)
    recording.status!.outputs = [{ ...replay, status: 0, message: 'cos: 403' }, ...others]
    expect(check(recording)).toEqual(['lesson: its replay is not stored: cos: 403'])
    recording.status!.outputs = [{ ...replay, missing: ['demo/bob.mp4'], message: 'without bob.mp4' }, ...others]
    expect(check(recording)).toEqual(['lesson: its replay is not whole: without bob.mp4'])
    recording.status!.outputs = others
    expect(check(recording)).toEqual(['lesson: its replay is not stored: nobody made it'])
  })
  it('is found out when its callback came twice, never, unsigned, or with other files', () => {
    const recording = finished('lesson', whole())
    expect(check(recording, [told(recording), told(recording)])).toEqual(['lesson: 2 callbacks arrived, not 1'])
    expect(check(recording, [])).toEqual(['lesson: 0 callbacks arrived, not 1'])
    expect(check(recording, [told(recording, { signature: 'missing' })])).toEqual(["lesson: the callback's signature is missing"])
    expect(check(recording, [told(finished('lesson', []))])).toEqual([expect.stringContaining('not that of its status')])
  })
  it('is found out when its folder for Paella Player names what is not there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'demo-'))
    const recording = finished('lesson', whole())
    recording.status!.outputs = [made('paella', 'demo/lesson.paella/data.json')]
    const put = (path: string, text: string) => writeFile(join(folder, path), text)
    await mkdir(join(folder, 'demo/lesson.paella'), { recursive: true })
    const source = (src: string) => ({ sources: { mp4: [{ src }] } })
    await put('demo/lesson.paella/data.json', JSON.stringify({ streams: [source('a%2Bb.mp4'), source('../lesson.mix.mp3')] }))
    await put('demo/lesson.paella/a+b.mp4', '')
    expect(await checkMade(folder, recording)).toEqual([
      'lesson: demo/lesson.paella/data.json names ../lesson.mix.mp3, which is not there',
    ])
    await put('demo/lesson.mix.mp3', '')
    expect(await checkMade(folder, recording)).toEqual([])
    await put('demo/lesson.paella/data.json', JSON.stringify({ streams: [] }))
    expect(await checkMade(folder, recording)).toEqual(['lesson: there is nothing in demo/lesson.paella/data.json'])
    await rm(folder, { recursive: true })
  })
})
