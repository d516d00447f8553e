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
