import { describe, expect } from 'vitest'
import { recordFor, test } from './scene.ts'

describe('a Recording that is changed while it records', () => {
  test('is paused and goes on in the same file, and stops without its Pod being deleted', async ({ scene }) => {
    await scene.publish('alice')
    const recording = await scene.recordFromNow('paused')
    const change = (spec: object) =>
      recording.kubectl('patch', 'recording', 'paused', '--type', 'merge', '-p', JSON.stringify({ spec }))
    const subscriptions = async () => (await scene.state()).members.flatMap((member) => member.subscriptions)
    await recordFor(3)
    await change({ desiredState: 'Paused' })
    await recording.is('Succeeded', 'Unknown', 'Paused')
    await expect.poll(subscriptions).toEqual([])
    await recordFor(3)
    await change({ desiredState: 'Running' })
    await recording.is('Succeeded', 'Unknown', 'Recording')
    await recordFor(3)
    await change({ subscribe: { exclude: ['alice'] } })
    await expect.poll(subscriptions, { timeout: 5000 }).toEqual([])
    await recording.stop()
    const finished = await recording.settled()
    const { status } = finished
    expect(status).toMatchObject({ stopReason: 'StopRequested', files: [{ userId: 'alice', status: 1 }] })
    const manifest = await recording.manifest(finished)
    expect(manifest.stopReason).toBe('StopRequested')
    const [pause] = manifest.pauses
    const pausedSeconds = (Date.parse(pause!.to!) - Date.parse(pause!.from)) / 1000
    expect(pausedSeconds).toBeGreaterThan(2.5)
    expect(status!.files![0]!.durationSeconds).toBeGreaterThan(pausedSeconds + 5)
    expect(manifest.losses).toEqual([])
  })
})
