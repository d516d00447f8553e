import type { Replay } from '@trtc-recorder/api'
import { FilePlayer, isAtFault, type Resolve } from './file-player.ts'
import { keyActions } from './keys.ts'
import { clockText, hashOf, placeOf } from './link.ts'
import { Playback } from './playback.ts'
import { type Person, type Recording, recordingOf } from './recording.ts'
import { type Choice, largeOf } from './stage.ts'
import type { TimeSpan } from './timeline.ts'
import { type Cue, readTranscript, saidAt, transcriptPath, transcriptZero } from './transcript.ts'
import { ControlsView, rates } from './view/controls-view.ts'
import { element, say } from './view/dom.ts'
import { dayTime, LanesView } from './view/lanes-view.ts'
import { StageView } from './view/stage-view.ts'
import { soonMillis, whoPlays } from './who-plays.ts'
import { type Language, wordsIn } from './words.ts'

/** Where files are, and how many of them can play at once. */
interface Media {
  resolve: Resolve
  most: number
}

/** Puts the player of a recording into `root`. */
export function openReplay(root: HTMLElement, replay: Replay, { resolve, most }: Media, language: Language): void {
  const recording = recordingOf(replay)
  document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en'
  document.title = replay.manifest.recording.name
  if (recording === undefined || recording.people.length === 0) {
    root.replaceChildren(element('p', { class: 'empty' }, wordsIn(language).nothing))
    return
  }
  const app = new App(root, recording, { resolve, most }, language)
  // A page from a disk may read no other file.
  if (location.protocol !== 'file:') void loadTranscript(replay, resolve).then((cues) => app.show(cues))
}

/** Empty where there is none: most recordings have none, and that is no trouble of anybody's. */
async function loadTranscript({ manifest, folder }: Replay, resolve: Resolve): Promise<Cue[]> {
  try {
    const response = await fetch(await resolve(transcriptPath(manifest, folder)))
    return response.ok ? readTranscript(await response.text(), transcriptZero(manifest)) : []
  } catch {
    return []
  }
}

class App {
  readonly #root: HTMLElement
  readonly #recording: Recording
  readonly #playback: Playback
  readonly #players: Map<string, FilePlayer[]>
  #language: Language
  #choice: Choice
  #large: string | undefined
  /** Who plays, of those who are there. */
  #playing: ReadonlySet<string> = new Set()
  readonly #most: number
  #isWallTime = false
  #clip: Partial<TimeSpan> = {}
  #notice = ''
  #transcript: readonly Cue[] = []
  readonly #caption = element('p', { class: 'caption' })
  #stage!: StageView
  #controls!: ControlsView
  #lanes!: LanesView

