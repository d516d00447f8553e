import type { KubeClient, Lease } from '@trtc-recorder/kube'
import { isAlreadyExists, isConflict, isNotFound, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { sleep, timeoutSignal } from '../runtime/timers.ts'
import { microTime } from './events.ts'

export interface LeaderElectionOptions {
  client: KubeClient
  log: Logger
  namespace: string
  name: string
  /** Unique to this process. */
  identity: string
  /** Others wait this long after the last sign of life. Default 15 s. */
  leaseDurationMillis?: number
  /** A leader that could not renew for this long is none any more. Less than the lease. Default 10 s. */
  renewDeadlineMillis?: number
  /** Between two tries. Default 2 s; followers wait up to 1.2 times as long more, at random. */
  retryPeriodMillis?: number
  onLeading?: (leading: boolean) => void
}

const jitterFactor = 1.2

/**
 * Leader election on a Lease, as client-go's `tools/leaderelection` does it.
 *
 * Flow: `acquire` waits until this process leads → `lost` settles when it no longer does → `release` gives the lease back on a clean stop.
 *
 * Guarantees: a leader that cannot renew gives up (10 s) before a follower may take over (15 s).
 *
 * Assumptions: clocks need not agree, only run at about the same rate: a follower counts from when *it* last saw the Lease change and
 * never believes the times written in it.
 *
 * Caveats: this is no fencing by the API server. A process that was frozen wakes up in the middle of what it did; `isInForce` tells it before each write
 * (fenced-client.ts), and what it had sent by then may still arrive. On `lost` the process has to exit at once, and whatever must never happen
 * twice has to be guarded by resource versions or UIDs as well.
 */
export class LeaderElection {
  readonly #options: Required<Omit<LeaderElectionOptions, 'onLeading'>> & Pick<LeaderElectionOptions, 'onLeading'>
  readonly #lost = Promise.withResolvers<void>()
  readonly #stop = new AbortController()
  #renewing: Promise<void> | undefined
  #leading = false
  #seen: { lease: Lease; at: number } | undefined
  #lastTry = performance.now()
  /** When the last renewal that came to pass was begun, by both clocks: one stands still while a machine sleeps, the other may be set. */
  #begun = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY }

  constructor(options: LeaderElectionOptions) {
    this.#options = { leaseDurationMillis: 15_000, renewDeadlineMillis: 10_000, retryPeriodMillis: 2000, ...options }
  }

  get isLeader(): boolean {
    return this.#leading
  }

  /** Whether nobody else can lead by now, nor before what is sent now arrives. Asked before each write, not remembered. */
  get isInForce(): boolean {
    const { monotonic, wall } = this.#begun
    const { leaseDurationMillis, retryPeriodMillis } = this.#options
    const elapsedMillis = Math.max(performance.now() - monotonic, Date.now() - wall)
    return this.#leading && elapsedMillis < leaseDurationMillis - retryPeriodMillis
  }

  /** Milliseconds since the loop last tried anything. Grows without bound only if it hangs. */
  get idleMillis(): number {
    return performance.now() - this.#lastTry
  }

  /** Resolves when this process was the leader and is no more. Exit then. Not after `release`. */
  get lost(): Promise<void> {
    return this.#lost.promise
  }

  /** Resolves with true when this process leads; with false if the signal was aborted before. Keeps renewing by itself. */
  async acquire(signal: AbortSignal): Promise<boolean> {
    const { retryPeriodMillis, identity, name, namespace, log } = this.#options
    log.info({ identity, lease: `${namespace}/${name}` }, 'Waiting for leadership')
    while (!signal.aborted) {
      if (await this.#tryOnce()) {
        this.#leading = true
        this.#options.onLeading?.(true)
        log.info({ identity }, 'Became the leader')
        this.#renewing = this.#renew()
        return true
      }
      await sleep(retryPeriodMillis * (1 + jitterFactor * Math.random()), signal)
    }
    return false
  }

  /** Ends renewing and, if this process leads, lets the next one begin at once. Call it when all work has ended. */
  async release(): Promise<void> {
    this.#stop.abort()
    await this.#renewing
    if (!this.#leading || this.#seen === undefined) return
    this.#leading = false
    this.#options.onLeading?.(false)
    const { lease } = this.#seen
    await this.#write({ ...lease, spec: { ...lease.spec, ...this.#spec(), holderIdentity: '', leaseDurationSeconds: 1 } })
    this.#options.log.info('Gave the lease back')
  }

  async #renew(): Promise<void> {
    const { retryPeriodMillis, renewDeadlineMillis, log } = this.#options
    let renewed = performance.now()
    while (!this.#stop.signal.aborted) {
      await sleep(retryPeriodMillis, this.#stop.signal)
      if (this.#stop.signal.aborted) return
      const left = renewDeadlineMillis - (performance.now() - renewed)
      if (left > 0 && (await this.#tryOnce(left))) renewed = performance.now()
      else if (performance.now() - renewed >= renewDeadlineMillis || this.#heldByOther()) {
        log.error({ holder: this.#seen?.lease.spec?.holderIdentity }, 'Lost the lease')
        this.#leading = false
        this.#options.onLeading?.(false)
        this.#lost.resolve()
        return
      }
    }
  }

  /** One try to take or keep the lease. Errors are logged here: the caller only tries again. */
  async #tryOnce(timeoutMillis = this.#options.renewDeadlineMillis): Promise<boolean> {
    this.#lastTry = performance.now()
    const begun = { monotonic: this.#lastTry, wall: Date.now() }
    const signal = timeoutSignal(timeoutMillis)
    const isOurs = await this.#takeOrKeep(signal)
    if (isOurs) this.#begun = begun
    return isOurs
  }

  async #takeOrKeep(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name, identity, leaseDurationMillis, log } = this.#options
    try {
      // The leader's own last write is as good as a read: the resource version says whether it still stands.
      const known = this.#leading ? this.#seen?.lease : undefined
      const lease = known ?? (await client.get(resources.leases, { namespace, name }, { signal }))
      this.#observe(lease)
      const holder = lease.spec?.holderIdentity
      const expired = performance.now() - (this.#seen?.at ?? 0) >= leaseDurationMillis
      if (holder && holder !== identity && !expired) return false
      const taken = holder !== identity
      const transitions = (lease.spec?.leaseTransitions ?? 0) + (taken ? 1 : 0)
      const acquireTime = taken ? microTime(new Date()) : lease.spec?.acquireTime
      const spec = { ...lease.spec, ...this.#spec(), leaseTransitions: transitions, ...(acquireTime && { acquireTime }) }
      await this.#write({ ...lease, spec }, signal)
      return true
    } catch (error) {
      if (isNotFound(error)) return this.#create(signal)
      // Somebody else wrote it: look at it afresh next time, and do not take our own copy for the truth.
      if (isConflict(error)) await this.#lookAgain(signal)
      else log.warn({ err: error }, 'Lease could not be read or written')
      return false
    }
  }

  async #create(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name, log } = this.#options
    const spec = { ...this.#spec(), acquireTime: microTime(new Date()), leaseTransitions: 0 }
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace }, spec }
    try {
      this.#observe(await client.create(resources.leases, lease, { signal }))
      return true
    } catch (error) {
      if (!isAlreadyExists(error)) log.warn({ err: error }, 'Lease could not be created')
      return false
    }
  }

  async #lookAgain(signal: AbortSignal): Promise<void> {
    const { client, namespace, name, log } = this.#options
    try {
      this.#observe(await client.get(resources.leases, { namespace, name }, { signal }))
    } catch (error) {
      log.warn({ err: error }, 'Lease could not be read')
    }
  }

  async #write(lease: Lease, signal?: AbortSignal): Promise<void> {
    this.#observe(await this.#options.client.replace(resources.leases, lease, signal ? { signal } : {}))
  }

  /** Time counts from when we saw the Lease change, whatever it says itself. */
  #observe(lease: Lease): void {
    if (this.#seen?.lease.metadata.resourceVersion === lease.metadata.resourceVersion) return
    this.#seen = { lease, at: performance.now() }
  }

  #heldByOther(): boolean {
    const holder = this.#seen?.lease.spec?.holderIdentity
    return holder !== undefined && holder !== '' && holder !== this.#options.identity
  }

  #spec() {
    return {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: Math.ceil(this.#options.leaseDurationMillis / 1000),
      renewTime: microTime(new Date()),
    }
  }
}
