import type { ManifestFile } from '@trtc-recorder/api'
import { Axis } from './axis.ts'
import type { Clock } from './clock.ts'
import { correctionFor } from './pacing.ts'

/** Turns the key of a file into an address that can be played. Asked again when an address does not work any more. */
export type Resolve = (path: string) => string | Promise<string>

export type FileState =
  | { is: 'unloaded' }
  | { is: 'loading' }
  | { is: 'ready' }
  /** It is there and cannot be played. */
  | { is: 'broken'; why: string }
  /** It is there, and comes only from its beginning on: whoever serves it gives no parts of files (HTTP ranges). */
  | { is: 'unseekable' }
  /** It was never stored. */
  | { is: 'missing'; why: string }

/** Whether nothing of it can be played, whatever the clock says. */
export const isAtFault = ({ is }: FileState) => is === 'broken' || is === 'unseekable' || is === 'missing'

/** So long before its beginning a file is loaded, and so long after its end it is kept. */
const aheadMillis = 15_000
const behindMillis = 60_000
/** A paused picture is put right when it is farther away than a picture. */
const stillSeconds = 0.02
/** Nearer to its end than this there is nothing more to wait for. */
const endSeconds = 0.1
/** An address has worked when it played so far from where the last one failed. */
const worksSeconds = 2
const longestSeekSeconds = 0.6
/** So far before where it was sent an element comes to only where all that it can go to is the beginning. */
const missedSeconds = 1

/** One file of a recording and the element that plays it, kept on the clock of all. */
export class FilePlayer {
  readonly file: ManifestFile
  readonly axis: Axis
  readonly element: HTMLMediaElement
  readonly #resolve: Resolve
  #state: FileState
  /** Second of the file at which its address last failed, until the next one has played beyond. */
  #failedAt: number | undefined
  #seekBegan: number | undefined
  #seekTo = 0
  #seekSeconds = 0.05
  #wantedSince: number | undefined

  constructor(file: ManifestFile, resolve: Resolve) {
    this.file = file
    this.axis = new Axis(file)
    this.#resolve = resolve
    this.#state = file.status === 1 || file.url !== '' ? { is: 'unloaded' } : { is: 'missing', why: file.message }
    this.element = document.createElement(file.video ? 'video' : 'audio')
    this.element.preload = 'auto'
    this.element.setAttribute('playsinline', '')
    this.element.addEventListener('error', () => this.#failed())
    this.element.addEventListener('loadedmetadata', () => {
      if (this.#state.is === 'loading') this.#state = { is: 'ready' }
    })
    this.element.addEventListener('seeked', () => this.#seeked())
  }

  get state(): FileState {
    return this.#state
  }

  covers(position: number): boolean {
    return this.axis.covers(position)
  }

  /** Since when (page clock, ms) the clock's moment cannot be played although the file covers it; undefined where it can. */
  waitsSince(now: number, position: number): number | undefined {
    this.#wantedSince = this.#isWanting(position) ? (this.#wantedSince ?? now) : undefined
    return this.#wantedSince
  }

  /** Brings the element to where the clock is. Called ten times a second and after every jump. */
  follow(clock: Clock, now: number): void {
    const position = clock.at(now)
    if (isAtFault(this.#state)) return
    if (position < this.axis.start - aheadMillis || position > this.axis.end + behindMillis) {
      this.unload()
      return
    }
    if (this.#state.is === 'unloaded') this.#load()
    if (this.#state.is !== 'ready') return
    const target = this.axis.mediaAt(position)
    // At a cut the file stands still until the clock is over it.
    const moves = this.covers(position) && this.axis.mediaAt(position + 1) > target
    if (clock.isRunning && moves) this.#run(target, clock.rate)
    else this.#stand(target)
  }

  /** It has been somewhere else: nothing of its pace is right any more. */
  jump(clock: Clock, now: number): void {
    if (this.#state.is === 'ready') this.#seek(this.axis.mediaAt(clock.at(now)))
  }

  #run(target: number, rate: number): void {
    const { element } = this
    if (element.ended || element.seeking) return
    if (element.paused) {
      if (Math.abs(element.currentTime - target) > stillSeconds) this.#seek(target)
      element.playbackRate = rate
      // A browser that wants a click first says so by refusing; the next tick asks again.
      element.play().catch(() => undefined)
      return
    }
    if (element.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) return
    if (this.#failedAt !== undefined && Math.abs(element.currentTime - this.#failedAt) > worksSeconds) this.#failedAt = undefined
    const correction = correctionFor({
      targetSeconds: target,
      driftSeconds: element.currentTime - target,
      rate,
      seekSeconds: this.#seekSeconds,
    })
    if (correction.do === 'seek') this.#seek(correction.toSeconds)
    else if (element.playbackRate !== correction.playbackRate) element.playbackRate = correction.playbackRate
  }

  #stand(target: number): void {
    const { element } = this
    if (!element.paused) element.pause()
    if (!element.seeking && Math.abs(element.currentTime - Math.min(target, element.duration)) > stillSeconds) this.#seek(target)
  }

  #seek(seconds: number): void {
    this.#seekBegan ??= performance.now()
    this.#seekTo = Math.min(seconds, Math.max(0, this.element.duration - 0.001))
    this.element.currentTime = this.#seekTo
  }

  #seeked(): void {
    if (!this.element.seeking && this.#seekTo - this.element.currentTime > missedSeconds) {
      this.element.pause()
      this.#state = { is: 'unseekable' }
    }
    if (this.#seekBegan === undefined) return
    const took = (performance.now() - this.#seekBegan) / 1000
    this.#seekBegan = undefined
    this.#seekSeconds = Math.min(longestSeekSeconds, (this.#seekSeconds + took) / 2)
  }

  #isWanting(position: number): boolean {
    if (!this.covers(position)) return false
    if (isAtFault(this.#state)) return false
    if (this.#state.is !== 'ready') return true
    if (this.axis.mediaAt(position) > this.element.duration - endSeconds) return false
    return this.element.readyState < HTMLMediaElement.HAVE_FUTURE_DATA
  }

  async #load(): Promise<void> {
    this.#state = { is: 'loading' }
    try {
      const address = await this.#resolve(this.file.path)
      // The clock may have gone far away meanwhile.
      if (this.#state.is === 'loading') this.element.src = address
    } catch (error) {
      this.#failed(String(error))
    }
  }

  /** Lets go of its media, and of the connection that they come by. */
  unload(): void {
    if (this.#state.is !== 'loading' && this.#state.is !== 'ready') return
    this.#wantedSince = undefined
    this.element.pause()
    this.element.removeAttribute('src')
    this.element.load()
    this.#state = { is: 'unloaded' }
  }

  /**
   * An address that was signed runs out, in an hour several times, also while nothing plays: another is asked for. Where that fails as well, at the same
   * place, the file is at fault, or whoever gives addresses.
   */
  #failed(why = this.element.error?.message ?? ''): void {
    if (this.#state.is === 'unloaded') return
    const at = this.element.currentTime
    if (this.#failedAt === undefined || Math.abs(at - this.#failedAt) > worksSeconds) {
      this.#failedAt = at
      void this.#load()
      return
    }
    this.#state = { is: 'broken', why }
  }
}
