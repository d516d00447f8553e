import { cpSync, statSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ledger } from '../ledger/ledger.ts'
import { AudioAxis } from '../timeline/audio-axis.ts'
import { deliver, network } from '../timeline/testing/hostile-network.ts'
import { unaccounted } from './finish-media.ts'
import { MediaIndex } from './media-index.ts'
import { mediaPaths } from './media-paths.ts'
import { silentOpusPacket } from './opus.ts'
import { salvageMediaFile } from './salvage.ts'
import { newDirectory } from './testing/new-directory.ts'
import { openFile, silentLog } from './testing/recording.ts'
import type { UnfinishedMedia } from './unfinished-media.ts'

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

  it('is, of sound over a hostile network, live and after a kill (12 cases)', async () => {
    const deps = { ledger: new Ledger(), log: silentLog, ffmpegPath: '/nowhere/ffmpeg' }
    await fc.assert(
      fc.asyncProperty(network(), fc.integer({ min: 1, max: 400 }), async (net, packets) => {
        const sent = Array.from({ length: packets }, (_, number) => ({
          ...{ number, trueMillis: number * 20 + (number > 100 ? 3000 : 0) },
          rtpTimestamp: (2 ** 32 - 50_000 + number * 960 + (number > 100 ? 144_000 : 0)) % 2 ** 32,
        }))
        const directory = await newDirectory()
        const file = openFile('02', directory, { ...deps, audioCodec: 'Opus', batchMs: 1 })
        const arrived = deliver(sent, net)
        for (const { sent: packet, arrivalMillis } of arrived) {
          const { number, rtpTimestamp } = packet
          file.write({
            ...{ slot: 1, kind: 'audio', ssrc: 1, key: true, mimeType: 'audio/opus', data: silentOpusPacket(960) },
            ...{ rtpTimestamp, sequenceNumber: (65_500 + number) & 0xffff, receiveTimeMicros: 1.8e15 + arrivalMillis * 1000 },
          })
        }
        if (arrived.length === 0) return void (await file.finish())
        const { journal } = mediaPaths(directory, 'file.mp4')
        await expect.poll(() => statSync(journal, { throwIfNoEntry: false })?.size ?? 0, { interval: 5 }).toBeGreaterThan(0)
        const killed = await newDirectory()
        cpSync(directory, killed, { recursive: true })
        const left = await salvageMediaFile(killed, 'file.mp4', deps)
        for (const { problem = '' } of [await file.finish(), await left!.finish()]) {
          expect(problem).not.toMatch(/neither in the file nor in the ledger|not in the file/)
        }
      }),
      { numRuns: 12, endOnFailure: true },
    )
  })
})
