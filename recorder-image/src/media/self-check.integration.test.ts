import { appendFileSync, closeSync, openSync, writeSync } from 'node:fs'
import { open, truncate } from 'node:fs/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { checkedLine } from '../disk/checked-lines.ts'
import { holesPath } from '../disk/holes.ts'
import { soundKind } from './audio-format.ts'
import { findFfmpeg } from './ffmpeg.ts'
import { readHead } from './head-file.ts'
import type { Mp4Track } from './mp4-head.ts'
import { checkMedia } from './self-check.ts'
import { checkedFile, withoutPicture, withTracks } from './testing/checked-file.ts'
import { type Clip, makeClip } from './testing/clip.ts'
import { newDirectory } from './testing/new-directory.ts'
import { openFile } from './testing/recording.ts'
import { send } from './testing/sender.ts'

let clip: Clip
beforeAll(async () => {
  clip = await makeClip({ seconds: 4 })
})

/** A finished MP3 and what the check needs to know of it. */
async function mp3File() {
  const file = openFile('00', await newDirectory())
  for (const frame of send({ clip, from: 0, to: 4, atSeconds: 0 })) file.write(frame)
  const { head, bodyBytes, durationSeconds, problem } = await file.finish()
  expect(problem).toBeUndefined()
  const { bodyPath } = file
  return {
    mode: '00' as const,
    head: await readHead(head),
    bodyPath,
    bodyBytes,
    durationSeconds,
    tracks: [],
    configs: [],
    sound: soundKind({ mode: '00', audioCodec: 'AAC' }),
    filledShare: 0,
    ffmpegPath: findFfmpeg(),
  }
}

async function overwrite(path: string, at: number, bytes: Buffer): Promise<void> {
  const file = await open(path, 'r+')
  await file.write(bytes, 0, bytes.length, at)
  await file.close()
}

