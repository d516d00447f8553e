import { encodeRecord, readRecords } from '../../media/records.ts'
import type { Sound } from './sound.ts'

const types = { packet: 1, missing: 2, silence: 3, muted: 4 } as const
const headBytes = 13

/** Sound as it waits on the volume. */
export const encodeSounds = (sounds: readonly Sound[]): Buffer =>
  Buffer.concat(
    sounds.map((sound) => {
      const head = Buffer.alloc(headBytes)
      head.writeDoubleLE(sound.atMicros, 0)
      head.writeUInt32LE(sound.samples, 8)
      head[12] = sound.type === 'muted' && sound.muted ? 1 : 0
      return encodeRecord(types[sound.type], sound.type === 'packet' ? Buffer.concat([head, sound.data]) : head)
    }),
  )

/** Rejects where it is not whole. */
export async function readSounds(path: string, expected: number): Promise<Sound[]> {
  const sounds: Sound[] = []
  for await (const records of readRecords(path)) for (const { type, payload } of records) sounds.push(soundOf(type, payload))
  if (sounds.length !== expected) throw new Error(`${path} has ${sounds.length} of ${expected} records`)
  return sounds
}

function soundOf(type: number, payload: Buffer): Sound {
  const at = { atMicros: payload.readDoubleLE(0), samples: payload.readUInt32LE(8) }
  switch (type) {
    case types.packet:
      return { type: 'packet', ...at, data: payload.subarray(headBytes) }
    case types.missing:
      return { type: 'missing', ...at }
    case types.silence:
      return { type: 'silence', ...at }
    default:
      return { type: 'muted', muted: payload[12] === 1, atMicros: at.atMicros, samples: 0 }
  }
}
