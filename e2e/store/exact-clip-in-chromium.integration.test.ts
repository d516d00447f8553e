import { join } from 'node:path'
import { expect, test } from 'vitest'
import { playInChromium } from '../../recorder-image/src/media/testing/chromium-playback.ts'
import { makeClip } from '../../recorder-image/src/media/testing/clip.ts'
import { newDirectory } from '../../recorder-image/src/media/testing/new-directory.ts'
import { send } from '../../recorder-image/src/media/testing/sender.ts'
import { ensureFfmpeg } from '../../sandbox/src/images/index.ts'
import { cutExactly, recordSource } from './exact-clip.ts'

test('Chromium plays an exact clip from its beginning, through the seam, and from behind it', async () => {
  const directory = await newDirectory()
  // A key frame every three seconds.
  const clip = await makeClip({ seconds: 7, fps: 30, toneHertz: 440, numbered: true, encoder: ['-g', '90'] })
  const source = await recordSource(directory, send({ clip, from: 0, to: 7, atSeconds: 0 }))
  const { path } = await cutExactly(join(directory, 'clip.mp4'), source, {
    ...{ from: 1.51, to: 5, checkedBy: await ensureFfmpeg(), exact: {} },
  })
  for (const from of [0, 2.6]) {
    const { error, pictures } = await playInChromium(path, { from })
    expect(error).toBe('')
    // A flash is all white but for its number, and is where it belongs; a busy machine may draw the picture behind it.
    const flashes = pictures.slice(1).filter(({ brightness }) => brightness > 150)
    for (const { time } of flashes) expect(Math.min(...[0.49, 1.49, 2.49].map((one) => Math.abs(one - time)))).toBeLessThan(0.035)
    expect(pictures.at(-1)!.time).toBeGreaterThan(3.2)
    if (from === 0) expect(pictures[0]!.time).toBe(0)
  }
})
