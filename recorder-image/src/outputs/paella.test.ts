import { describe, expect, test } from 'vitest'
import { paellaManifest, paellaPreview } from './paella.ts'

const recording = { title: 'math', seconds: 60, preview: 'preview.svg' }
const pictures = (stream: 'main' | 'aux', src: string) => ({ stream, src, width: 640, height: 360 })

describe('data.json of Paella Player', () => {
  test('has cameras and screens under the names that its layouts know, and one that is heard', () => {
    const { streams, metadata } = paellaManifest({
      ...recording,
      pictures: [pictures('main', 'a.mp4'), pictures('aux', 'a2.mp4'), pictures('main', 'b.mp4')],
      sound: '../math.mix.mp3',
    })
    expect(metadata).toEqual({ title: 'math', duration: 60, preview: 'preview.svg' })
    expect(streams.map(({ content, canvas }) => [content, ...canvas])).toEqual([
      ['presenter', 'video'],
      ['presentation', 'video'],
      ['presenter-2', 'video'],
      ['sound', 'video'],
    ])
    expect(streams.filter((stream) => 'role' in stream)).toEqual([
      {
        content: 'sound',
        sources: { html: [{ src: '../math.mix.mp3', mimetype: 'audio/mpeg' }] },
        canvas: ['video'],
        role: 'mainAudio',
      },
    ])
    expect(streams[0]).toMatchObject({ sources: { mp4: [{ src: 'a.mp4', mimetype: 'video/mp4', res: { w: 640, h: 360 } }] } })
  })

  test('shows sound alone as the presenter, and takes for heard what shows without sound', () => {
    const alone = paellaManifest({ ...recording, pictures: [], sound: 'sound.mp3' })
    expect(alone.streams).toMatchObject([{ content: 'presenter', role: 'mainAudio' }])
    const silent = paellaManifest({ ...recording, pictures: [pictures('aux', 'a.mp4')], sound: undefined })
    expect(silent.streams).toMatchObject([{ content: 'presentation', role: 'mainAudio' }])
  })

  test('has a picture before it plays, of any title', () => {
    expect(paellaPreview('a<b & c')).toContain('>a&lt;b &amp; c</text>')
  })
})
