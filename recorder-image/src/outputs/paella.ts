/** A stream as Paella Player shows it. */
export interface PaellaPictures {
  stream: 'main' | 'aux'
  /** From data.json on. */
  src: string
  width: number
  height: number
}

export interface PaellaRecording {
  title: string
  seconds: number
  /** From data.json on. */
  preview: string
  pictures: readonly PaellaPictures[]
  /** Of everybody, from data.json on; undefined where nobody was heard. */
  sound: string | undefined
}

/**
 * The video manifest of Paella Player 7 (paella-core, doc/video_manifest.md). Its streams all begin at one moment, and one alone is heard. Contents have the names that
 * its usual layouts know: `presenter`, `presenter-2` … for cameras, `presentation`, `presentation-2` … for screens. Pure.
 */
export function paellaManifest({ title, seconds, preview, pictures, sound }: PaellaRecording) {
  const counts = { main: 0, aux: 0 }
  const shown = pictures.map(({ stream, src, width, height }, at) => ({
    content: contentOf(stream, ++counts[stream]),
    sources: { mp4: [{ src, mimetype: 'video/mp4', res: { w: width, h: height } }] },
    canvas: ['video'],
    // The player wants one that it hears, although there is nothing to hear.
    ...(sound === undefined && at === 0 ? mainAudio : {}),
  }))
  const heard = {
    // Without pictures it is what a layout shows.
    content: shown.length === 0 ? 'presenter' : 'sound',
    // As `audio` it would want a preview with an address that holds wherever the player's page is.
    sources: { html: [{ src: sound, mimetype: 'audio/mpeg' }] },
    canvas: ['video'],
    ...mainAudio,
  }
  return {
    metadata: { title, duration: seconds, preview },
    streams: [...shown, ...(sound === undefined ? [] : [heard])],
  }
}

const mainAudio = { role: 'mainAudio' as const }

const contentNames = { main: 'presenter', aux: 'presentation' }

const contentOf = (stream: 'main' | 'aux', number: number) => `${contentNames[stream]}${number === 1 ? '' : `-${number}`}`

/** What the player shows before it plays, which it does not do without. Pure. */
export function paellaPreview(title: string): string {
  const text = title.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1280 720" width="1280" height="720"><rect width="1280" height="720" fill="#1b2430"/><text x="640" y="370" font-family="sans-serif" font-size="56" fill="#fff" text-anchor="middle">${text}</text></svg>\n`
}
