import { expect, it } from 'vitest'
import { embedRecording, type Replay } from './replay.ts'

const manifest = { version: 1, recording: { namespace: 'a', name: '</script><b>$&', uid: '' } } as Replay['manifest']

it('puts a recording into the page as text that cannot end its element', () => {
  const page = embedRecording('<script>"the recording"</script>', { version: 1, manifest, folder: '', speech: null })
  expect(page.match(/<\/script>/g)).toHaveLength(1)
  expect(JSON.parse(page.slice('<script>'.length, -'</script>'.length)).manifest).toEqual(manifest)
})

it('says so where there is no place for it', () =>
  expect(() => embedRecording('<p>', { version: 1, manifest, folder: '', speech: null })).toThrow(/no place for a recording/))
