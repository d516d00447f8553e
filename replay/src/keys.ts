export interface KeyActions {
  toggle(): void
  skip(seconds: number): void
  faster(): void
  slower(): void
  follow(): void
  mute(): void
  /** From 1 on. */
  show(number: number): void
  markStart(): void
  markEnd(): void
}

/** One picture of 25 a second. */
const pictureSeconds = 0.04

/** Does what a key is for, as in the players people know. False where it is for nothing. */
export function keyActions(key: string, actions: KeyActions): boolean {
  const does: Record<string, () => void> = {
    ' ': actions.toggle,
    k: actions.toggle,
    ArrowLeft: () => actions.skip(-5),
    ArrowRight: () => actions.skip(5),
    j: () => actions.skip(-10),
    l: () => actions.skip(10),
    ',': () => actions.skip(-pictureSeconds),
    '.': () => actions.skip(pictureSeconds),
    ArrowUp: actions.faster,
    ArrowDown: actions.slower,
    f: actions.follow,
    m: actions.mute,
    i: actions.markStart,
    o: actions.markEnd,
  }
  const action = /^[1-9]$/.test(key) ? () => actions.show(Number(key)) : does[key.length === 1 ? key.toLowerCase() : key]
  action?.()
  return action !== undefined
}
