import { describe, expect, it } from 'vitest'
import { AudioAxis } from '../timeline/audio-axis.ts'
import { type UnfinishedMedia, unaccounted } from './finish-media.ts'
import { MediaIndex } from './media-index.ts'
import { mediaPaths } from './media-paths.ts'

/** Sound of so many packets, of which the index has so many frames of AAC. */
function aFile(packets: number, frames: number): { media: UnfinishedMedia; index: MediaIndex } {
  const axis = new AudioAxis()
  for (let n = 0; n < packets; n++) {
    const numbers = { ssrc: 1, sequenceNumber: n, rtpTimestamp: n * 960, receiveTimeMicros: 1.8e15 + n * 20_000 }
    axis.push({ ...numbers, data: new Uint8Array(1), samples: 960 })
  }
  axis.end()
  const index = new MediaIndex()
  for (let frame = 0; frame < frames; frame++) index.audio.sizes.push(100)
  const { spans, gaps, cuts } = axis
  const identity = { name: 'file.mp4', userId: 'alice', stream: 'main', mode: '02', audioCodec: 'AAC' } as const
  return {
    media: {
      paths: mediaPaths('/nowhere', 'file.mp4'),
      identity: { ...identity, gaps: 'Keep', pause: 'Silence', attempt: 1, part: 1, openedMicros: 0 },
      sound: { spans, gaps, cuts },
      problems: [],
      pictures: undefined,
      packets: axis.packets,
      undecodable: 0,
      ffmpegPath: '',
    },
    index,
  }
}

describe('what came to a file', () => {
  // 1000 packets of 960 samples, and 1024 samples that the encoder begins with.
  const neededFrames = Math.ceil((1000 * 960 + 1024) / 1024)

  it('is accounted for where all of its sound is in it', () => {
    const { media, index } = aFile(1000, neededFrames)
    expect(unaccounted(media, index)).toEqual([])
  })

  it('is not where a frame of sound is missing, live or from a journal', () => {
    const { media, index } = aFile(1000, neededFrames - 1)
    expect(unaccounted(media, index)).toEqual([expect.stringMatching(/^0\.0\d\d s of sound that was laid are not in the file$/)])
  })

  it('is not where a packet was neither laid nor told as lost', () => {
    const { media, index } = aFile(1000, neededFrames)
    const packets = { ...media.packets!, arrived: 1003 }
    expect(unaccounted({ ...media, packets }, index)).toEqual([
      '3 sound packets that came are neither in the file nor in the ledger',
    ])
  })

  it('is not where a picture was neither written nor told as lost', () => {
    const { media, index } = aFile(1000, neededFrames)
    expect(unaccounted({ ...media, pictures: { received: 7, lost: 2 } }, index)).toEqual([
      '5 pictures that came are neither in the file nor in the ledger',
    ])
  })
})
