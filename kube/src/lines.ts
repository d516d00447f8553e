import type { Readable } from 'node:stream'

/** Newline-separated texts of a stream, however it is cut into pieces. */
export async function* lines(stream: Readable): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder()
  let parts: string[] = []
  for await (const chunk of stream) {
    const pieces = decoder.decode(chunk as Buffer, { stream: true }).split('\n')
    for (const [index, piece] of pieces.entries()) {
      parts.push(piece)
      if (index === pieces.length - 1) break
      const line = parts.join('')
      parts = []
      if (line.trim() !== '') yield line
    }
  }
  if (parts.join('').trim() !== '') throw new Error('the stream ended in the middle of an object')
}
