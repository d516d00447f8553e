import { callbackBody } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { allFiles, listed } from './file-list.ts'
import { withResult } from './recording/files.ts'
import { aFile, aRecording, aResult, at } from './recording/testing.ts'

const files = (count: number, failed: number[] = []) =>
  Array.from({ length: count }, (_, index) =>
    aFile('alice', {
      path: `lesson/${String(index).padStart(5, '0')}.mp4`,
      startTime: at(index).toISOString(),
      status: failed.includes(index) ? 0 : 1,
    }),
  )

describe('what a status says of files', () => {
  test('is all of them, where they are few', () => {
    expect(listed(files(3))).toEqual({ files: files(3) })
  })

  test('is at most 500 and 256 KiB, the failed ones before others', () => {
    const many = files(3000, [2998])
    const list = listed(many)
    expect(list.files?.length).toBeLessThanOrEqual(500)
    expect(list.files?.at(-1)).toMatchObject({ path: 'lesson/02998.mp4', status: 0 })
    expect(JSON.stringify(list.files).length).toBeLessThanOrEqual(262_144)
    expect(list.moreFiles!.length).toBeLessThan(200_000)
  })

  test('loses none', () => {
    expect(allFiles(listed(files(3000, [7])))).toEqual(files(3000, [7]))
  })

  test('grows by what later attempts say', () => {
    const first = withResult({}, aResult({ files: files(2000) }))
    const second = withResult(first, aResult({ files: files(3000).slice(1900) }))
    expect(allFiles(second)).toHaveLength(3000)
    expect(second.fileCount).toBe(3000)
  })
})

describe('the callback', () => {
  const { spec } = aRecording()

  test('has all files', () => {
    const status = withResult({}, aResult({ files: files(3000) }))
    expect(callbackBody(spec, allFiles(status), { fileCount: status.fileCount }).Files).toHaveLength(3000)
  })

  test('names the manifest where the list could not be read, and is never an empty list then', () => {
    const manifestUrl = 'https://cos.example/lesson.manifest.json'
    expect(callbackBody(spec, [], { fileCount: 30, manifestUrl }).Files).toEqual([
      {
        UserId: 'recorder',
        RecordFile: manifestUrl,
        Status: 0,
        Message: '30 more files are listed in this manifest; what became of them could not be read',
      },
    ])
    expect(callbackBody(spec, [], { fileCount: 0 }).Files).toEqual([])
  })
})
