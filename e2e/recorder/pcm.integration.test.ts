import { recorderEnv } from '@trtc-recorder/api'
import { expect, onTestFailed, onTestFinished, test } from 'vitest'
import { Receiver } from '../../recorder-image/src/live/pcm/testing/receiver.ts'
import { findBeeps } from '../media/hear.ts'
import { World } from './world.ts'

const rate = 16_000
const samplesOf = (pcm: Buffer) => Float32Array.from({ length: pcm.length / 2 }, (_, n) => pcm.readInt16LE(n * 2) / 32_768)
const nearest = (beep: number, beeps: readonly number[]) =>
  beeps.reduce((best, one) => (Math.abs(one - beep) < Math.abs(best - beep) ? one : best), Number.POSITIVE_INFINITY)

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
  await expect.poll(heardSeconds, { timeout: 30_000 }).toBeGreaterThan(2)
  await world.mute('alice', 'audio', true)
  await expect.poll(() => receiver.connections[0]!.texts.map(({ text }) => text)).toEqual(['{"muted":true}'])
  const mutedAt = heardSeconds()
  await expect.poll(heardSeconds).toBeGreaterThan(mutedAt + 1)
  await world.mute('alice', 'audio', false)
  await expect.poll(() => receiver.connections[0]!.texts.at(-1)!.text).toBe('{"muted":false}')
  const heardAt = heardSeconds()
  await expect.poll(heardSeconds, { timeout: 30_000 }).toBeGreaterThan(heardAt + 14)
  recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  expect(result).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice', status: 1 }] })

  expect(receiver.connections).toHaveLength(1)
  const { url: asked, headers, pcm, blocks, texts } = receiver.connections[0]!
  expect(asked).toMatch(/^\/listen\?user=alice&room=\d+&token=s3cret$/)
  expect(headers['content-type']).toBe('audio/x-raw')
  await expect.poll(() => receiver.connections[0]!.closed).toBe(1000)
  expect(recorder.output).not.toContain('s3cret')
  expect(JSON.stringify([result, await world.manifest()])).not.toContain('s3cret')

  const file = result!.files[0]!
  const { sound } = await world.media(file)
  const inFile = sound!.beeps
  const beeps = findBeeps(samplesOf(pcm), rate)
  const [muted, unmuted] = texts.map(({ at }) => at / 2)
  // What begins or ends in the middle of a beep may have it or not.
  const borders = [0, muted! / rate, unmuted! / rate, pcm.length / 2 / rate]
  const whole = (of: readonly number[]) => of.filter((beep) => borders.every((border) => Math.abs(beep - border) > 0.3))
  expect(whole(beeps).length).toBeGreaterThan(1)
  // An MP3 begins a little before its sound.
  const offset = nearest(whole(beeps)[0]!, inFile) - whole(beeps)[0]!
  expect(Math.abs(offset)).toBeLessThan(0.1)
  for (const beep of whole(beeps)) expect(Math.abs(nearest(beep + offset, inFile) - beep - offset)).toBeLessThan(0.02)
  for (const beep of whole(inFile)) expect(Math.abs(nearest(beep - offset, beeps) - beep + offset)).toBeLessThan(0.02)
  // Never before it was said, by the clock of the file.
  const blockOf = (beep: number) => blocks.findLast(({ at }) => at <= beep * rate * 2)!
  for (const beep of beeps) expect(blockOf(beep).atMillis - Date.parse(file.startTime) - beep * 1000).toBeGreaterThan(-100)
  // And soon: what arrived while the user spoke, from the second on in which the page and the receiver find each other.
  const spoken = blocks.filter(({ at }) => at > 2 * rate * 2 && (at < muted! * 2 || at > (unmuted! + 1.5 * rate) * 2))
  const lateMillis = spoken
    .map(({ at, atMillis }) => atMillis - Date.parse(file.startTime) - (at / 2 / rate) * 1000)
    .sort((a, b) => a - b)
  expect(lateMillis.length).toBeGreaterThan(20)
  const of = (part: number) => Math.round(lateMillis[Math.floor(lateMillis.length * part)]!)
  console.log(
    `PCM was with its receiver ${of(0.5)} ms after it had arrived, 95 % of it within ${of(0.95)} ms (${lateMillis.length} messages)`,
  )
  expect(of(0.95)).toBeLessThanOrEqual(300)

  const silent = samplesOf(pcm).subarray(muted! + rate / 10, unmuted! - rate / 10)
  expect(silent.length).toBeGreaterThan(rate)
  expect(silent.every((sample) => sample === 0)).toBe(true)
  expect((await world.manifest()).losses.filter(({ reason }) => reason === 'LiveOutputLost')).toEqual([])
})
