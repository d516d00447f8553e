import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AudioEncoder } from './audio-encoder.ts'
import { aac } from './audio-format.ts'
import { newDirectory } from './testing/new-directory.ts'

/** An encoder whose ffmpeg is a shell script. */
async function encoderWith(script: string, options: { endTimeoutMs?: number } = {}) {
  const ffmpegPath = join(await newDirectory(), 'ffmpeg')
  await writeFile(ffmpegPath, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  const failures: string[] = []
  let fail = (_: string) => {}
  const failed = new Promise<string>((resolve) => {
    fail = resolve
  })
  const onFailure = (reason: string) => {
    failures.push(reason)
    fail(reason)
  }
  const encoder = new AudioEncoder({ ffmpegPath, format: aac, firstFrame: 0, onAudio: () => {}, onFailure, ...options })
  return { encoder, failed, failures }
}

const packet = { type: 'packet' as const, data: new Uint8Array(1200), samples: 960 }

describe('an encoder says once why it failed', () => {
  it('when ffmpeg ends by itself', async () => {
    const { encoder, failed, failures } = await encoderWith('echo "no such encoder" >&2; exit 8')
    encoder.feed(packet)
    encoder.flush()
    expect(await failed).toBe('ffmpeg ended with exit code 8: no such encoder')
    await encoder.end()
    expect(failures).toHaveLength(1)
  })

  it('when it gives something else than frames', async () => {
    const { encoder, failed } = await encoderWith('echo hello there; cat >/dev/null')
    encoder.feed(packet)
    encoder.flush()
    expect(await failed).toBe('the encoder’s output is not ADTS')
  })

  it('when it stops taking sound, before memory fills', async () => {
    const { encoder, failed } = await encoderWith('exec sleep 60')
    for (let n = 0; n < 7000; n++) encoder.feed(packet)
    encoder.flush()
    expect(await failed).toBe('ffmpeg has stopped taking sound')
  })

  it('when it does not come to an end', async () => {
    const { encoder, failures } = await encoderWith('exec sleep 60', { endTimeoutMs: 50 })
    encoder.feed(packet)
    await encoder.end()
    expect(failures).toEqual(['ffmpeg did not finish, and gave nothing for 0.05 s'])
  })

  it('but not when it is only slow', async () => {
    // An ADTS frame of two bytes each 0.1 s.
    const frame = String.raw`\377\361\114\200\001\077\374\000\000`
    const { encoder, failures } = await encoderWith(
      `for n in 1 2 3 4 5 6; do printf '${frame}'; sleep 0.1; done; cat >/dev/null`,
      {
        endTimeoutMs: 400,
      },
    )
    encoder.feed(packet)
    await encoder.end()
    expect(failures).toEqual([])
  })
})
