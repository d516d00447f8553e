/** A thread that finishes one file after the other: an `UnfinishedMedia` comes in, a `FinishedMedia` goes out. */
import { parentPort } from 'node:worker_threads'
import { finishMedia, type UnfinishedMedia } from './finish-media.ts'

parentPort!.on('message', async (media: UnfinishedMedia) => {
  parentPort!.postMessage(await finishMedia(media))
})
