import type { Arrival } from '../timeline/pieces.ts'
import { bytesColumn, doubleColumn, uint32Column } from './column.ts'

export interface VideoSample extends Arrival {
  bytes: number
  /** How many of them, at the front, are parameter sets. */
  setBytes: number
  /** Number of its configuration. */
  config: number
  key: boolean
  /** It is shown before the key frame that it is decoded after. */
  leads: boolean
}

/** All pictures, a column for each thing known of them. */
export class VideoColumns {
  readonly bytes = uint32Column()
  readonly setBytes = uint32Column()
  readonly configs = bytesColumn()
  readonly offsets = doubleColumn()
  readonly ssrcs = uint32Column()
  readonly rtpTimestamps = uint32Column()
  readonly receiveTimesMicros = doubleColumn()
  readonly keys = bytesColumn()
  readonly leads = bytesColumn()

  push(sample: VideoSample, offset: number): void {
    this.bytes.push(sample.bytes)
    this.setBytes.push(sample.setBytes)
    this.configs.push(sample.config)
    this.offsets.push(offset)
    this.ssrcs.push(sample.ssrc)
    this.rtpTimestamps.push(sample.rtpTimestamp)
    this.receiveTimesMicros.push(sample.receiveTimeMicros)
    this.keys.push(sample.key ? 1 : 0)
    this.leads.push(sample.leads ? 1 : 0)
  }

  /** When the order of decoding is known: what brings no configuration along has that of the one before it, which may have come later. */
  settleConfigs(inOrder: ArrayLike<number>): void {
    let config = 0
    for (let at = 0; at < inOrder.length; at++) {
      const sample = inOrder[at]!
      if (at === 0 || this.keys.at(sample) === 1 || this.setBytes.at(sample) > 0) config = this.configs.at(sample)
      else this.configs.set(sample, config)
    }
  }
}

export class AudioColumns {
  readonly sizes = uint32Column()
  readonly offsets = doubleColumn()
  /** Of Opus that is kept as it is: where each packet begins on the axis, and where the last one ends. */
  readonly axisStarts = doubleColumn()
  axisEnd = 0
}
