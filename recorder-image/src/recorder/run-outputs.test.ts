import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { aFrame, aJob } from './testing.ts'
import { terminated, World } from './testing-world.ts'

let world: World
beforeEach(async () => {
  world = await World.make()
})
afterEach(() => world.remove())

describe('what is made of a recording', () => {
  describe('with a replay page', () => {
    const job = () => aJob({ outputs: { replay: true } })
    const recorded = async () => {
      const result = world.start(job())
      await world.recording()
      world.room.publishes('alice', 1)
      world.room.ends({ type: 'sentOut', reason: 'RoomDismissed', message: 'The room was dissolved' })
      return result
    }

    test('puts it beside the files, with everything of the recording in it, and lists it', async () => {
      await writeFile(join(world.root, 'replay.html'), '<script id="recording">"the recording"</script>')
      const { outcome, outputs } = await recorded()
      expect(outcome).toBe('Completed')
      expect(outputs).toMatchObject([{ kind: 'replay', path: 'lessons/maths.replay.html', status: 1, message: 'ok' }])
      expect(world.manifest.outputs).toEqual(outputs)
      const page = world.store.objects.get('lessons/maths.replay.html')!
      const { manifest, folder } = JSON.parse(page.slice('<script id="recording">'.length, -'</script>'.length))
      expect(folder).toBe('lessons/')
      expect(manifest.files).toEqual(JSON.parse(JSON.stringify(world.manifest.files)))
    })

    test('that cannot be made, has its files, and says what is missing', async () => {
      const { outcome, outputs, files } = await recorded()
      expect(outcome).toBe('Completed')
      expect(files).toMatchObject([{ userId: 'alice', status: 1 }])
      expect(outputs).toMatchObject([{ kind: 'replay', status: 0, url: '', message: expect.stringContaining('ENOENT') }])
      expect(world.manifest.outputs).toEqual(outputs)
    })
  })

  test('keeps media for what is made of its sound while another attempt records on, and lets it go otherwise', async () => {
    const recording = { namespace: 'school', name: 'maths', uid: 'some-uid' }
    for (const [outputs, left] of [
      [{ speech: true }, 1],
      [{}, 0],
    ] as const) {
      const result = world.start(aJob({ outputs }, { recording, attempt: 1 + left }))
      await world.recording()
      world.room.publishes('alice', 1)
      world.stop(terminated)
      expect(await result).toMatchObject({ files: expect.arrayContaining([expect.objectContaining({ status: 1 })]), outputs: [] })
      expect(world.media.left.splice(0)).toHaveLength(left)
    }
  })

  test('with slices stores those of each user, lists them in the manifest, and counts them', async () => {
    const result = world.start(aJob({ live: { audioSlices: { seconds: 5, users: { include: ['alice'] } } } }))
    await world.recording()
    const now = Date.now()
    for (const [slot, userId] of ['alice', 'bob'].entries()) {
      world.room.say({ type: 'anchorEntered', userId })
      world.room.say({ type: 'available', userId, stream: 'main', kind: 'audio', available: true })
      world.room.say({ type: 'bound', slot, ssrc: slot + 1, userId, stream: 'main', kind: 'audio' })
      for (let n = 0; n < 400; n++) {
        world.room.frame({
          ...{
            ...aFrame(slot, ''),
            kind: 'audio',
            ssrc: slot + 1,
            mimeType: 'audio/opus',
            data: Uint8Array.of(0xf8, 0xff, 0xfe),
          },
          ...{ sequenceNumber: n, rtpTimestamp: n * 960, receiveTimeMicros: (now + n * 20) * 1000 },
        })
      }
    }
    world.stop(terminated)
    const { live } = await result
    const [index] = world.manifest.live
    expect(world.manifest.live).toMatchObject([{ part: 'audioSlices', userId: 'alice', stream: 'main', lost: 0 }])
    expect(live).toEqual([{ part: 'audioSlices', stored: index!.stored, waiting: 0, lost: 0 }])
    const slices = [...world.store.objects.keys()].filter((key) => key.endsWith('.ogg'))
    expect(slices).toHaveLength(index!.stored)
    // 8 s have one border or two in them.
    expect([2, 3]).toContain(slices.length)
    expect(slices[0]).toMatch(/^lessons\/maths\.YWxpY2U\.main\.audioSlices\/\d{17}\.ogg$/)
    expect(Date.parse(index!.to) - Date.parse(index!.from)).toBeCloseTo(8000, -1)
  })
})
