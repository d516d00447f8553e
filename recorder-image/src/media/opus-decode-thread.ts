/** Decodes Opus for many: some `DecodeOrder`s come in, and where one is to `decode`, a `Decoded` goes out for them, in order. */
import { parentPort } from 'node:worker_threads'
import { OpusDecoder } from 'opus-decoder'
import { opusLead, silentOpusPacket } from './opus.ts'
import type { DecodeOrder } from './opus-decoding.ts'

const decoders = new Map<number, OpusDecoder<16_000 | 48_000>>()

// The package says there what it returns, too; a thread of the recorder has a log of its own.
console.error = () => {}

let turn: Promise<void> = Promise.resolve()
parentPort!.on('message', (orders: DecodeOrder[]) => {
  turn = turn.then(async () => {
    const pcm: Uint8Array<ArrayBuffer>[] = []
    for (const order of orders) pcm.push(...(await carryOut(order)))
    if (pcm.length === 0) return
    parentPort!.postMessage(
      { pcm },
      pcm.map(({ buffer }) => buffer),
    )
  })
})

async function carryOut(order: DecodeOrder): Promise<Uint8Array<ArrayBuffer>[]> {
  switch (order.type) {
    case 'open': {
      // A thread is told of what is open when it begins, and may hear of it once more.
      if (decoders.has(order.id)) return []
      // libopus itself decodes at the rate that is asked for, and mixes to one channel.
      const decoder = new OpusDecoder({ sampleRate: order.form.rate, channels: order.form.channels })
      await decoder.ready
      // It may begin in the middle of a stream.
      decoder.decodeFrames([silentOpusPacket(opusLead)])
      decoders.set(order.id, decoder)
      return []
    }
    case 'decode':
      return [interleaved(decoders.get(order.id)!.decodeFrames(order.packets).channelData)]
    case 'close':
      decoders.get(order.id)?.free()
      decoders.delete(order.id)
      return []
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
