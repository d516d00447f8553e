import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { Ledger } from '../ledger/ledger.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { type BodyBatch, picturesCameRecord, readBatchHead, recordTypes } from './index-records.ts'
import type { MediaFile } from './media-file.ts'
import { readMediaIndex } from './media-index.ts'
import { readRecords } from './records.ts'
import { leftMediaFiles, salvageMediaFile } from './salvage.ts'
import { releaseJournal, sizeOf } from './sound-journal.ts'
import { type Clip, makeClip } from './testing/clip.ts'
import { newDirectory } from './testing/new-directory.ts'
import { finishAndPlay, openFile, type Recorded, silentLog } from './testing/recording.ts'
import { send } from './testing/sender.ts'

let clip: Clip
beforeAll(async () => {
  clip = await makeClip({ seconds: 8 })
})

async function copyOf(directory: string): Promise<string> {
  const copy = await newDirectory()
  for (const name of await readdir(directory)) await copyFile(join(directory, name), join(copy, name))
  return copy
}

/** As the volume has it when its recorder is killed. */
async function killed(file: MediaFile, directory: string): Promise<string> {
  expect(await file.safe()).toBe(true)
  const copy = await copyOf(directory)
  await file.finish()
  return copy
}

async function salvage(directory: string, ledger: Ledger): Promise<Recorded> {
  const [name] = await leftMediaFiles(directory)
  return finishAndPlay((await salvageMediaFile(directory, name!, { log: silentLog, ledger }))!)
}

const indexOf = async (directory: string) => readMediaIndex(join(directory, `${(await leftMediaFiles(directory))[0]}.index`))

describe('pictures of a recorder that was killed', () => {
  /** Nothing decodes before the key frame of the second second. */
  const headless = () => send({ clip, from: 0.2, to: 4, atSeconds: 0 })
  const pictures = (frames: readonly EncodedFrame[]) => frames.filter(({ kind }) => kind === 'video').length
  const framesIn = (ledger: Ledger) => ledger.losses.reduce((sum, { frames }) => sum + (frames ?? 0), 0)

  async function headlessFile(): Promise<{ directory: string; live: Ledger }> {
    const directory = await newDirectory()
    const live = new Ledger()
    const file = openFile('02', directory, { ledger: live })
    for (const frame of headless()) file.write(frame)
    return { directory: await killed(file, directory), live }
  }

  it('are all in the file or in the ledger, also where it had not come to write down what was lost', async () => {
    const { directory } = await headlessFile()
    const ledger = new Ledger()
    const { finished } = await salvage(directory, ledger)
    expect(finished.problem).toBeUndefined()
    const recorded = (await indexOf(directory)).video.bytes.length
    expect(recorded).toBe(90)
    expect(recorded + framesIn(ledger)).toBe(pictures(headless()))
    expect(ledger.losses).toMatchObject([{ reason: 'RecorderKilled', medium: 'video', frames: 24, file: 'file.mp4' }])
    // Done again, it is the same.
    expect((await salvage(directory, ledger)).finished.problem).toBeUndefined()
    expect(framesIn(ledger)).toBe(24)
  })

  it('that were no use are in the ledger, and no file is made that has nothing in it', async () => {
    const directory = await newDirectory()
    const file = openFile('01', directory)
    const useless = pictures(send({ clip, from: 0.2, to: 0.8, atSeconds: 0 }))
    for (const frame of send({ clip, from: 0.2, to: 0.8, atSeconds: 0 })) file.write(frame)
    const copy = await killed(file, directory)
    /** What was there when the ledger had written what it was told. */
    const thereThen: string[][] = []
    const ledger = new Ledger(async () => {
      await setImmediate()
      thereThen.push(await readdir(copy))
    })
    const [name] = await leftMediaFiles(copy)
    expect(await salvageMediaFile(copy, name!, { log: silentLog, ledger })).toBeUndefined()
    expect(await readdir(copy)).toEqual([])
    expect(thereThen).toEqual([expect.arrayContaining([`${name}.index`])])
    expect(ledger.losses).toMatchObject([{ reason: 'RecorderKilled', medium: 'video', frames: useless, file: name }])
  })

  it('are told once where it had', async () => {
    const { directory, live } = await headlessFile()
    const ledger = new Ledger(() => {}, live.losses)
    expect((await salvage(directory, ledger)).finished.problem).toBeUndefined()
    expect(ledger.losses).toMatchObject([
      { reason: 'NoKeyFrame', frames: 24 },
      // The first that came is the seventh from its key frame, by the number that it bears.
      { reason: 'LostInNetwork', frames: 6, framesAre: 'AtMost' },
    ])
  })

  it('are no whole file where one of them is in neither', async () => {
    const { directory } = await headlessFile()
    const path = join(directory, 'file.mp4.index')
    await writeFile(path, picturesCameRecord({ received: 115, lost: 24 }), { flag: 'a' })
    const { finished } = await salvage(directory, new Ledger())
    expect(finished.problem).toContain('1 pictures that came are neither in the file nor in the ledger')
  })

  it.each(['vp8', 'vp9'] as const)(
    'of %s that may show disturbed are never shown as good: the ledger and the file say so',
    async (codec) => {
      const directory = await newDirectory()
      const file = openFile('01', directory)
      const sent = send({ clip: await makeClip({ seconds: 2, codec }), from: 0, to: 2, atSeconds: 0, kinds: ['video'] })
      // Number 50 is lost, which nobody knew when the recorder was killed.
      const came = sent.slice(0, 58).map((frame, number) => ({ ...frame, mayFollowHole: number === 51 }))
      for (const frame of came.filter((_, number) => number !== 50)) file.write(frame)
      const ledger = new Ledger()
      const copy = await killed(file, directory)
      const { finished, playback } = await salvage(copy, ledger)
      expect(finished.problem).toBeUndefined()
      const unproven = ledger.losses.filter(({ reason }) => reason === 'Unproven')
      const lost = ledger.losses.filter(({ reason }) => reason !== 'Unproven')
      expect([...unproven, ...lost].reduce((sum, { frames }) => sum + frames!, 0)).toBe(7)
      expect(playback.pictures).toHaveLength(57 - lost.reduce((sum, { frames }) => sum + frames!, 0))
      await salvage(copy, ledger)
      expect(ledger.losses.filter(({ reason }) => reason === 'Unproven')).toHaveLength(unproven.length)
    },
  )
})

