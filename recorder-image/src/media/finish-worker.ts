/** A thread that works on one file after the other: a task comes in, what it comes to goes out. */
import { parentPort } from 'node:worker_threads'
import { finishMedia, snapshotMedia, type UnfinishedMedia } from './finish-media.ts'

export type MediaTask = 'finish' | 'snapshot'

parentPort!.on('message', async ({ task, media }: { task: MediaTask; media: UnfinishedMedia }) => {
  parentPort!.postMessage({ begun: true })
  switch (task) {
    case 'finish':
      return parentPort!.postMessage({ made: await finishMedia(media, (unchecked) => parentPort!.postMessage({ unchecked })) })
    case 'snapshot':
      return parentPort!.postMessage(
        await snapshotMedia(media).then(
          (made) => ({ made }),
          (error: Error) => ({ problem: error.message }),
        ),
      )
  }
})
