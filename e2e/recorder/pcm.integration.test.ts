import { recorderEnv } from '@trtc-recorder/api'
import { expect, onTestFailed, onTestFinished, test } from 'vitest'
import { Receiver } from '../../recorder-image/src/live/pcm/testing/receiver.ts'
import { findBeeps } from '../media/hear.ts'
import { World } from './world.ts'

const rate = 16_000
const samplesOf = (pcm: Buffer) => Float32Array.from({ length: pcm.length / 2 }, (_, n) => pcm.readInt16LE(n * 2) / 32_768)
const fromFirst = (beeps: readonly number[]) => beeps.map((beep) => beep - beeps[0]!)

test('a receiver by LiveKit’s convention hears what the file has, when it is said, and silence while the user is muted', async () => {
  const world = await World.start()
  onTestFailed(() => console.error(world.output))
  const receiver = new Receiver()
  await receiver.open()
  onTestFinished(async () => {
    await receiver.close()
    await world.close()
  })
  await world.publish('alice', { audio: true })
  const url = `${receiver.address}/listen?user={userId}&room={room}&token=s3cret`
  const receivers = { allow: ['127.0.0.0/8'], deny: [], apiServer: [], allowPrivate: true }
  const recorder = await world.recordFromNow({
    spec: { mode: '00', live: { pcm: { url } } },
    environment: { [recorderEnv.receivers]: JSON.stringify(receivers) },
  })
  const heardSeconds = () => (receiver.connections[0]?.pcm.length ?? 0) / 2 / rate
  await expect.poll(heardSeconds, { timeout: 30_000 }).toBeGreaterThan(2.5)
  await world.mute('alice', 'audio', true)
  await expect.poll(() => receiver.connections[0]!.texts.map(({ text }) => text)).toEqual(['{"muted":true}'])
  const mutedAt = heardSeconds()
  await expect.poll(heardSeconds).toBeGreaterThan(mutedAt + 1)
  await world.mute('alice', 'audio', false)
  await expect.poll(() => receiver.connections[0]!.texts.at(-1)!.text).toBe('{"muted":false}')
  const heardAt = heardSeconds()
  await expect.poll(heardSeconds).toBeGreaterThan(heardAt + 2.5)
  recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  expect(result).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice', status: 1 }] })

  expect(receiver.connections).toHaveLength(1)
  const { url: asked, headers, pcm, blocks, texts, closed } = receiver.connections[0]!
  expect(asked).toMatch(/^\/listen\?user=alice&room=\d+&token=s3cret$/)
  expect(headers['content-type']).toBe('audio/x-raw')
  expect(closed).toBe(1000)
  expect(recorder.output).not.toContain('s3cret')

  const file = result!.files[0]!
  const { sound } = await world.media(file)
  const beeps = findBeeps(samplesOf(pcm), rate)
  expect(beeps.length).toBeGreaterThan(4)
  const inFile = sound!.beeps
  expect(beeps.length, `${beeps} against ${inFile}`).toBe(inFile.length)
  const apart = fromFirst(beeps).map((beep, n) => Math.abs(beep - fromFirst(inFile)[n]!))
  expect(Math.max(...apart)).toBeLessThan(0.01)
  // Never before it was said, by the clock of the file.
  const blockOf = (beep: number) => blocks.findLast(({ at }) => at <= beep * rate * 2)!
  const latenesses = beeps.map((beep, n) => blockOf(beep).atMillis - (Date.parse(file.startTime) + inFile[n]! * 1000))
  expect(Math.min(...latenesses)).toBeGreaterThan(-100)

  const [muted, unmuted] = texts.map(({ at }) => at / 2)
  const silent = samplesOf(pcm).subarray(muted! + rate / 10, unmuted! - rate / 10)
  expect(silent.length).toBeGreaterThan(rate)
  expect(silent.every((sample) => sample === 0)).toBe(true)
  expect((await world.manifest()).losses.filter(({ reason }) => reason === 'LiveOutputLost')).toEqual([])
})
