import { copyFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { Ledger } from '../ledger/ledger.ts'
import { readHead } from './head-file.ts'
import { indexVersion } from './index-records.ts'
import type { SalvagedMediaFile } from './media-file.ts'
import { encodeRecord } from './records.ts'
import { leftMediaFiles, salvageMediaFile } from './salvage.ts'
import { opusPacketRecord } from './sound-journal.ts'
import { type Clip, makeClip } from './testing/clip.ts'
import { newDirectory } from './testing/new-directory.ts'
import { finishAndPlay, openFile, silentLog } from './testing/recording.ts'
import { seeded, send } from './testing/sender.ts'

let clip: Clip
beforeAll(async () => {
  clip = await makeClip({ seconds: 12 })
})

async function salvageOne(directory: string): Promise<SalvagedMediaFile> {
  const [name, ...others] = await leftMediaFiles(directory)
  expect(others).toEqual([])
  return (await salvage(directory, name!))!
}

const salvage = (directory: string, name: string) => salvageMediaFile(directory, name, { log: silentLog, ledger: new Ledger() })

async function copyOf(directory: string): Promise<string> {
  const copy = await newDirectory()
  for (const name of await readdir(directory)) await copyFile(join(directory, name), join(copy, name))
  return copy
}

describe('files cut anywhere', () => {
  it.each(['02', '01', '00'] as const)('in mode %s become a file that decodes, with all that was whole', async (mode) => {
    const directory = await newDirectory()
    const file = openFile(mode, directory, { batchMs: 5 })
    for (let second = 0; second < 8; second += 0.25) {
      for (const frame of send({ clip, from: second, to: second + 0.25, atSeconds: second })) file.write(frame)
      await sleep(10)
    }
    await file.finish()

    const random = seeded(mode.charCodeAt(1))
    for (let round = 0; round < 8; round++) {
      const copy = await copyOf(directory)
      const cut = async (extension: string, share: number) => {
        const path = join(copy, file.identity.name + extension)
        const { size } = await stat(path)
        // The first record of an index says whose it is; it is on the volume long before there is media.
        await truncate(path, Math.max(extension === '.index' ? 256 : 0, Math.floor(size * share)))
      }
      // The index is never ahead of the body on a machine that lives; on one that died it may be.
      await cut('.index', 0.6 + 0.4 * random())
      if (round % 2 === 0) await cut('.body', 0.3 + 0.7 * random())
      const salvaged = await salvageOne(copy)
      const promised = salvaged.bodyBytes
      const body = await readFile(salvaged.bodyPath)
      const { finished, playback } = await finishAndPlay(salvaged)
      expect(finished.problem).toBeUndefined()
      expect(playback.complaints).toBe('')
      // What may have been uploaded is still there, byte for byte.
      expect(Buffer.compare((await readFile(salvaged.bodyPath)).subarray(0, promised), body.subarray(0, promised))).toBe(0)
      if (mode !== '01') {
        // The journal was whole, so no sound is lost.
        expect(playback.beeps).toHaveLength(8)
        playback.beeps.forEach((beep, n) => {
          expect(Math.abs(beep - n)).toBeLessThan(0.001)
        })
      }
      if (mode === '01') expect(playback.pictures.length).toBeGreaterThan(0)
    }
  })

  it('keep what follows a rest of the sender, and lose what follows a picture that never came', async () => {
    const directory = await newDirectory()
    const file = openFile('01', directory)
    const av1 = await makeClip({ seconds: 2, codec: 'av1' })
    const step = 3000
    const pictures = send({ clip: av1, from: 0, to: 2, atSeconds: 0, kinds: ['video'] })
    // Nothing is sent for four pictures before number 40, and number 50 is lost; which is which nobody knew when it ended.
    const came = pictures.slice(0, 58).map((frame, number) => ({
      ...{ ...frame, mayFollowHole: number === 40 || number === 51 },
      rtpTimestamp: frame.rtpTimestamp + (number < 40 ? 0 : 4 * step),
    }))
    for (const frame of came.filter((_, number) => number !== 50)) file.write(frame)
    await new Promise<void>((resolve) => {
      file.onGrowth = () => resolve()
    })
    const copy = await copyOf(directory)
    await file.finish()
    const ledger = new Ledger()
    const [name] = await leftMediaFiles(copy)
    const { finished, playback } = await finishAndPlay((await salvageMediaFile(copy, name!, { log: silentLog, ledger }))!)
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expect(playback.pictures).toHaveLength(50)
    expect(ledger.losses).toMatchObject([{ medium: 'video', reason: 'LostInNetwork', frames: 7 }])
  })

  it('are the same again when the salvage itself is killed, or done twice', async () => {
    const directory = await newDirectory()
    const file = openFile('02', directory)
    for (const frame of send({ clip, from: 0, to: 4, atSeconds: 0 })) file.write(frame)
    await new Promise<void>((resolve) => {
      file.onGrowth = () => resolve()
    })
    const copy = await copyOf(directory)
    const first = await (await salvageOne(copy)).finish()
    const firstHead = await readHead(first.head)
    const second = await (await salvageOne(copy)).finish()
    expect(second.bodyBytes).toBe(first.bodyBytes)
    expect(Buffer.compare(await readHead(second.head), firstHead)).toBe(0)
    await file.finish()
  })

  it('are removed when not even the identity was written', async () => {
    const directory = await newDirectory()
    await writeFile(join(directory, 'file.mp4.index'), Buffer.from([1, 2, 3]))
    await writeFile(join(directory, 'file.mp4.body'), '')
    expect(await salvage(directory, 'file.mp4')).toBeUndefined()
    expect(await readdir(directory)).toEqual([])
  })

  it('are read as well when the version before wrote them, which kept no numbers of sound packets', async () => {
    const directory = await newDirectory()
    const packets = send({ clip, from: 0, to: 4, atSeconds: 0, kinds: ['audio'] })
    const { identity } = openFile('00', await newDirectory())
    await writeFile(join(directory, 'file.mp3.index'), encodeRecord(1, Buffer.from(JSON.stringify({ version: 1, identity }))))
    await writeFile(join(directory, 'file.mp3.body'), '')
    const records = packets.map((packet) => opusPacketRecord({ ...packet, sequenceNumber: null }))
    await writeFile(join(directory, 'file.mp3.opus'), Buffer.concat(records))
    const { finished, playback } = await finishAndPlay(await salvageOne(directory))
    expect(finished.problem).toBeUndefined()
    expect(playback.beeps).toHaveLength(4)
  })

  it('are left alone when a later version wrote them', async () => {
    const directory = await newDirectory()
    const identity = encodeRecord(1, Buffer.from(JSON.stringify({ version: indexVersion + 1, identity: {} })))
    await writeFile(join(directory, 'file.mp4.index'), identity)
    await writeFile(join(directory, 'file.mp4.body'), 'pictures')
    await expect(salvage(directory, 'file.mp4')).rejects.toThrow('file.mp4.index')
    expect(await readdir(directory)).toHaveLength(2)
  })

  it('are left alone when the index is lost but there is media', async () => {
    const directory = await newDirectory()
    await writeFile(join(directory, 'file.mp4.index'), Buffer.from([1, 2, 3]))
    await writeFile(join(directory, 'file.mp4.body'), 'pictures')
    await expect(salvage(directory, 'file.mp4')).rejects.toThrow('says nothing of 8 bytes')
    expect(await readdir(directory)).toHaveLength(2)
  })

  it('are gone after they were discarded', async () => {
    const directory = await newDirectory()
    const file = openFile('02', directory)
    for (const frame of send({ clip, from: 0, to: 1, atSeconds: 0 })) file.write(frame)
    await file.finish()
    await file.discard()
    expect(await readdir(directory)).toEqual([])
  })
})
