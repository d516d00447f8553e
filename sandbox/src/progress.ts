/** What a long step tells the person in front of the screen. */
export interface Progress {
  /** How far the step is. Shown at once on a terminal, else at most every 10 s. */
  update(text: string): void
  /** Ends the step with its elapsed time and, if given, a result. */
  done(text?: string): void
  failed(text: string): void
}

export type Report = (step: string) => Progress

const quietSeconds = 10

/** Seconds as a person says them: `4.2 s`, `3 min 07 s`. */
export function elapsed(milliseconds: number): string {
  const seconds = milliseconds / 1000
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`
}

/** A step reported on stderr, one line for its start if it takes longer, one for its end. */
export const onScreen: Report = (step) => {
  const out = process.stderr
  const started = performance.now()
  let printed = performance.now()
  const took = () => elapsed(performance.now() - started)
  const line = (text: string) => out.write(out.isTTY ? `\r\x1b[K${text}\n` : `${text}\n`)
  if (out.isTTY) out.write(`  … ${step}`)
  return {
    update(text) {
      if (out.isTTY) {
        out.write(`\r\x1b[K${`  … ${step}: ${text} (${took()})`.slice(0, out.columns - 1)}`)
      } else if (performance.now() - printed > quietSeconds * 1000) {
        printed = performance.now()
        line(`  … ${step}: ${text} (${took()})`)
      }
    },
    done(text) {
      line(`  ✓ ${step}${text ? `: ${text}` : ''} (${took()})`)
    },
    failed(text) {
      line(`  ✗ ${step}: ${text} (${took()})`)
    },
  }
}

/** A step nobody watches. */
export const unseen: Report = () => ({ update() {}, done() {}, failed() {} })
