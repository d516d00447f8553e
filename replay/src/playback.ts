import { Clock } from './clock.ts'
import type { FilePlayer } from './file-player.ts'

/** Nothing is held up for what comes within this anyway, as after a jump. */
const holdAfterMillis = 120
/** Nobody is waited for longer than this: the others go on. */
const longestHoldMillis = 8000
export const tickMillis = 100

/** All files on one clock: what is played, and what is waited for. */
export class Playback {
  readonly clock: Clock
  readonly players: readonly FilePlayer[]
  readonly #changed: () => void
  readonly #mayPlay: (position: number) => (player: FilePlayer) => boolean

  /** `mayPlay`: of those that have something then, which are to be loaded. */
  constructor(
    span: { start: number; end: number },
    players: readonly FilePlayer[],
    { changed, mayPlay }: { changed: () => void; mayPlay: (position: number) => (player: FilePlayer) => boolean },
  ) {
    this.clock = new Clock(span.start, span.end)
    this.players = players
    this.#changed = changed
    this.#mayPlay = mayPlay
    setInterval(() => this.tick(), tickMillis)
    this.tick()
  }

  get position(): number {
    return this.clock.at(performance.now())
  }

  toggle(): void {
    if (this.clock.isPlaying) this.clock.pause(performance.now())
    else this.clock.play(performance.now())
    this.tick()
  }

  seek(position: number): void {
    const now = performance.now()
    this.clock.seek(position, now)
    for (const player of this.players) player.jump(this.clock, now)
    this.tick()
  }

  setRate(rate: number): void {
    this.clock.setRate(rate, performance.now())
    this.tick()
  }

  tick(): void {
    const now = performance.now()
    const position = this.clock.at(now)
    if (position >= this.clock.end && this.clock.isPlaying) this.clock.pause(now)
    const mayPlay = this.#mayPlay(position)
    const playing = this.players.filter(mayPlay)
    for (const player of this.players) if (!mayPlay(player)) player.unload()
    const waits = playing.map((player) => player.waitsSince(now, position)).filter((since) => since !== undefined)
    const holds = waits.some((since) => now - since >= holdAfterMillis && now - since < longestHoldMillis)
    this.clock.hold(holds, now)
    for (const player of playing) player.follow(this.clock, now)
    this.#changed()
  }
}
