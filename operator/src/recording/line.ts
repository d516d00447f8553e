/**
 * The line in which Recordings wait where only so many may record at once. Pure: no clock, no I/O.
 *
 * The rule: of those that wait, the one of the highest priority is called first, of equal ones the one that was created first (then the smaller
 * UID), as long as a place is free for it. A namespace that has as many as it may keeps nobody of another namespace waiting.
 *
 * Flow: `wait` and `take` put a Recording where it is, `leave` takes it out; `call`, once all that is known has been said, calls exactly one for each
 * place that is free (`onCall`), and that one has it until it takes it or cannot (`leave`). Who is near the head is told at once that others have gone (`onMove`); whom
 * else that may concern says `takeMoved`.
 *
 * Guarantees: with limits that stay the same, those who have a place and those who are called are never more than the limits, unless they had one
 * before the line knew of it; nobody is called for a place before one that is ahead of it and could have it; who leaves or is left out holds up
 * nobody.
 */
export interface Limits {
  /** Recordings at once in each namespace; undefined: any number. */
  perNamespace: number | undefined
  /** The same in all namespaces together. */
  perCluster: number | undefined
}

export interface Waiting {
  uid: string
  namespace: string
  name: string
  /** Value of its PriorityClass. */
  priority: number
  creationTimestamp: string
}

export type Place =
  | { is: 'free' }
  /** `at`: from 1. `of`: how many wait. `within`: whose limit it is. */
  | { is: 'waits'; at: number; of: number; within: 'namespace' | 'cluster'; limit: number }

export function inOrder(a: Waiting, b: Waiting): number {
  return (
    b.priority - a.priority ||
    compare(a.creationTimestamp, b.creationTimestamp) ||
    // Within one second.
    compare(a.uid, b.uid)
  )
}

/** Which of those at the head are told their place whenever it changes; the others are some at a time. */
const toldAtOnce = 3

interface LineOptions {
  limits: Limits
  /** A place is free for it now. */
  onCall: (one: Waiting) => void
  /** It is near the head, and its place has changed. */
  onMove?: (one: Waiting) => void
}

export class Line {
  readonly #limits: Limits
  readonly #onCall: LineOptions['onCall']
  readonly #onMove: NonNullable<LineOptions['onMove']>
  /** Those that want a place, by UID, called or not. */
  readonly #waiting = new Map<string, Waiting>()
  /** Those that wait, in order by namespace: for who is called a place is free, and nobody is behind it. */
  readonly #byNamespace = new Map<string, Waiting[]>()
  readonly #called = new Map<string, string>()
  /** UID → namespace of those that have a place. */
  readonly #taken = new Map<string, string>()
  /** Places that are taken or called for, by namespace. */
  readonly #used = new Map<string, number>()
  /** Namespaces in whose lines somebody may have another place than before. */
  readonly #moved = new Set<string>()

  constructor({ limits, onCall, onMove = () => {} }: LineOptions) {
    this.#limits = limits
    this.#onCall = onCall
    this.#onMove = onMove
  }

  get taken(): number {
    return this.#taken.size
  }

  get waiting(): number {
    return this.#waiting.size - this.#called.size
  }

  /** It wants a place. One that is in line already stays where it is, called or not, unless its priority has changed. */
  wait(one: Waiting): void {
    const before = this.#waiting.get(one.uid)
    if (before?.priority === one.priority) return
    if (before !== undefined) this.#moved.add(one.namespace)
    this.#remove(one.uid)
    this.#waiting.set(one.uid, one)
    const line = this.#byNamespace.get(one.namespace) ?? []
    line.splice(positionIn(line, one), 0, one)
    this.#byNamespace.set(one.namespace, line)
    this.#noteBehind(one)
  }

