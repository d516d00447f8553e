import type { FilePlayer } from '../file-player.ts'
import type { Person } from '../recording.ts'
import type { Words } from '../words.ts'
import { element, icon, say, setIcon } from './dom.ts'

interface Tile {
  person: Person
  players: readonly FilePlayer[]
  root: HTMLElement
  picture: HTMLElement
  state: HTMLElement
  muteButton: HTMLButtonElement
  muteIcon: SVGSVGElement
  volume: HTMLInputElement
}

/** On a phone more than these are beside each other, and a finger moves them, instead of many rows. */
const mostInRows = 7

/** Everybody's pictures: one large, the others small beside it. Tiles stay where they are in the document; the style sheet places them. */
export class StageView {
  readonly root = element('section', { class: 'stage' })
  readonly #tiles: Tile[]
  readonly #words: Words

  constructor(
    people: readonly { person: Person; players: readonly FilePlayer[] }[],
    words: Words,
    askForLarge: (id: string) => void,
  ) {
    this.#words = words
    this.#tiles = people.map(({ person, players }) => this.#tile(person, players, askForLarge))
    this.root.append(...this.#tiles.map(({ root }) => root))
    this.root.classList.toggle('alone', people.length === 1)
    this.root.classList.toggle('many', people.length > mostInRows)
    this.root.style.setProperty('--small', String(people.length - 1))
  }

  isMuted(id: string): boolean {
    return this.#tileOf(id)?.players[0]?.element.muted ?? false
  }

  toggleMute(id: string): void {
    const tile = this.#tileOf(id)
    if (tile === undefined) return
    const isMuted = !this.isMuted(id)
    for (const { element } of tile.players) element.muted = isMuted
    this.#showMute(tile)
  }

  update(position: number, large: string | undefined): void {
    for (const tile of this.#tiles) this.#updateTile(tile, position)
    for (const { person, root } of this.#tiles) root.classList.toggle('large', person.id === large)
  }

  /** As large as the screen, and back. */
  toggleFullScreen(): void {
    if (document.fullscreenElement === null) void this.root.requestFullscreen()
    else void document.exitFullscreen()
  }

  /** Whose picture can be seen now. */
  isShown(id: string, position: number): boolean {
    const tile = this.#tileOf(id)
    return tile !== undefined && stateAt(tile, position).is === 'shown'
  }

  #tileOf(id: string): Tile | undefined {
    return this.#tiles.find(({ person }) => person.id === id)
  }

  #tile(person: Person, players: readonly FilePlayer[], askForLarge: (id: string) => void): Tile {
    const words = this.#words
    const name = nameOf(person, words)
    const picture = element('div', { class: 'picture' }, ...players.map(({ element }) => element))
    const state = element('p', { class: 'state' })
    const muteIcon = icon('loud')
    const muteButton = element('button', { type: 'button', class: 'mute', onclick: () => this.toggleMute(person.id) }, muteIcon)
    const volume = element('input', {
      ...{
        type: 'range',
        class: 'volume',
        min: '0',
        max: '1',
        step: '0.05',
        value: String(players[0]?.element.volume ?? 1),
        'aria-label': words.volume(name),
      },
      oninput: () => {
        for (const { element } of players) element.volume = Number(volume.value)
      },
    })
    const show = element(
      'button',
      { type: 'button', class: 'show', 'aria-label': words.showLarge(name), onclick: () => askForLarge(person.id) },
      element('span', { class: 'initial', 'aria-hidden': 'true' }, [...person.userId][0]?.toUpperCase() ?? '?'),
    )
    const hasSound = players.some(({ file }) => file.audio !== undefined && file.audio !== null)
    const root = element(
      'article',
      { class: 'tile', 'aria-label': name },
      ...[picture, show, state],
      element('footer', {}, element('b', {}, name), hasSound && volume, hasSound && muteButton),
    )
    root.dataset.lane = person.id
    const tile = { person, players, root, picture, state, muteButton, muteIcon, volume }
    this.#showMute(tile)
    return tile
  }

  #showMute({ person, muteButton, muteIcon, players, root }: Tile): void {
    const isMuted = players[0]?.element.muted ?? false
    const name = nameOf(person, this.#words)
    setIcon(muteIcon, isMuted ? 'silent' : 'loud')
    muteButton.setAttribute('aria-label', isMuted ? this.#words.unmute(name) : this.#words.mute(name))
    muteButton.setAttribute('aria-pressed', String(isMuted))
    root.classList.toggle('muted', isMuted)
  }

  #updateTile(tile: Tile, position: number): void {
    const current = playerAt(tile.players, position)
    for (const { element } of tile.players) element.hidden = element !== current?.element
    const state = stateAt(tile, position)
    say(tile.state, state.is === 'shown' || state.is === 'heard' ? '' : this.#words[state.is])
    tile.root.dataset.state = state.is
    tile.root.classList.toggle('speaking', within(tile.person.speech, position))
  }
}

type TileState = { is: 'shown' | 'heard' | 'noPicture' | 'away' | 'paused' | 'loading' | 'waits' | 'broken' | 'missing' }

function stateAt({ person, players }: Pick<Tile, 'person' | 'players'>, position: number): TileState {
  const player = playerAt(players, position)
  if (player === undefined) return { is: isThere(person, position) ? 'noPicture' : 'away' }
  if (player.state.is === 'broken' || player.state.is === 'missing') return { is: player.state.is }
  if (player.state.is === 'unseekable') return { is: 'broken' }
  if (player.state.is === 'unloaded') return { is: 'waits' }
  if (player.state.is !== 'ready') return { is: 'loading' }
  if (player.file.video === undefined || player.file.video === null) return { is: 'heard' }
  const camera = person.lane.video?.find(({ start, end }) => position >= start && position < end)
  return { is: camera?.state === 'off' ? 'noPicture' : 'shown' }
}

/** Somebody may be there and send nothing. */
const isThere = ({ lane }: Person, position: number) =>
  lane.presence.some(({ state, start, end }) => state === 'there' && position >= start && position < end)

const playerAt = (players: readonly FilePlayer[], position: number) => players.findLast((player) => player.covers(position))
const within = (spans: readonly { start: number; end: number }[], position: number) =>
  spans.some(({ start, end }) => position >= start && position < end)

export const nameOf = ({ userId, isScreen }: Person, words: Words) => (isScreen ? words.screenOf(userId) : userId)