describe('a body in which a bit has changed', () => {
  /** The batches of one kind, the middle one of which is changed. */
  async function changed(kind: 'numberedAudio' | 'pictures'): Promise<{ directory: string; pictures: number }> {
    const directory = await newDirectory()
    const file = openFile('02', directory, { batchMs: 5 })
    let pictures = 0
    for (let second = 0; second < 8; second += 0.25) {
      for (const frame of send({ clip, from: second, to: second + 0.25, atSeconds: second })) {
        file.write(frame)
        if (frame.kind === 'video') pictures++
      }
      expect(await file.safe()).toBe(true)
    }
    await file.finish()
    const batches: BodyBatch[] = []
    for await (const records of readRecords(join(directory, 'file.mp4.index'))) {
      for (const { type, payload } of records) if (type === recordTypes[kind]) batches.push(readBatchHead(payload))
    }
    const { offset, bytes } = batches[batches.length >> 1]!
    const path = join(directory, 'file.mp4.body')
    const body = await readFile(path)
    body[offset + (bytes >> 1)]! ^= 16
    await writeFile(path, body)
    return { directory, pictures }
  }

  it('loses the pictures of its batch up to the next key frame, which the ledger says, and nothing that came later', async () => {
    const { directory, pictures } = await changed('pictures')
    const ledger = new Ledger()
    const { finished, playback } = await salvage(directory, ledger)
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expect(ledger.losses).toMatchObject([{ medium: 'video', reason: 'DiskDamaged', file: 'file.mp4' }])
    expect(ledger.losses[0]!.frames).toBeLessThanOrEqual(30)
    expect(playback.pictures.length).toBe(pictures - ledger.losses[0]!.frames!)
    expect(playback.beeps).toHaveLength(8)
  })

  it('has its sound made again from the journal', async () => {
    const { directory, pictures } = await changed('numberedAudio')
    const ledger = new Ledger()
    const { finished, playback } = await salvage(directory, ledger)
    expect(finished.problem).toBeUndefined()
    expect(ledger.losses).toEqual([])
    expect(playback.pictures).toHaveLength(pictures)
    expect(playback.beeps).toHaveLength(8)
    playback.beeps.forEach((beep, n) => {
      expect(Math.abs(beep - n)).toBeLessThan(0.001)
    })
  })
})

describe('sound of which the index was damaged', () => {
  async function recorded(audioCodec: 'AAC' | 'Opus'): Promise<string> {
    const directory = await newDirectory()
    const file = openFile('02', directory, { batchMs: 5, audioCodec })
    for (let second = 0; second < 8; second += 0.25) {
      for (const frame of send({ clip, from: second, to: second + 0.25, atSeconds: second })) file.write(frame)
      expect(await file.safe()).toBe(true)
    }
    await file.finish()
    // A recorder that was killed as it had written the last of the sound.
    return copyOf(directory)
  }

  /** Changes a bit in the middle one of the records of sound. */
  async function damage(directory: string): Promise<void> {
    const path = join(directory, 'file.mp4.index')
    const ends: number[] = []
    for await (const records of readRecords(path)) {
      for (const { type, end } of records) {
        if (type === recordTypes.numberedAudio || type === recordTypes.numberedOpus) ends.push(end)
      }
    }
    expect(ends.length).toBeGreaterThan(2)
    const bytes = await readFile(path)
    bytes[ends[ends.length >> 1]! - 6]! ^= 4
    await writeFile(path, bytes)
  }

  it.each(['AAC', 'Opus'] as const)('is made again from the journal: %s', async (audioCodec) => {
    const directory = await recorded(audioCodec)
    await damage(directory)
    const before = await indexOf(directory)
    expect(before.missingSound).toHaveLength(1)
    const ledger = new Ledger()
    const { finished, playback } = await salvage(directory, ledger)
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expect(ledger.losses).toEqual([])
    const after = await indexOf(directory)
    expect(after.missingSound).toEqual([])
    expect([...after.audio.sizes.values].filter((bytes) => bytes === 0)).toEqual([])
    // A beep each second, at its place: none is missing, none has moved.
    expect(playback.beeps).toHaveLength(8)
    playback.beeps.forEach((beep, n) => {
      expect(Math.abs(beep - n)).toBeLessThan(0.001)
    })
    // The same again when the salvage is done twice.
    expect((await salvage(directory, ledger)).playback.beeps).toHaveLength(8)
    expect(ledger.losses).toEqual([])
  })

  it.each(['AAC', 'Opus'] as const)(
    'is lost, and said to be, where its journal was given back to the volume: %s',
    async (audioCodec) => {
      const directory = await recorded(audioCodec)
      const journal = join(directory, 'file.mp4.opus')
      await releaseJournal(journal, { start: 0, end: await sizeOf(journal) })
      await damage(directory)
      const [missing] = (await indexOf(directory)).missingSound
      const ledger = new Ledger()
      const { playback } = await salvage(directory, ledger)
      expect(ledger.losses).toMatchObject([{ medium: 'audio', reason: 'DiskDamaged', frames: missing!.frames }])
      expect(playback.beeps.length).toBeLessThan(9)
    },
  )
})
