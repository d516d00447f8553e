import { recordingStatusSchema } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { withResult } from './files.ts'
import { aResult } from './testing.ts'

describe('the manifests of a recording', () => {
  const url = (volume: string) => `https://lessons.example/math_uid${volume}.manifest.json`

  test('are one for each volume, however often it is written', () => {
    let status = {}
    for (const volume of ['', '_v2', '', '_v2', '_v3']) {
      status = { ...status, ...withResult(status, aResult({ manifestUrl: url(volume) })) }
    }
    expect(status).toMatchObject({ manifestUrl: url(''), moreManifestUrls: [url('_v2'), url('_v3')] })
  })

  test('stay when an attempt has written none', () => {
    const status = { manifestUrl: url('') }
    expect({ ...status, ...withResult(status, aResult()) }).toMatchObject(status)
  })
})

test('what a recorder of another release says beyond what a status may have is left out', () => {
  const live = Array.from({ length: 9 }, (_, index) => ({ part: `part${index}`, stored: 1, waiting: 0, lost: 0 }))
  const status = withResult({}, aResult({ manifestUrl: `https://lessons.example/${'x'.repeat(2048)}`, live: live as never }))
  expect(recordingStatusSchema.safeParse(status).error).toBeUndefined()
  expect(status).toMatchObject({ live: live.slice(0, 8) })
})
