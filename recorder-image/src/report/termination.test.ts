import { noLosses, type RecorderResult, terminationMessageSchema } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { terminationMessage } from './termination.ts'

const result = (files: number, message = 'Done'): RecorderResult => ({
  attempt: 1,
  outcome: 'Completed',
  message,
  stopReason: 'Idle',
  losses: noLosses,
  outputs: [],
  live: [],
  files: Array.from({ length: files }, (_, i) => ({
    userId: `user-${i}`,
    stream: 'main',
    path: `lessons/file-${i}.mp4`,
    url: `https://lessons-1250000000.cos.ap-guangzhou.myqcloud.com/lessons/file-${i}.mp4`,
    status: 1,
    message: 'ok',
    bytes: 1000,
    durationSeconds: 10,
    startTime: '2026-01-01T00:00:00.000Z',
    attempt: 1,
    lostFrames: 0,
    lostSeconds: 0,
  })),
})

describe('termination message', () => {
  test('is the whole result where it fits', () => {
    expect(JSON.parse(terminationMessage(result(5)))).toEqual(result(5))
  })

  test('else leaves the files out and says how many', () => {
    const text = terminationMessage(result(50))
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096)
    expect(terminationMessageSchema.parse(JSON.parse(text))).toEqual({ ...result(50), files: [], filesOmitted: 50 })
  })

  test('leaves outputs out, too, where they are too many', () => {
    const path = 'lessons/maths.YWxpY2U.16k.wav'
    const output = { kind: 'audio16k' as const, path, url: `https://cos.example/${path}`, status: 1, message: 'ok', bytes: 1 }
    const text = terminationMessage({ ...result(1), outputs: new Array(60).fill(output) })
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096)
    expect(terminationMessageSchema.parse(JSON.parse(text))).toMatchObject({ files: [], filesOmitted: 1, outputs: [] })
  })

  test('fits with the longest message, in any script', () => {
    const text = terminationMessage(result(50, '录'.repeat(1024)))
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096)
    terminationMessageSchema.parse(JSON.parse(text))
  })
})
