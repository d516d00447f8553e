import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { runPage } from '../../room/testing/run-page.ts'

/** What Chromium's `<video>` makes of a file, played from its beginning to its end. Times in seconds. */
export interface ChromiumPlayback {
  /** What the element says went wrong; empty where nothing did. */
  error: string
  durationSeconds: number
  /** Every picture that was shown: its time in the file, its size, its mean brightness (0..255), and when, by the clock of the page. */
  pictures: { time: number; width: number; height: number; brightness: number; shownAt: number }[]
  /** When, by the same clock, sound began after at least 300 ms of silence. */
  beepsAt: number[]
}

/** `rate`: how much faster than real time; sound is only listened to at 1. `from`: where to begin, by a seek. */
export async function playInChromium(path: string, { rate = 1, from = 0 } = {}): Promise<ChromiumPlayback> {
  const { size } = await stat(path)
  return runPage({
    html: `<script>${page}</script>`,
    call: { function: 'play', argument: JSON.stringify({ rate, from }) },
    serve: ({ headers }, response) => {
      const [, start = '0', end = ''] = /bytes=(\d+)-(\d*)/.exec(headers.range ?? '') ?? []
      const last = end === '' ? size - 1 : Number(end)
      response.writeHead(206, {
        ...{ 'content-type': path.endsWith('.mp3') ? 'audio/mpeg' : 'video/mp4', 'accept-ranges': 'bytes' },
        ...{ 'content-range': `bytes ${start}-${last}/${size}`, 'content-length': last - Number(start) + 1 },
      })
      createReadStream(path, { start: Number(start), end: last }).pipe(response)
    },
  })
}

const page = `
async function play(options) {
  const { rate, from } = JSON.parse(options)
  const video = document.createElement('video')
  document.body.append(video)
  const pictures = [], beepsAt = []
  let error = ''
  const done = new Promise((resolve) => {
    video.onended = resolve
    video.onerror = () => { error = video.error.code + ' ' + video.error.message; resolve() }
    setTimeout(() => { error = 'it did not end; it is at ' + video.currentTime; resolve() }, 20000)
  })
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = 8
  const context = canvas.getContext('2d', { willReadFrequently: true })
  const first = Promise.withResolvers()
  const look = (now, { mediaTime, width, height, expectedDisplayTime }) => {
    context.drawImage(video, 0, 0, 8, 8)
    const { data } = context.getImageData(0, 0, 8, 8)
    let brightness = 0
    for (let at = 0; at < data.length; at += 4) brightness += (data[at] + data[at + 1] + data[at + 2]) / 3 / 64
    pictures.push({ time: mediaTime, width, height, brightness, shownAt: expectedDisplayTime / 1000 })
    video.requestVideoFrameCallback(look)
    first.resolve()
  }
  video.requestVideoFrameCallback(look)
  video.src = '/media'
  if (rate === 1) {
    const audio = new AudioContext()
    const processor = audio.createScriptProcessor(512, 1, 1)
    audio.createMediaElementSource(video).connect(processor)
    processor.connect(audio.destination)
    let lastLoud = -1
    processor.onaudioprocess = ({ inputBuffer }) => {
      const now = performance.now() / 1000
      const samples = inputBuffer.getChannelData(0)
      for (let at = 0; at < samples.length; at++) {
        if (Math.abs(samples[at]) < 0.15) continue
        const time = now - (samples.length - at) / audio.sampleRate
        if (time - lastLoud > 0.3) beepsAt.push(time)
        lastLoud = time
      }
    }
  }
  video.playbackRate = rate
  if (from > 0) video.currentTime = from
  // A busy machine takes long to show its first picture, and would skip it if the clock ran already.
  await Promise.race([done, new Promise((resolve) => { video.onloadeddata = resolve })])
  if (video.videoWidth > 0) await Promise.race([done, first.promise])
  video.play().catch((failure) => { error = error || String(failure) })
  await done
  await fetch('/', { method: 'POST', body: JSON.stringify({ error, durationSeconds: video.duration, pictures, beepsAt }) })
}
`