  /** It has a place, whether or not one was free. */
  take({ uid, namespace }: Pick<Waiting, 'uid' | 'namespace'>): void {
    if (this.#taken.has(uid)) return
    // Who was called has it already.
    if (this.#called.delete(uid)) this.#waiting.delete(uid)
    else {
      this.#remove(uid)
      this.#use(namespace, 1)
    }
    this.#taken.set(uid, namespace)
  }

  /** It neither has a place nor wants one. */
  leave(uid: string): void {
    this.#remove(uid)
  }

  has(uid: string): boolean {
    return this.#taken.has(uid)
  }

  placeOf(uid: string): Place {
    const one = this.#waiting.get(uid)
    if (one === undefined || this.#called.has(uid)) return { is: 'free' }
    const { perNamespace, perCluster } = this.#limits
    const own = this.#byNamespace.get(one.namespace) ?? []
    if (perNamespace !== undefined && (this.#used.get(one.namespace) ?? 0) >= perNamespace) {
      return { is: 'waits', at: positionIn(own, one) + 1, of: own.length, within: 'namespace', limit: perNamespace }
    }
    let ahead = 0
    for (const [namespace, line] of this.#byNamespace) {
      const before = positionIn(line, one)
      // Those of a namespace that has as many as it may wait for one of their own, and are before nobody of another.
      const room = (perNamespace ?? Number.POSITIVE_INFINITY) - (this.#used.get(namespace) ?? 0)
      ahead += namespace === one.namespace ? before : Math.min(before, Math.max(0, room))
    }
    return { is: 'waits', at: ahead + 1, of: this.waiting, within: 'cluster', limit: perCluster ?? 0 }
  }

  /** For every place that is free. */
  call(): void {
    const moved = new Set<string>()
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#takeOut(next)
      this.#called.set(next.uid, next.namespace)
      this.#use(next.namespace, 1)
      moved.add(next.namespace)
      this.#onCall(next)
    }
    if (moved.size > 0) this.#tellTheFirst(moved)
  }

  get hasMoved(): boolean {
    return this.#moved.size > 0
  }

  /** Those that wait and may have another place than when this was last asked, namespace by namespace, in their order. */
  takeMoved(): Waiting[] {
    const moved = [...this.#moved].flatMap((namespace) => this.#byNamespace.get(namespace) ?? [])
    this.#moved.clear()
    return moved
  }

  #next(): Waiting | undefined {
    const { perNamespace = Number.POSITIVE_INFINITY, perCluster = Number.POSITIVE_INFINITY } = this.#limits
    if (this.#taken.size + this.#called.size >= perCluster) return undefined
    let first: Waiting | undefined
    for (const [namespace, [head]] of this.#byNamespace) {
      if ((this.#used.get(namespace) ?? 0) >= perNamespace) continue
      if (head !== undefined && (first === undefined || inOrder(head, first) < 0)) first = head
    }
    return first
  }

  #tellTheFirst(namespaces: Iterable<string>): void {
    const headOf = (line: readonly Waiting[] = []) => line.slice(0, toldAtOnce)
    const ofNamespaces = [...namespaces].flatMap((namespace) => headOf(this.#byNamespace.get(namespace)))
    const heads = [...this.#byNamespace.values()].flatMap(headOf)
    const ofCluster = this.#limits.perCluster === undefined ? [] : headOf(heads.toSorted(inOrder))
    for (const one of new Set([...ofNamespaces, ...ofCluster])) this.#onMove(one)
  }

  #remove(uid: string): void {
    const one = this.#waiting.get(uid)
    if (one !== undefined) {
      if (!this.#called.has(uid)) this.#takeOut(one)
      this.#waiting.delete(uid)
    }
    const used = this.#taken.get(uid) ?? this.#called.get(uid)
    this.#taken.delete(uid)
    this.#called.delete(uid)
    if (used !== undefined) this.#use(used, -1)
  }

  #takeOut(one: Waiting): void {
    const line = this.#byNamespace.get(one.namespace)!
    line.splice(positionIn(line, one), 1)
    if (line.length === 0) this.#byNamespace.delete(one.namespace)
    this.#noteBehind(one)
  }

  /** Somebody has come or gone: who is behind has another place. Of who comes last nobody takes note, for the number of those that wait is no place. */
  #noteBehind(one: Waiting): void {
    const concerned = this.#limits.perCluster === undefined ? [one.namespace] : this.#byNamespace.keys()
    for (const namespace of concerned) {
      const last = this.#byNamespace.get(namespace)?.at(-1)
      if (last !== undefined && inOrder(one, last) < 0) this.#moved.add(namespace)
    }
  }

  #use(namespace: string, change: 1 | -1): void {
    const used = (this.#used.get(namespace) ?? 0) + change
    if (used === 0) this.#used.delete(namespace)
    else this.#used.set(namespace, used)
    const { perNamespace, perCluster } = this.#limits
    if (perNamespace === undefined || perCluster === undefined) return
    // How many of it may begin before those of others is another number now.
    for (const other of this.#byNamespace.keys()) this.#moved.add(other)
  }
}

/** How many of a line in order come before one, whether or not it is in it. */
function positionIn(line: readonly Waiting[], one: Waiting): number {
  let [from, to] = [0, line.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (inOrder(line[middle]!, one) < 0) from = middle + 1
    else to = middle
  }
  return from
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
