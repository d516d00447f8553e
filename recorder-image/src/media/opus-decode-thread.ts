/** Decodes Opus for many: a `DecodeOrder` comes in, for each `decode` a `Decoded` goes out, in order. */
import { parentPort } from 'node:worker_threads'
import { OpusDecoder } from 'opus-decoder'
import { opusLead, silentOpusPacket } from './opus.ts'
import type { DecodeOrder } from './opus-decoding.ts'

const decoders = new Map<number, OpusDecoder<16_000 | 48_000>>()

// The package says there what it returns, too; a thread of the recorder has a log of its own.
console.error = () => {}

let turn: Promise<void> = Promise.resolve()
parentPort!.on('message', (order: DecodeOrder) => {
  turn = turn.then(() => carryOut(order))
})

async function carryOut(order: DecodeOrder): Promise<void> {
  switch (order.type) {
    case 'open': {
      // libopus itself decodes at the rate that is asked for, and mixes to one channel.
      const decoder = new OpusDecoder({ sampleRate: order.form.rate, channels: order.form.channels })
      await decoder.ready
      // It may begin in the middle of a stream.
      decoder.decodeFrames([silentOpusPacket(opusLead)])
      decoders.set(order.id, decoder)
      return
    }
    case 'decode': {
      const { channelData } = decoders.get(order.id)!.decodeFrames(order.packets)
      const pcm = interleaved(channelData)
      parentPort!.postMessage({ pcm }, [pcm.buffer])
      return
    }
    case 'close':
      decoders.get(order.id)?.free()
      decoders.delete(order.id)
  }
}

/** 16 bit, little endian as every machine is that this runs on. */
function interleaved(channels: readonly Float32Array[]): Uint8Array<ArrayBuffer> {
  const samples = channels[0]?.length ?? 0
  const pcm = new Int16Array(samples * channels.length)
  for (const [channel, sound] of channels.entries()) {
    for (let n = 0; n < samples; n++) {
      pcm[n * channels.length + channel] = Math.max(-32_768, Math.min(32_767, Math.round(sound[n]! * 32_768)))
    }
  }
  return new Uint8Array(pcm.buffer)
}
