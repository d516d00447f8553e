import type { Words } from '../words.ts'
import { element, icon, say, setIcon } from './dom.ts'

export const rates = [0.5, 0.75, 1, 1.25, 1.5, 2] as const

export interface ControlsState {
  isPlaying: boolean
  isHeld: boolean
  rate: number
  follows: boolean
  isWallTime: boolean
  time: string
  whole: string
  notice: string
}

export interface Asked {
  toggle(): void
  skip(seconds: number): void
  setRate(rate: number): void
  toggleFollow(): void
  toggleTime(): void
  copyLink(): void
  fullScreen(): void
  toggleLanguage(): void
}

/** The bar of buttons below the stage. */
export class ControlsView {
  readonly root: HTMLElement
  readonly #words: Words
  readonly #playIcon = icon('play')
  readonly #play: HTMLButtonElement
  readonly #time: HTMLButtonElement
  readonly #rate: HTMLSelectElement
  readonly #follow: HTMLButtonElement
  readonly #language: HTMLButtonElement
  readonly #notice = element('p', { class: 'notice', role: 'status' })

  constructor(words: Words, asked: Asked, canFollow: boolean) {
    this.#words = words
    this.#play = element('button', { type: 'button', class: 'play', onclick: asked.toggle }, this.#playIcon)
    this.#time = element('button', { type: 'button', class: 'time', onclick: asked.toggleTime })
    this.#rate = element(
      'select',
      { 'aria-label': words.speed, onchange: () => asked.setRate(Number(this.#rate.value)) },
      ...rates.map((rate) => element('option', { value: String(rate) }, `${rate}×`)),
    )
    this.#follow = element(
      'button',
      {
        type: 'button',
        class: 'follow',
        disabled: !canFollow,
        title: canFollow ? words.follow : words.followNothing,
        onclick: asked.toggleFollow,
      },
      words.follow,
    )
    this.#language = element('button', { type: 'button', class: 'language', onclick: asked.toggleLanguage }, words.language)
    const skip = (seconds: number, name: 'back' | 'forward') =>
      element(
        'button',
        { type: 'button', 'aria-label': words[name], title: words[name], onclick: () => asked.skip(seconds) },
        icon(name),
      )
    this.root = element(
      'nav',
      { class: 'controls' },
      ...[skip(-10, 'back'), this.#play, skip(10, 'forward'), this.#time, this.#rate, this.#follow],
      element(
        'button',
        { type: 'button', 'aria-label': words.copyLink, title: words.copyLink, onclick: asked.copyLink },
        icon('link'),
      ),
      // Phones of some makers have it for a video alone.
      document.fullscreenEnabled &&
        element(
          'button',
          { type: 'button', 'aria-label': words.fullScreen, title: words.fullScreen, onclick: asked.fullScreen },
          icon('large'),
        ),
      this.#language,
      this.#notice,
    )
  }

  focusLanguage(): void {
    this.#language.focus()
  }

  update({ isPlaying, isHeld, rate, follows, isWallTime, time, whole, notice }: ControlsState): void {
    const words = this.#words
    setIcon(this.#playIcon, isPlaying ? 'pause' : 'play')
    this.#play.setAttribute('aria-label', isPlaying ? words.pause : words.play)
    this.#play.classList.toggle('held', isPlaying && isHeld)
    say(this.#time, `${time} / ${whole}`)
    this.#time.title = isWallTime ? words.wallTime : words.lessonTime
    if (this.#rate.value !== String(rate)) this.#rate.value = String(rate)
    this.#follow.setAttribute('aria-pressed', String(follows))
    say(this.#notice, isPlaying && isHeld ? words.waiting : notice)
  }
}
