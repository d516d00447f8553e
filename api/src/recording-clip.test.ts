import { describe, expect, test } from 'vitest'
import { clipKey, clipTime, recordingClipSpecSchema } from './recording-clip.ts'
import { acceptedClips, leastClip, refusedClips } from './testing/clips.ts'

describe('the spec of a clip', () => {
  test.each(refusedClips)('refuses $what and names the field', ({ over, field }) => {
    const { error } = recordingClipSpecSchema.safeParse({ ...leastClip, ...over })
    expect(error?.issues.map(({ path }) => ['spec', ...path].join('.').replace(/\.(\d+)/, '[$1]'))).toContain(field)
  })

  test.each(acceptedClips)('accepts $what', ({ over }) => {
    expect(recordingClipSpecSchema.safeParse({ ...leastClip, ...over }).error).toBeUndefined()
  })
})

test.each([
  ['0s', '2026-03-01T09:00:00.000Z'],
  ['1h2m3.5s', '2026-03-01T10:02:03.500Z'],
  ['250ms', '2026-03-01T09:00:00.250Z'],
  ['2026-03-01T17:30:00+08:00', '2026-03-01T09:30:00.000Z'],
])('%s of a recording that began at nine is %s', (moment, time) => {
  expect(clipTime(moment, new Date('2026-03-01T09:00:00Z')).toISOString()).toBe(time)
})

test('a clip lies in the folder of the recording, under its own name and that of the file it is cut from', () => {
  const clip = { namespace: 'school', name: 'proof', uid: 'b4f1' }
  const cos = { region: 'ap-guangzhou', bucket: 'lessons-1250000000', path: '/lessons' }
  expect(clipKey({ clip, cos }, 'lessons/1400000001_math_alice_main_1.mp4')).toBe(
    'lessons/proof_b4f1.1400000001_math_alice_main_1.mp4',
  )
})
