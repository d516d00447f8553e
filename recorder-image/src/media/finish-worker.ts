/** A thread that works on one file after the other: a task comes in, what it comes to goes out. */
import { stat } from 'node:fs/promises'
import { parentPort } from 'node:worker_threads'
import { finishMedia, snapshotMedia } from './finish-media.ts'
import { IndexReading, longIndexBytes } from './media-index.ts'
import type { UnfinishedMedia } from './unfinished-media.ts'

export interface MediaTask {
  task: 'finish' | 'snapshot'
  media: UnfinishedMedia
}

export type ThreadOrder = MediaTask | { task: 'readAhead'; index: string }

/** What was read of a file before it was to be finished. Undefined of one that could not be read. */
let ahead: { index: string; reading: Promise<IndexReading | undefined> } | undefined

parentPort!.on('message', async (order: ThreadOrder) => {
  switch (order.task) {
    case 'readAhead':
      ahead = { index: order.index, reading: readAhead(order.index).catch(() => undefined) }
      return
    case 'finish': {
      parentPort!.postMessage({ begun: true })
      const { media } = order
      const made = await finishMedia(media, (unchecked) => parentPort!.postMessage({ unchecked }), await takeAhead(media))
      return parentPort!.postMessage({ made })
    }
    case 'snapshot':
      parentPort!.postMessage({ begun: true })
      return parentPort!.postMessage(
        await snapshotMedia(order.media).then(
          (made) => ({ made }),
          (error: Error) => ({ problem: error.message }),
        ),
      )
  }
})

async function readAhead(index: string): Promise<IndexReading | undefined> {
  if ((await stat(index)).size > longIndexBytes) return undefined
  const reading = new IndexReading(index)
  await reading.prepare()
  return reading
}

/** Nothing of a file that the volume did not take all of: what was read may not be there any more. */
async function takeAhead({ paths, pictures }: UnfinishedMedia): Promise<IndexReading | undefined> {
  const taken = ahead
  ahead = undefined
  return pictures !== undefined && taken?.index === paths.index ? await taken.reading : undefined
}
