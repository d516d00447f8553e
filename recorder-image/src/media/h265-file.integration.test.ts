import { beforeAll, describe, expect, it } from 'vitest'
import { Ledger } from '../ledger/ledger.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { PictureOrder } from './check-order.ts'
import type { Mp4Track } from './mp4-head.ts'
import { checkMedia } from './self-check.ts'
import { checkedFile, withoutPicture, withTracks } from './testing/checked-file.ts'
import { encodeH265, type Sent } from './testing/h265-clip.ts'
import { record } from './testing/recording.ts'
import type { VideoConfig } from './video-codec.ts'

const closed = 'bframes=4:b-adapt=0'
const open = 'bframes=4:b-adapt=0:open-gop=1'
const decodableLeading = 'bframes=4:b-adapt=1:radl=2:min-keyint=30'

let openClip: { pictures: Sent[]; config: VideoConfig; frames: EncodedFrame[] }
beforeAll(async () => {
  openClip = await encodeH265(open)
})

/** The pictures that are shown before the key frame they are decoded after, the first of those that are sent from `from` on. */
const leadingAt = (pictures: readonly Sent[], from: number) => pictures.slice(from).filter(({ rtp }) => rtp < pictures[from]!.rtp)
const secondKey = (pictures: readonly Sent[]) => pictures.findIndex(({ picture, sent }) => picture.key && sent > 0)

describe('a file of H.265', () => {
  it.each([closed, open, decodableLeading])(
    'has each picture at its time, those too that are decoded after one that is shown later (%s)',
    async (parameters) => {
      const { frames } = await encodeH265(parameters)
      const { finished, playback } = await record('01', frames)
      expect(finished.problem).toBeUndefined()
      expect(finished.check).toMatchObject({ result: 'Passed', pictures: 90, decodedPictures: 90 })
      expect(playback.complaints).toBe('')
      expect(playback.pictures).toHaveLength(90)
      for (const [n, { time }] of playback.pictures.entries()) expect(Math.abs(time - n / 30)).toBeLessThan(0.001)
      expect(playback.flashes.map((time) => Math.round(time * 1000))).toEqual([0, 1000, 2000])
    },
  )

  it('that begins in the middle is without what no decoder shows there, and the ledger has it', async () => {
    const { pictures, frames } = openClip
    const from = secondKey(pictures)
    const leading = leadingAt(pictures, from)
    expect(leading.length).toBeGreaterThan(0)
    const ledger = new Ledger()
    const { finished, playback } = await record('01', frames.slice(from), { ledger })
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expect(playback.pictures).toHaveLength(90 - from - leading.length)
    const losses = ledger.losses.filter(({ reason }) => reason === 'NoKeyFrame')
    expect(losses.reduce((sum, { frames }) => sum + (frames ?? 0), 0)).toBe(leading.length)
  })

  it('is without what leads a key frame and refers to a picture that was lost', async () => {
    const { pictures, frames } = openClip
    const key = secondKey(pictures)
    const leading = leadingAt(pictures, key)
    // Nothing comes from the lost one up to the next key frame.
    const { finished, playback } = await record('01', [...frames.slice(0, key - 6), ...frames.slice(key)])
    expect(finished.check?.result).toBe('Passed')
    expect(playback.complaints).toBe('')
    expect(playback.pictures).toHaveLength(90 - 6 - leading.length)
  })

  it('is checked for a picture that others refer to, and is none the worse for one that none does', async () => {
    const media = await checkedFile(openClip.frames)
    expect((await checkMedia(media)).detail).toBe('')
    const [video] = media.tracks as [Mp4Track]
    const without = async (sent: number) => await checkMedia(withTracks(media, [withoutPicture(video, sent)]))
    const referred = openClip.pictures.filter(({ sent, picture }) => sent > 40 && sent < 50 && picture.number!.isReference)
    const { detail, result } = await without(referred[0]!.sent)
    expect({ detail, result }).toEqual({
      result: 'Failed',
      detail: expect.stringMatching(/picture 4\d refers to one that is not in the file/),
    })
    const unreferred = openClip.pictures.find(({ sent, picture }) => sent > 40 && !picture.number!.isReference)!
    expect((await without(unreferred.sent)).detail).not.toMatch(/refers to/)
  })

  it('is decoded from a key frame in its middle without what leads that and refers to what is in front of it', () => {
    const { pictures, config } = openClip
    const from = secondKey(pictures)
    const order = new PictureOrder(config)
    const given = pictures.slice(from).filter(({ picture, sent }) => order.add(picture.data, sent, picture.key))
    expect(given).toHaveLength(pictures.length - from - leadingAt(pictures, from).length)
    expect(order.problems).toEqual([])
  })

  it('longer than a minute, of which parts are decoded, is none the worse for where they begin', async () => {
    const { frames } = await encodeH265(open, { seconds: 75 })
    const { finished } = await record('01', frames)
    expect(finished.check).toMatchObject({ result: 'Passed', detail: '', pictures: 2250 })
    expect(finished.check!.decodedPictures).toBeLessThan(2250)
  })
})
