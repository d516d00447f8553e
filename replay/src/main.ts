import type { Replay } from '@trtc-recorder/api'
import { openReplay } from './app.ts'
import type { Resolve } from './file-player.ts'
import { relativePath } from './recording.ts'
import { element } from './view/dom.ts'
import { mostAtOnce } from './who-plays.ts'
import { languageOf, wordsIn } from './words.ts'

declare global {
  /** Set by whoever serves the page from a private bucket: turns a file's key into an address that can be read. */
  var resolveRecordingPath: Resolve | undefined
}

const root = document.getElementById('replay')!
const language = languageOf(navigator.languages)
const replay = read(document.getElementById('recording')?.textContent ?? '')
if (replay === undefined) root.append(element('p', { class: 'empty' }, wordsIn(language).unreadable))
else {
  const hook = globalThis.resolveRecordingPath
  const resolve = hook ?? ((path) => relativePath(path, replay.folder))
  openReplay(root, replay, { resolve, most: mostAtOnce(hook !== undefined) }, language)
}

/** What a page of a later version holds is not guessed at. */
function read(text: string): Replay | undefined {
  try {
    const value = JSON.parse(text)
    return value?.version === 1 && value.manifest?.version === 1 ? value : undefined
  } catch {
    return undefined
  }
}