describe('the self-check', () => {
  it('passes what is whole', async () => {
    expect(await checkMedia(await mp3File())).toEqual({
      ...{ result: 'Passed', detail: '', groupsOfPictures: 0, pictures: 0, decodedPictures: 0 },
      ...{ decodedSoundSeconds: expect.closeTo(4.03, 1), frozenShare: null, silentShare: 0 },
    })
  })

  it('passes B pictures in front of a pause, the last of which in decoding order is not the last that is shown', async () => {
    const encoder = ['-profile:v', 'main', '-bf', '2', '-x264-params', 'aud=1:scenecut=0:b-adapt=0:b-pyramid=none']
    const sent = send({ clip: await makeClip({ seconds: 1, encoder }), from: 0, to: 1, atSeconds: 0, kinds: ['video'] })
    // I0 P3 B1 B2 P6 …, P29 B28. The camera makes nothing for 1/15 s before the last one, P29.
    const shownAs = (at: number) => (at === 0 ? 0 : at % 3 === 1 ? Math.min(at + 2, 29) : at - 1)
    const frames = sent.map((frame, at) => ({
      ...frame,
      rtpTimestamp: 2000 + shownAs(at) * 3000 + (shownAs(at) === 29 ? 6000 : 0),
      receiveTimeMicros: frame.receiveTimeMicros + 133_333,
    }))
    const media = await checkedFile(frames)
    expect(media.durationSeconds).toBeCloseTo(1.067, 3)
    expect(await checkMedia(media)).toMatchObject({ result: 'Passed', detail: '', decodedPictures: 30 })
    // What a file is said to last is still held against what is in it.
    expect((await checkMedia({ ...media, durationSeconds: 1.2 })).detail).toContain('the file lasts 1.067 s instead of 1.2 s')
  })

  it('takes what is given back to the volume while it reads for no fault of the file', async () => {
    const media = await checkedFile(send({ clip, from: 0, to: 4, atSeconds: 0, kinds: ['video'] }))
    const hole = { start: 4096, end: media.bodyBytes - 4096 }
    const checking = checkMedia(media)
    appendFileSync(holesPath(media.bodyPath), `\n${checkedLine(hole)}\n${checkedLine(hole)}`)
    const body = openSync(media.bodyPath, 'r+')
    writeSync(body, Buffer.alloc(hole.end - hole.start), 0, hole.end - hole.start, hole.start)
    closeSync(body)
    expect(await checking).toMatchObject({ result: 'Unchecked', detail: expect.stringContaining('given back to the volume') })
  })

  it('finds a frame that is none', async () => {
    const media = await mp3File()
    await overwrite(media.bodyPath, 384 * 10, Buffer.alloc(384))
    expect((await checkMedia(media)).detail).toMatch(`there is no MP3 frame at byte ${384 * 11}`)
  })

  it('finds a body that ends early', async () => {
    const media = await mp3File()
    await truncate(media.bodyPath, media.bodyBytes - 1000)
    expect((await checkMedia(media)).detail).toMatch(/the body ends 1000 bytes early/)
  })

  it('finds pictures and sound that do not decode', async () => {
    const file = openFile('02', await newDirectory(), { batchMs: 10 })
    for (const frame of send({ clip, from: 0, to: 4, atSeconds: 0 })) file.write(frame)
    await new Promise<void>((resolve) => {
      file.onGrowth = () => resolve()
    })
    // Behind the beginning of the first picture, and all over the rest.
    await overwrite(file.bodyPath, 600, Buffer.alloc(file.bodyBytes - 600, 0xa5))
    const { problem, check } = await file.finish()
    expect(problem).toMatch(/the pictures cannot be decoded|pictures decode to/)
    expect(problem).toMatch(/the sound cannot be decoded/)
    expect(check?.result).toBe('Failed')
  })

  it('finds that a picture of AV1 is missing, for what comes behind it does not decode', async () => {
    const av1 = await makeClip({ seconds: 2, codec: 'av1' })
    const media = await checkedFile(send({ clip: av1, from: 0, to: 2, atSeconds: 0, kinds: ['video'] }))
    expect((await checkMedia(media)).result).toBe('Passed')
    const [video] = media.tracks
    expect((await checkMedia(withTracks(media, [withoutPicture(video!, 10)]))).detail).toMatch(/the pictures cannot be decoded/)
  })

  it('finds one picture in the middle that does not decode, and where each group begins', async () => {
    const file = openFile('01', await newDirectory(), { batchMs: 10 })
    const frames = send({ clip, from: 0, to: 4, atSeconds: 0, kinds: ['video'] })
    for (const frame of frames) file.write(frame)
    await new Promise<void>((resolve) => {
      file.onGrowth = () => resolve()
    })
    const copy = openFile('01', await newDirectory())
    // The type of one of its slices is changed, so that it goes on without a picture.
    frames.forEach((frame, n) => {
      copy.write(n === 75 ? { ...frame, data: frame.data.map((byte, at) => (at > 12 ? byte ^ 0x5a : byte)) } : frame)
    })
    const whole = await file.finish()
    expect(whole.check).toMatchObject({
      result: 'Passed',
      groupsOfPictures: 4,
      pictures: 120,
      decodedPictures: 120,
      frozenShare: 0,
    })
    expect((await copy.finish()).check?.result).toBe('Failed')
  })

  it('finds a picture that is missing though a decoder would conceal that, and one that is no key frame', async () => {
    const media = await checkedFile(send({ clip, from: 0, to: 4, atSeconds: 0, kinds: ['video'] }))
    expect((await checkMedia(media)).detail).toBe('')
    const [video] = media.tracks as [Mp4Track]
    const without = withoutPicture(video, 50)
    expect(await checkMedia(withTracks(media, [without]))).toMatchObject({
      ...{ result: 'Failed', detail: 'picture 50 follows one that is not in the file' },
      ...{ pictures: 119, decodedPictures: 119 },
    })
    const twice = { ...video, offsets: video.offsets.map((offset, at) => (at === 51 ? video.offsets[50]! : offset)) }
    twice.sizes = video.sizes.map((bytes, at) => (at === 51 ? video.sizes[50]! : bytes))
    expect((await checkMedia(withTracks(media, [twice]))).result).toBe('Failed')
    const keyed = { ...video, keys: Uint32Array.from([0, 30, 45, 60, 90]) }
    expect(await checkMedia(withTracks(media, [keyed]))).toMatchObject({
      ...{ result: 'Failed', detail: 'picture 45 begins a group and cannot be decoded by itself' },
    })
  })

  it.each(['vp8', 'vp9'] as const)(
    'cannot tell by a file of %s that a picture is missing: there the ledger says so',
    async (codec) => {
      const clip = await makeClip({ seconds: 2, codec })
      const media = await checkedFile(send({ clip, from: 0, to: 2, atSeconds: 0, kinds: ['video'] }))
      expect((await checkMedia(media)).result).toBe('Passed')
      const [video] = media.tracks as [Mp4Track]
      expect(await checkMedia(withTracks(media, [withoutPicture(video, 45)]))).toMatchObject({
        result: 'Passed',
        decodedPictures: 59,
      })
    },
  )

  it('does not take a slow machine for a broken file', async () => {
    const check = await checkMedia({ ...(await mp3File()), timeoutMs: 1 })
    expect(check).toMatchObject({ result: 'Unchecked', detail: 'there was no time to decode the sound' })
  })

  it('does not take a missing file for a good one', async () => {
    const media = await mp3File()
    expect((await checkMedia({ ...media, bodyPath: `${media.bodyPath}.gone` })).detail).toMatch(/ENOENT/)
  })

  it('says so when there is no ffmpeg to decode with', async () => {
    const media = await mp3File()
    expect((await checkMedia({ ...media, ffmpegPath: '/nowhere/ffmpeg' })).detail).toMatch(/ffmpeg could not be run/)
  })
})
