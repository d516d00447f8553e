import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { World } from './world.ts'

let world: World
let volume: string
beforeAll(async () => {
  world = await World.start()
  volume = mkdtempSync(join(tmpdir(), 'volume-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'volume', volume])
})
afterAll(async () => {
  await world.reset()
  await world.close()
  execFileSync('umount', ['--lazy', volume])
  rmSync(volume, { recursive: true })
})

/** Somebody else writes until there is no room for a single byte. */
function fillVolume(): void {
  const file = openSync(join(volume, `filler-${Date.now()}`), 'w')
  try {
    for (const bytes of [1024 * 1024, 4096, 1]) {
      try {
        for (;;) writeSync(file, Buffer.alloc(bytes))
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' })
      }
    }
  } finally {
    closeSync(file)
  }
  expect(statfsSync(volume).bavail).toBe(0)
}

test('a volume that is full while COS is away ends the recording; what was written goes to COS later, though the volume stays full', async () => {
  await world.publish('alice', { audio: true, video: true })
  const first = await world.recordFromNow({ work: volume, environment: { TRTC_RECORDER_UPLOAD_SECONDS: '2' } })
  await first.logged({ msg: 'File opened', userId: 'alice' })
  await sleep(4000)
  expect((await first.status()).volume).toMatchObject({ totalBytes: 48 * 1024 * 1024, givesBack: 'Holes' })
  await world.cos.outage(true)
  fillVolume()
  const { result, exitCode } = await first.ended
  expect([result?.outcome, result?.stopReason, exitCode]).toEqual(['StorageFull', 'StorageFull', 22])
  expect(result?.files).toMatchObject([{ userId: 'alice', status: 0 }])

  await world.cos.outage(false)
  fillVolume()
  const second = await world.record({ work: volume })
  await second.logged({ msg: 'File stored and verified', userId: 'alice' })
  const { result: then } = await second.ended
  const stored = then!.files[0]!
  expect(stored).toMatchObject({ userId: 'alice', attempt: 1, status: 1 })
  expect(stored.durationSeconds).toBeGreaterThan(3)
  // Whole up to where the volume was full. What came after that, if anything did before the end, is in the ledger, and only that.
  const wrong = (await world.findings(stored, { mode: '02' })).filter(
    ({ check }) => !['order', 'timing', 'sync', 'gaps'].includes(check),
  )
  expect(wrong).toEqual([])
  const { losses } = await world.manifest()
  const lost = losses.filter(({ file, medium }) => file === stored.path.split('/').at(-1) && medium === 'video')
  for (const { reason } of lost) expect(reason).toBe('DiskFull')
  const end = Date.parse(stored.startTime) + stored.durationSeconds * 1000
  for (const { from, to } of lost) {
    expect(Date.parse(from)).toBeGreaterThan(end - 1500)
    expect(Date.parse(to)).toBeLessThan(end + 1500)
  }
})
