import type { FilePlayer } from '../file-player.ts'
import { clockText } from '../link.ts'
import type { Person, Recording } from '../recording.ts'
import { type TimeSpan, ticksOf } from '../timeline.ts'
import type { Cue } from '../transcript.ts'
import type { Words } from '../words.ts'
import { element, say } from './dom.ts'
import { nameOf } from './stage-view.ts'

/** Bars nearer to each other than this part of the whole are drawn as one: nobody could tell them apart. */
const indistinct = 1 / 1500

/** What everybody did, one below the other; a click goes there. */
export class LanesView {
  readonly root: HTMLElement
  readonly #head = element('div', { class: 'head', 'aria-hidden': 'true' })
  readonly #clip = element('div', { class: 'clip', hidden: true, 'aria-hidden': 'true' })
  readonly #axis = element('div', { class: 'track axis', 'aria-hidden': 'true' })
  readonly #slider: HTMLInputElement
  readonly #span: TimeSpan
  readonly #words: Words
  readonly #troubles: { note: HTMLElement; players: readonly FilePlayer[] }[] = []

  constructor(
    recording: Recording,
    playersOf: (person: Person) => readonly FilePlayer[],
    words: Words,
    asked: { seek(position: number): void; large(id: string): void },
  ) {
    this.#span = recording.span
    this.#words = words
    const { start, end } = recording.span
    this.#slider = element('input', {
      ...{ type: 'range', class: 'slider', min: '0', max: String((end - start) / 1000), step: '0.1', value: '0' },
      'aria-label': words.position,
      oninput: () => asked.seek(start + Number(this.#slider.value) * 1000),
    })
    const rows = recording.people.map((person) => this.#row(person, recording.pauses, playersOf(person), words, asked))
    const body = element('div', { class: 'rows' }, ...rows, this.#clip, this.#head)
    body.addEventListener('pointerdown', (event) => this.#drag(body, event, asked))
    this.root = element(
      'section',
      { class: 'lanes', 'aria-label': words.timeline },
      element('div', { class: 'row over' }, element('span', { class: 'who' }), element('div', { class: 'track' }, this.#slider)),
      element('div', { class: 'row over' }, element('span', { class: 'who' }), this.#axis),
      body,
      this.#legend(recording),
    )
  }

  update(position: number, clip: Partial<TimeSpan>, timeText: (position: number) => string): void {
    const { start } = this.#span
    this.root.style.setProperty('--at', String(this.#part(position)))
    if (document.activeElement !== this.#slider || Math.abs(Number(this.#slider.value) - (position - start) / 1000) > 0.2) {
      this.#slider.value = String((position - start) / 1000)
    }
    this.#slider.setAttribute('aria-valuetext', timeText(position))
    const from = clip.start ?? clip.end
    const to = clip.end ?? clip.start
    this.#clip.hidden = from === undefined || to === undefined
    if (from !== undefined && to !== undefined) {
      this.#clip.style.setProperty('--from', String(this.#part(Math.min(from, to))))
      this.#clip.style.setProperty('--to', String(this.#part(Math.max(from, to))))
    }
    for (const { note, players } of this.#troubles)
      say(note, players.map(({ state }) => troubleOf(state, this.#words)).find((text) => text !== '') ?? '')
  }

  /** Marks of the axis, as the reader wants times told. */
  drawAxis(isWallTime: boolean): void {
    const { start, end } = this.#span
    const ticks = isWallTime ? ticksOf(this.#span) : ticksOf({ start: 0, end: end - start }).map((tick) => start + tick)
    this.#axis.replaceChildren(
      ...ticks.map((tick) => {
        const mark = element('time', {}, isWallTime ? dayTime(tick) : clockText((tick - start) / 1000))
        mark.style.left = `${this.#part(tick) * 100}%`
        return mark
      }),
    )
  }

  #row(
    person: Person,
    pauses: readonly TimeSpan[],
    players: readonly FilePlayer[],
    words: Words,
    asked: { large(id: string): void },
  ): HTMLElement {
    const { lane, speech, isScreen } = person
    const name = nameOf(person, words)
    const on = (segments: readonly (TimeSpan & { state: string })[] | undefined) =>
      (segments ?? []).filter(({ state }) => state === 'on')
    const note = element('small', { class: 'trouble', role: 'status' })
    this.#troubles.push({ note, players })
    return element(
      'div',
      { class: `row${isScreen ? ' screen' : ''}` },
      element('span', { class: 'who' }, element('button', { type: 'button', onclick: () => asked.large(person.id) }, name), note),
      element(
        'div',
        { class: 'track' },
        ...this.#bars(
          'there',
          lane.presence.filter(({ state }) => state === 'there'),
          words.present,
        ),
        ...this.#bars(isScreen ? 'screening' : 'camera', on(lane.video), isScreen ? words.screen : words.camera),
        ...this.#bars('microphone', on(lane.audio), words.microphone),
        ...this.#bars('speech', speech, words.speaking),
        ...this.#bars('paused', pauses, words.paused),
        ...this.#bars(
          'missing',
          lane.files
            .filter(({ status }) => status === 0)
            .map((file) => ({ start: Date.parse(file.startTime), end: Date.parse(file.endTime) })),
          words.missing,
        ),
      ),
    )
  }

  /** Below all the others: each cue by itself, with its words for whoever points at it. */
  addTranscript(transcript: readonly Cue[]): void {
    const bars = transcript.map(({ start, end, who, text }) =>
      this.#bar('speech', { start, end }, who === '' ? text : `${who}: ${text}`),
    )
    this.#clip.before(
      element(
        'div',
        { class: 'row transcript' },
        element('span', { class: 'who' }, this.#words.transcript),
        element('div', { class: 'track' }, ...bars),
      ),
    )
  }

  /** What the colours mean, of those that there are. */
  #legend({ people, pauses }: Recording): HTMLElement {
    const words = this.#words
    const lanes = people.map(({ lane }) => lane)
    const kinds = [
      ['there', words.present, true],
      ['microphone', words.microphone, lanes.some(({ audio }) => audio?.some(({ state }) => state === 'on'))],
      ['camera', words.camera, people.some(({ lane, isScreen }) => !isScreen && lane.video?.some(({ state }) => state === 'on'))],
      ['screening', words.screen, people.some(({ isScreen }) => isScreen)],
      ['speech', words.speaking, people.some(({ speech }) => speech.length > 0)],
      ['paused', words.paused, pauses.length > 0],
      ['missing', words.missing, lanes.some(({ files }) => files.some(({ status }) => status === 0))],
    ] as const
    const shown = kinds.filter(([, , isThere]) => isThere === true)
    return element(
      'ul',
      { class: 'legend', 'aria-label': words.legend },
      ...shown.map(([kind, what]) => element('li', {}, element('i', { class: `bar ${kind}`, 'aria-hidden': 'true' }), what)),
    )
  }

  #bars(kind: string, spans: readonly TimeSpan[], label: string): HTMLElement[] {
    const merged: TimeSpan[] = []
    for (const { start, end } of spans) {
      const last = merged.at(-1)
      if (last !== undefined && this.#part(start) - this.#part(last.end) < indistinct) last.end = Math.max(last.end, end)
      else merged.push({ start, end })
    }
    return merged.map((span) => this.#bar(kind, span, label))
  }

  #bar(kind: string, { start, end }: TimeSpan, label: string): HTMLElement {
    const bar = element('i', { class: `bar ${kind}`, title: label })
    bar.style.left = `${this.#part(start) * 100}%`
    bar.style.width = `${(this.#part(end) - this.#part(start)) * 100}%`
    return bar
  }

  #drag(body: HTMLElement, event: PointerEvent, asked: { seek(position: number): void }): void {
    const track = (event.target as Element).closest('.track')
    if (track === null || event.button !== 0) return
    const { start, end } = this.#span
    const go = ({ clientX }: PointerEvent) => {
      const box = track.getBoundingClientRect()
      asked.seek(start + Math.min(1, Math.max(0, (clientX - box.left) / box.width)) * (end - start))
    }
    go(event)
    body.setPointerCapture(event.pointerId)
    body.addEventListener('pointermove', go)
    body.addEventListener('pointerup', () => body.removeEventListener('pointermove', go), { once: true })
    body.addEventListener('pointercancel', () => body.removeEventListener('pointermove', go), { once: true })
  }

  #part(position: number): number {
    const { start, end } = this.#span
    return Math.min(1, Math.max(0, (position - start) / Math.max(1, end - start)))
  }
}

/** Some browsers do not say what they do not like. */
function troubleOf(state: FilePlayer['state'], words: Words): string {
  switch (state.is) {
    case 'broken':
    case 'missing':
      return `⚠ ${state.why || words[state.is]}`
    case 'unseekable':
      return `⚠ ${words.noRanges}`
    case 'unloaded':
    case 'loading':
    case 'ready':
      return ''
  }
}

export const dayTime = (position: number) =>
  new Date(position).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
