import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { runPage } from '../../../room/testing/run-page.ts'

/** What hls.js in Chromium made of a playlist, from its beginning to its end. */
export interface HlsPlayback {
  /** What hls.js could not get over, and what the element says. */
  errors: string[]
  /** Whether the playlist went on when it was first seen. */
  isLive: boolean
  /** Every picture that was shown: its time, its wall-clock time by the playlist, its mean brightness (0..255), and how many pixels wide it is. */
  pictures: { time: number; dateMillis: number; brightness: number; width: number }[]
  /** When, by the wall clock of the playlist, sound began after at least 300 ms of silence. */
  loudMillis: number[]
}

const types: Record<string, string> = {
  m3u8: 'application/vnd.apple.mpegurl',
  mp4: 'video/mp4',
  m4s: 'video/mp4',
  js: 'text/javascript',
}

export interface PlayHlsOptions {
  /** Begins where hls.js begins by itself: near the end of what goes on. Else with the first segment. */
  fromLiveEdge?: boolean
  /** So long it may take. */
  seconds?: number
}

/** Plays `index.m3u8` of what `read` gives, which is asked each time: from its beginning while it goes on, then once more, faster, when it is over. */
export async function playHls(
  read: (name: string) => Buffer | undefined,
  { fromLiveEdge = false, seconds = 25 }: PlayHlsOptions = {},
): Promise<{ live: HlsPlayback; after: HlsPlayback }> {
  const script = await readFile(createRequire(import.meta.url).resolve('hls.js/dist/hls.min.js'))
  return runPage({
    html: `<script src="/hls.js"></script><script>${page}</script>`,
    call: { function: 'playBoth', argument: JSON.stringify({ fromLiveEdge, seconds }) },
    serve: ({ url }, response) => {
      const name = url!.slice(1)
      const body = name === 'hls.js' ? script : read(name)
      if (body === undefined) response.writeHead(404).end()
      else response.writeHead(200, { 'content-type': types[name.split('.').at(-1)!] ?? 'text/plain' }).end(body)
    },
  })
}

const page = `
async function playBoth(options) {
  const { fromLiveEdge, seconds } = JSON.parse(options)
  const live = await play(1, fromLiveEdge ? -1 : 0, seconds)
  const after = await play(4, 0, seconds)
  await fetch('/', { method: 'POST', body: JSON.stringify({ live, after }) })
}

async function play(rate, startPosition, seconds) {
  const video = document.createElement('video')
  document.body.append(video)
  const errors = [], pictures = [], loudMillis = []
  const hls = new Hls({ startPosition })
  let isLive
  hls.on(Hls.Events.LEVEL_LOADED, (_, { details }) => { isLive ??= details.live })
  hls.on(Hls.Events.ERROR, (_, { fatal, type, details, error }) => { if (fatal) errors.push([type, details, error].join(' ')) })
  const done = new Promise((resolve) => {
    video.onended = resolve
    video.onerror = () => { errors.push(video.error.code + ' ' + video.error.message); resolve() }
    setTimeout(() => { errors.push('it did not end; it is at ' + video.currentTime); resolve() }, seconds * 1000)
  })
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = 8
  const context = canvas.getContext('2d', { willReadFrequently: true })
  const dateAt = (time) => hls.playingDate === null ? 0 : hls.playingDate.getTime() + (time - video.currentTime) * 1000
  const look = (_, { mediaTime, width }) => {
    context.drawImage(video, 0, 0, 8, 8)
    const { data } = context.getImageData(0, 0, 8, 8)
    let brightness = 0
    for (let at = 0; at < data.length; at += 4) brightness += (data[at] + data[at + 1] + data[at + 2]) / 3 / 64
    pictures.push({ time: mediaTime, dateMillis: dateAt(mediaTime), brightness, width })
    video.requestVideoFrameCallback(look)
  }
  video.requestVideoFrameCallback(look)
  if (rate === 1) {
    const audio = new AudioContext()
    const processor = audio.createScriptProcessor(512, 1, 1)
    audio.createMediaElementSource(video).connect(processor)
    processor.connect(audio.destination)
    let lastLoud = -1
    processor.onaudioprocess = ({ inputBuffer }) => {
      const now = performance.now() / 1000
      if (!inputBuffer.getChannelData(0).some((sample) => Math.abs(sample) > 0.15)) return
      if (now - lastLoud > 0.3) loudMillis.push(dateAt(video.currentTime))
      lastLoud = now
    }
  }
  hls.loadSource('/index.m3u8')
  hls.attachMedia(video)
  video.playbackRate = rate
  await Promise.race([done, new Promise((resolve) => { video.onloadeddata = resolve })])
  video.playbackRate = rate
  video.play().catch((failure) => errors.push(String(failure)))
  await done
  hls.destroy()
  video.remove()
  return { errors, isLive, pictures, loudMillis }
}
`