  constructor(root: HTMLElement, recording: Recording, { resolve, most }: Media, language: Language) {
    this.#root = root
    this.#most = most
    this.#recording = recording
    this.#language = language
    this.#choice = { by: recording.speech === null ? 'screen' : 'speaker' }
    this.#players = new Map(recording.people.map(({ id, files }) => [id, files.map((file) => new FilePlayer(file, resolve))]))
    this.#draw()
    this.#playback = new Playback(recording.span, [...this.#players.values()].flat(), {
      changed: () => this.#update(),
      mayPlay: (position) => this.#mayPlay(position),
    })
    this.#goToHash()
    window.addEventListener('hashchange', () => this.#goToHash())
    window.addEventListener('keydown', (event) => this.#key(event))
    const frame = () => {
      this.#update()
      requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  }

  /** What was said, where somebody wrote it down. It comes late: what the reader holds or has the focus on stays where it is. */
  show(transcript: readonly Cue[]): void {
    if (transcript.length === 0) return
    this.#transcript = transcript
    this.#lanes.addTranscript(transcript)
  }

  get #words() {
    return wordsIn(this.#language)
  }

  #draw(): void {
    const { people } = this.#recording
    const words = this.#words
    const playersOf = (person: Person) => this.#players.get(person.id) ?? []
    const large = (id: string) => this.#show(id)
    this.#stage = new StageView(
      people.map((person) => ({ person, players: playersOf(person) })),
      words,
      large,
    )
    this.#controls = new ControlsView(
      words,
      {
        toggle: () => this.#playback.toggle(),
        skip: (seconds) => this.#playback.seek(this.#playback.position + seconds * 1000),
        setRate: (rate) => this.#playback.setRate(rate),
        toggleFollow: () => this.#toggleFollow(),
        toggleTime: () => this.#toggleTime(),
        copyLink: () => void this.#copyLink(),
        fullScreen: () => this.#stage.toggleFullScreen(),
        toggleLanguage: () => this.#toggleLanguage(),
      },
      this.#recording.speech !== null,
    )
    this.#lanes = new LanesView(this.#recording, playersOf, words, {
      seek: (position) => this.#playback.seek(position),
      large,
    })
    if (this.#transcript.length > 0) this.#lanes.addTranscript(this.#transcript)
    this.#lanes.drawAxis(this.#isWallTime)
    this.#root.replaceChildren(
      element('header', {}, element('h1', {}, this.#recording.name), element('p', { class: 'when' }, this.#when())),
      ...[this.#stage.root, this.#caption, this.#controls.root, this.#lanes.root],
      element('p', { class: 'keys' }, words.keys),
    )
  }

  /** When it was, in the reader's time, and how many were there. */
  #when(): string {
    const { span, people } = this.#recording
    const day = new Date(span.start).toLocaleDateString(this.#language === 'zh' ? 'zh-CN' : 'en-GB', { dateStyle: 'long' })
    const users = new Set(people.map(({ userId }) => userId))
    return `${day}, ${dayTime(span.start)}–${dayTime(span.end)} · ${this.#words.people(users.size)}`
  }

  /** All, or, where a browser could not, those that matter then. */
  #mayPlay(position: number): (player: FilePlayer) => boolean {
    if (this.#most === Number.POSITIVE_INFINITY) return () => true
    const soon = position + soonMillis
    const isOn = (spans: readonly TimeSpan[]) => spans.some(({ start, end }) => start <= soon && end > position)
    const isThere = ({ axis, state }: FilePlayer) => axis.start <= soon && axis.end > position && !isAtFault(state)
    const chosen = this.#choice.by === 'user' ? this.#choice.lane : this.#large
    this.#playing = whoPlays(
      this.#recording.people
        .filter(({ id }) => this.#players.get(id)!.some(isThere))
        .map(({ id, isScreen, speech, lane }) => ({
          ...{ id, isScreen, isLarge: id === chosen, plays: this.#playing.has(id), speaks: isOn(speech) },
          hasMicrophone: isOn(lane.audio?.filter(({ state }) => state === 'on') ?? []),
        })),
      this.#most,
    )
    const players = new Set([...this.#playing].flatMap((id) => this.#players.get(id)!))
    return (player) => players.has(player)
  }

  #update(): void {
    if (this.#playback === undefined) return
    const position = this.#playback.position
    const { clock } = this.#playback
    const { people, span, speech } = this.#recording
    this.#large = largeOf({
      choice: this.#choice,
      current: this.#large,
      candidates: people.map(({ id, userId, isScreen }) => ({
        lane: id,
        userId,
        isScreen,
        isShown: this.#stage.isShown(id, position),
      })),
      speech: speech ?? [],
      time: position,
    })
    this.#stage.update(position, this.#large)
    say(this.#caption, saidAt(this.#transcript, position))
    this.#caption.hidden = this.#transcript.length === 0
    const timeText = (at: number) => (this.#isWallTime ? dayTime(at) : clockText((at - span.start) / 1000))
    this.#lanes.update(position, this.#clip, timeText)
    const broken = people.find(({ id }) =>
      this.#players.get(id)!.some(({ state }) => state.is === 'broken' || state.is === 'unseekable'),
    )
    this.#controls.update({
      ...{ isPlaying: clock.isPlaying, isHeld: clock.isHeld, rate: clock.rate, isWallTime: this.#isWallTime },
      follows: this.#choice.by === 'speaker',
      time: timeText(position),
      whole: timeText(span.end),
      notice: this.#notice || (broken === undefined ? '' : this.#words.brokenFile(broken.userId)),
    })
  }

  #show(id: string): void {
    this.#choice = this.#choice.by === 'user' && this.#choice.lane === id ? { by: 'screen' } : { by: 'user', lane: id }
    this.#update()
  }

  #toggleFollow(): void {
    if (this.#recording.speech === null) return
    this.#choice = this.#choice.by === 'speaker' ? { by: 'screen' } : { by: 'speaker' }
    this.#update()
  }

  #toggleTime(): void {
    this.#isWallTime = !this.#isWallTime
    this.#lanes.drawAxis(this.#isWallTime)
  }

  #toggleLanguage(): void {
    this.#language = this.#language === 'en' ? 'zh' : 'en'
    document.documentElement.lang = this.#language === 'zh' ? 'zh-Hans' : 'en'
    this.#draw()
    this.#playback.tick()
    // Whoever goes by keys goes on from where they were.
    this.#controls.focusLanguage()
  }

  async #copyLink(): Promise<void> {
    const seconds = (this.#playback.position - this.#recording.span.start) / 1000
    const person = this.#choice.by === 'user' ? this.#recording.people.find(({ id }) => id === this.#large) : undefined
    history.replaceState(null, '', hashOf({ seconds, userId: person?.userId, isScreen: person?.isScreen ?? false }))
    await this.#copy(location.href)
  }

  async #copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text)
      this.#say(this.#words.clipCopied)
    } catch {
      // Nor is there one where the page came without TLS.
      this.#say(text)
    }
  }

  #say(text: string): void {
    this.#notice = text
    setTimeout(() => {
      if (this.#notice === text) this.#notice = ''
    }, 4000)
  }

  #goToHash(): void {
    const { seconds, userId, isScreen } = placeOf(location.hash)
    const theirs = this.#recording.people.filter((one) => one.userId === userId)
    const person = theirs.find((one) => one.isScreen === isScreen) ?? theirs[0]
    if (person !== undefined) this.#choice = { by: 'user', lane: person.id }
    if (seconds !== undefined) this.#playback.seek(this.#recording.span.start + seconds * 1000)
  }

  #markClip(edge: 'start' | 'end'): void {
    this.#clip = { ...this.#clip, [edge]: this.#playback.position }
    const { start, end } = this.#clip
    if (start === undefined || end === undefined) this.#say(edge === 'start' ? this.#words.markStart : this.#words.markEnd)
    else
      void this.#copy(
        [start, end]
          .sort((a, b) => a - b)
          .map((time) => new Date(time).toISOString())
          .join('/'),
      )
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    // What has a use of its own for keys keeps it.
    const target = event.target as HTMLElement
    const hasKeys = target instanceof HTMLSelectElement || (target instanceof HTMLInputElement && event.key.startsWith('Arrow'))
    const presses = target instanceof HTMLButtonElement && (event.key === ' ' || event.key === 'Enter')
    if (hasKeys || presses) return
    const { clock } = this.#playback
    const step = (direction: number) => {
      const next = rates[rates.indexOf(clock.rate as (typeof rates)[number]) + direction]
      if (next !== undefined) this.#playback.setRate(next)
    }
    const done = keyActions(event.key, {
      toggle: () => this.#playback.toggle(),
      skip: (seconds) => this.#playback.seek(this.#playback.position + seconds * 1000),
      faster: () => step(1),
      slower: () => step(-1),
      follow: () => this.#toggleFollow(),
      mute: () => this.#large !== undefined && this.#stage.toggleMute(this.#large),
      show: (number) => {
        const person = this.#recording.people[number - 1]
        if (person !== undefined) this.#show(person.id)
      },
      markStart: () => this.#markClip('start'),
      markEnd: () => this.#markClip('end'),
    })
    if (done) event.preventDefault()
  }
}
